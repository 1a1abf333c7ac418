"""Messages of failed commands: they name the user's own option, file or command, and say what to do."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orderkeep.bootstrap import build_use_cases
from orderkeep.config import Settings
from orderkeep.domain.exceptions import AmountOutOfRange, OrderkeepError, RecordedDifferently, StoreUnusable
from orderkeep.domain.lifecycle import TooManyRecords
from orderkeep.domain.payments import RefundExceedsPayments
from orderkeep.domain.policies import PaymentRequired
from orderkeep.entrypoints.amounts import message_in_major_units
from orderkeep.entrypoints.cli.main import cli as group
from orderkeep.entrypoints.cli.session import Session
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.cli_calls import Cli, run
from tests.receipts import BrokenDocumentStore, use_cases_with_receipts

LINE = {"sku": "A1", "name": "Lamp", "quantity": 1, "unit_price": 1}
ORDER = ("--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_unusable_order_store_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "orders.db").write_text("name,quantity\n" * 500)
    message = run("list", cwd=tmp_path).stderr.decode()
    said = f"orderkeep: {tmp_path.resolve()}/orders.db is not a SQLite database: use another file (SQLITE_NOTADB)\n"
    assert message.endswith(said)


class DamagedStore(InMemoryOrderRepository):
    async def list_page(self, *_: Any, **__: Any) -> Any:
        raise StoreUnusable("damaged")


def test_unusable_store_without_advice_names_the_settings() -> None:
    message = Cli(build_use_cases(DamagedStore()))("list", code=7).stderr
    assert message == "orderkeep: damaged; check --store or ORDERKEEP_STORE (for documents, ORDERKEEP_DOCUMENTS)\n"


def test_missing_store_is_reported_once_with_what_to_do(tmp_path: Path) -> None:
    message = run("list", cwd=tmp_path).stderr.decode()
    advice = "use the directory of the store, correct the URL in --store or ORDERKEEP_STORE, or create the file with"
    assert message == f"orderkeep: {tmp_path.resolve()}/orders.db does not exist: {advice} `orderkeep migrate`\n"


@pytest.mark.parametrize("name", [(), ("keys",), ("table",)], ids=" ".join)
def test_group_without_a_command_prints_its_help(cli: Cli, name: tuple[str, ...]) -> None:
    result = cli(*name, code=2)
    assert (result.stdout, result.stderr) == ("", cli(*name, "--help").stdout)


def test_place_has_no_expected_version(cli: Cli) -> None:
    message = cli("place", *ORDER, "--expected-version", "3", code=2).stderr
    assert "No such option '--expected-version'" in message
    assert "--expected-version" not in cli("place", "--help").stdout
    assert "--expected-version" in cli("cancel", "--help").stdout


@pytest.mark.parametrize(
    "args, message",
    [
        (("list", "--from", "2026-01-02", "--to", "2026-01-01"), "--to must not be before --from"),
        (("list", "--status", "pending", "--tag", "t"), "--tag cannot be used together with --status: "),
        (("list", "--status", "pending", "--external-ref", "r"), "--external-ref cannot be used together "),
        (("list", "--on-hold", "--refund-due"), "--refund-due cannot be used together with --on-hold: "),
        (("list", "--return-status", "none"), "--return-status cannot be none: omit it "),
        (("list", "--limit", "0"), "--limit must be from 1 to 200"),
        (("list", "--cursor", "x"), "--cursor is not valid for this list "),
        (("keys", "create", "--name", " ", "--user", "u"), "--name must not be "),
        (("keys", "create", "--name", "x", "--user", "u", "--scope", "admin"), "--scope must be omitted "),
        (("keys", "create", "--name", "x", "--scope", "admin", "--expires", "2020-01-01"), "--expires must be in the "),
        (("place", *ORDER[4:], "--user", "u", "--line", " ,Lamp,1,2.00"), "--line (no. 1, sku) must not be empty"),
        (("place", *ORDER, "--metadata", "1=\x07"), "--metadata (1) must not contain control characters"),
        (("place", *ORDER, "--tag", "a", "--tag", "a"), "--tag (no. 2) repeats an earlier tag: "),
        (("place", *ORDER, "--external-ref", "x" * 300), "--external-ref must have at most "),
        (("place", *ORDER[:2], *ORDER[4:], "--line", "A1,Lamp,1,2.00,3"), "--line (no. 1, discount) must not exceed "),
    ],
)
def test_message_names_the_option_not_the_field(cli: Cli, args: tuple[str, ...], message: str) -> None:
    shown = cli(*args, code=None).stderr
    assert shown.startswith(f"orderkeep: {message}")


@pytest.mark.parametrize(
    "args, message",
    [
        (
            ("--total", "100.50"),
            "--total must be 95.00 EUR, which is lines + shipping + tax - discount: 100.50 is 5.50 ",
        ),
        (("--discount", "95.01"), "--discount must not exceed lines + shipping + tax; "),
        (("--total", "1", "--discount", "95.01"), "--discount must not exceed lines + shipping + tax; "),
        (("--shipping", "9999999999999"), "--total must be below 10000000000000.00 EUR; "),
        (
            ("--shipping", "1e9"),
            "--shipping: must be an amount such as 1234.50: digits with a decimal point",
        ),
        (("--shipping", "10000000000000"), "--shipping: must be below 10000000000000.00 EUR"),
        (("--tax", "1.234"), "--tax: must have at most 2 decimal places in EUR"),
    ],
)
def test_message_has_amounts_in_major_units(cli: Cli, args: tuple[str, ...], message: str) -> None:
    order = ("place", "--user", "user-42", "--currency", "EUR", "--line", "A1,Lamp,2,47.50")
    last_line = cli(*order, *args, code=None).stderr.splitlines()[-1]
    assert last_line.removeprefix("orderkeep: ").removeprefix("Invalid value for ").startswith(message)
    assert "minor units" not in last_line


def test_message_about_json_names_its_field(cli: Cli) -> None:
    order = {"user_id": "u", "total": 1, "shipping": 2, "currency": "EUR", "lines": [LINE]}
    shown = cli("place", "--data", "-", stdin=json.dumps(order), code=5).stderr
    assert shown.startswith("orderkeep: total must equal lines + shipping + tax - discount: expected 3, got 1, ")


@pytest.mark.parametrize(
    "args, detail",
    [
        (("--json", "lst"), "No such command 'lst'. Did you mean 'list'?"),
        (("lst", "--json"), "No such command 'lst'. Did you mean 'list'?"),
        (("--json", "keys"), "Missing command."),
        (("list", "--json", "--status", "canceled"), "Invalid value for '--status': 'canceled' is not one of "),
        (("list", "--statsu", "pending", "--json"), "No such option '--statsu'."),
        (("place", "--user", "u", "--json"), "--currency and --total or --line are required, "),
    ],
)
def test_usage_error_is_json_with_json(cli: Cli, args: tuple[str, ...], detail: str) -> None:
    result = cli(*args, code=2)
    error = json.loads(result.stderr)
    assert (result.stdout, list(error), error["code"]) == ("", ["code", "detail"], "usage_error")
    assert error["detail"].startswith(detail)


@pytest.mark.parametrize(
    "args, missing",
    [
        ((), "--user, --currency and --total or --line are"),
        (("--total", "1"), "--user and --currency are"),
        (("--user", "u", "--currency", "EUR"), "--total or --line is"),
        (("--user", "u", "--line", "A1,Lamp,1,2.00"), "--currency is"),
    ],
)
def test_missing_options_are_reported_together(cli: Cli, args: tuple[str, ...], missing: str) -> None:
    error = cli.error("place", *args, code=2)
    assert error["detail"] == f"{missing} required, unless --data has the whole order."


@pytest.mark.parametrize("args, suggestion", [(("lst",), "list"), (("keys", "crate"), "create")])
def test_unknown_command_suggests_the_nearest(cli: Cli, args: tuple[str, ...], suggestion: str) -> None:
    message = cli(*args, code=2).stderr
    assert message.endswith(f"Error: No such command '{args[-1]}'. Did you mean '{suggestion}'?\n")


def test_ambiguous_order_lists_the_candidates(cli: Cli) -> None:
    one, other = cli.place("--external-ref", "W-1001"), cli.place("--external-ref", "W-1001", "--shipping", "5")
    placed = cli.json("get", one)["created_at"]
    shown = cli("cancel", "W-1001", code=2).stderr.splitlines()
    assert shown[0] == "orderkeep: 2 orders match: use the whole ID of one"
    assert shown[2] == f"  {one}  pending  99.00 EUR  user-42  W-1001  {placed}"
    assert shown[1].startswith(f"  {other}  ")
    error = cli.error("cancel", "W-1001", code=2)
    assert (error["code"], error["has_more"]) == ("ambiguous_order", False)
    assert error["candidates"][1] == {
        "id": one, "status": "pending", "total": 9900, "currency": "EUR", "user_id": "user-42",
        "external_ref": "W-1001", "created_at": placed,
    }  # fmt: skip
    assert cli("list", "--status", "cancelled").stdout == ""


def test_rejected_command_names_the_command_that_comes_first(cli: Cli) -> None:
    order_id = cli.place()
    rejected = f"nothing was changed; first run `orderkeep confirm {order_id}`"
    assert cli("ship", order_id, code=4).stderr.endswith(f": it is pending; {rejected}\n")
    assert f"{rejected} and `orderkeep ship {order_id}`\n" in cli("deliver", order_id, code=4).stderr
    cli("confirm", order_id)
    cli("ship", order_id)
    advice = f"what is delivered can be returned: `orderkeep returns request {order_id}`\n"
    assert cli("cancel", order_id, code=4).stderr.endswith(f": it is shipped; nothing was changed; {advice}")
    assert cli("ship", order_id, code=4).stderr.endswith(": it is shipped; nothing was changed\n")
    cancelled = cli.place()
    cli("cancel", cancelled)
    assert "is final: place a new order with `orderkeep place`" in cli("ship", cancelled, code=4).stderr
    cli("hold", held := cli.place(), "--reason", "address")
    assert f"; first run `orderkeep release {held}`\n" in cli("confirm", held, code=4).stderr


@pytest.mark.parametrize(
    "words, hint",
    [
        (("payments", "add"), "orderkeep payments record ID"),
        (("shipments", "list"), "they are shown by `orderkeep get ID`"),
        (("notes", "delete"), "orderkeep notes edit ID"),
        (("uncancel",), "place a new one"),
    ],
)
def test_word_that_is_no_command_of_a_group_has_a_hint(cli: Cli, words: tuple[str, ...], hint: str) -> None:
    assert hint in cli(*words, "web-1", code=2).stderr


@pytest.mark.parametrize(
    "word, hint",
    [
        ("find", "orderkeep get ID"),
        ("show", "orderkeep list"),
        ("update", "orderkeep edit ID"),
        ("help", "orderkeep --help"),
    ],
)
def test_word_that_is_no_command_has_a_hint(cli: Cli, word: str, hint: str) -> None:
    error = cli(word, "123", code=2).stderr
    assert f"No such command '{word}': " in error
    assert hint in error


def test_amount_with_a_decimal_comma_has_a_suggestion(cli: Cli) -> None:
    error = cli("place", "--user", "u", "--currency", "EUR", "--total", "99,00", code=2).stderr
    assert (
        "must be an amount such as 1234.50: digits with a decimal point, no thousands separator or currency. "
        "Did you mean 99.00?" in error
    )
    assert "Did you mean EUR?" in cli("place", "--user", "u", "--currency", "eur", "--total", "9", code=2).stderr


@pytest.mark.parametrize(
    "given, meant",
    [
        ("1,200.00", "1200.00"),
        ("1.200,00", "1200.00"),
        ("772.20 EUR", "772.20"),
        ("€ 772,20", "772.20"),
        ("9 EUR", "9"),
    ],
)
def test_amount_in_another_form_has_a_suggestion(cli: Cli, given: str, meant: str) -> None:
    error = cli("place", "--user", "u", "--currency", "EUR", "--total", given, code=2).stderr
    assert f"Did you mean {meant}?" in error


@pytest.mark.parametrize("given", ["-5", "50%", "1,200", "1.2.3", "1,2345", "1.2345,6", "abc"])
def test_amount_that_is_not_clear_has_no_suggestion(cli: Cli, given: str) -> None:
    assert "Did you mean" not in cli("place", "--user", "u", "--currency", "EUR", "--total", given, code=2).stderr


def test_errors_have_amounts_as_they_are_given(cli: Cli) -> None:
    order_id = cli.place()
    paid = ("payments", "record", order_id, "--kind", "captured", "--reference", "with 77")
    refund = ("refunds", "add", order_id, "--reference", "re-1", "--amount")
    assert cli(*refund, "4", code=4).stderr.startswith(
        "orderkeep: nothing that was captured is left to be refunded; nothing was changed; record payments with"
    )
    assert "--amount must be more than 0 and below 10000000000000.00 EUR" in cli(*paid, "--amount", "0", code=5).stderr
    cli(*paid, "--amount", "40")
    assert "is recorded with 40.00 EUR, not 41.00 EUR: use" in cli(*paid, "--amount", "41", code=4).stderr
    message = cli(*refund, "1000", code=4).stderr
    assert "at most 40.00 EUR of the captured payments can be refunded, not 1000.00 EUR;" in message


@pytest.mark.parametrize(
    "error, shown",
    [
        (
            PaymentRequired("processing", "ship", "paid", 0, 9_900, "EUR"),
            "ship requires paid: 0.00 EUR of 99.00 EUR are captured and not refunded",
        ),
        (
            PaymentRequired("pending", "confirm", "authorized", -5, 9_900, "JPY"),
            "confirm requires authorized: -5 JPY of 9900 JPY are authorized or captured",
        ),
        (
            RecordedDifferently("refund", 5, 7, "KWD"),
            "this refund is recorded with 0.005 KWD, not 0.007 KWD: use another reference for another amount",
        ),
        (
            RefundExceedsPayments("shipped", 1_000, 75, "EUR"),
            "at most 0.75 EUR of the captured payments can be refunded, not 10.00 EUR",
        ),
        (RefundExceedsPayments("shipped", 1_000, 0, "EUR"), "nothing that was captured is left to be refunded"),
        (AmountOutOfRange("must be below 10^15 minor units"), "must be below 10000000000000.00 EUR"),
        (TooManyRecords("shipped", "notes", 99), "the order already has 99 notes, the maximum"),
    ],
    ids=str,
)
def test_amounts_of_a_message_are_shown_in_major_units(error: OrderkeepError, shown: str) -> None:
    currency = error.facts.get("currency", "EUR")
    assert message_in_major_units(error, str(currency)) == shown


def test_json_error_of_a_rejected_command_has_the_field(cli: Cli) -> None:
    order_id = cli.place("--line", "A1,Lamp,2,47.50", "--line", "B2,Bulb,1,4.00")
    units = ("--line", "l1=1", "--line", "l2=2")
    error = json.loads(cli("cancel-lines", order_id, *units, "--json", code=4).stderr)
    message = "line l2 has only 1 unit left to cancel, not 2"
    found = {"pointer": "/lines/1/quantity", "code": "quantity_not_available", "message": message}
    assert (error["detail"], error["errors"]) == (message, [found])


def test_line_that_does_not_exist_is_repeated_with_those_of_the_order(cli: Cli) -> None:
    order_id = cli.place("--line", "A1,Lamp,2,47.50", "--line", "B2,Bulb,1,4.00")
    message = cli("cancel-lines", order_id, "--line", "l9=1", code=5).stderr
    assert (
        message == "orderkeep: --line l9=1: line must be the ID of a line of the order: l1, l2; nothing was changed\n"
    )
    assert "--line l1=0: quantity must be" in cli("cancel-lines", order_id, "--line", "l1=0", code=5).stderr


@pytest.mark.parametrize(
    "args, advice",
    [
        (
            ("cancel", "1", "--reason", "changed", "mind"),
            'put a text of several words in quotes, such as "changed mind"',
        ),
        (("cancel-lines", "1", "--line", "l1=1", "l2=1"), "repeat the option for each value"),
        (("list", "web-1"), "to show one order, use `orderkeep get ID`"),
        (("list", "--from", "30.11.2026"), "write it as 2026-11-30"),
        (("list", "--from", "2026-11-3"), "write it as 2026-11-03"),
    ],
)
def test_wrong_arguments_have_advice(cli: Cli, args: tuple[str, ...], advice: str) -> None:
    assert advice in cli(*args, code=2).stderr


def test_words_that_are_not_similar_are_not_suggested(cli: Cli) -> None:
    paid = ("payments", "record", "1", "--reference", "p", "--amount", "1", "--kind", "paid")
    assert "Did you mean" not in cli(*paid, code=2).stderr
    assert "Did you mean" not in cli("notes", "add", "1", "text", "--customer", code=2).stderr
    assert "Did you mean" in cli("notes", "add", "1", "text", "--visibilty", "customer", code=2).stderr


def test_wrong_value_is_reported_without_the_usage(cli: Cli) -> None:
    assert cli("list", "--tag", "", code=2).stderr == "orderkeep: Invalid value for '--tag': must not be empty\n"


@pytest.mark.parametrize(
    "args, advice",
    [
        (("export", "orders.xlsx", "--excel"), "use a name that ends in .csv"),
        (("list", "--remote", "127.0.0.1:8077"), "did you mean http://127.0.0.1:8077?"),
    ],
)
def test_name_of_another_form_has_advice(cli: Cli, args: tuple[str, ...], advice: str) -> None:
    assert advice in cli(*args, code=2).stderr


def test_cancel_reports_that_it_is_final(cli: Cli) -> None:
    order_id = cli.place()
    message = "orderkeep: the order is cancelled, which is final\n"
    assert message not in cli("cancel", order_id, "--dry-run").stderr
    assert cli("cancel", order_id, "--key", "k-1").stderr == message
    assert message not in cli("cancel", order_id, "--key", "k-1").stderr
    assert cli("confirm", cli.place()).stderr == ""


def test_unknown_order_has_advice(cli: Cli) -> None:
    message = "Order not found; enter its number or its ID in full, as `orderkeep list` shows them"
    assert cli("ship", "W-1001", code=3).stderr == f"orderkeep: {message}\n"


@pytest.mark.parametrize(
    "args, suggestion",
    [
        (("list", "--status", "canceled"), "cancelled"),
        (("list", "--status", "PENDING"), "pending"),
        (("export", "--format", "jsnl"), "jsonl"),
        (("keys", "create", "--name", "x", "--scope", "order:read"), "orders:read"),
    ],
)
def test_unknown_choice_suggests_the_nearest(cli: Cli, args: tuple[str, ...], suggestion: str) -> None:
    assert cli(*args, code=2).stderr.endswith(f". Did you mean '{suggestion}'?\n")


def test_unknown_choice_without_a_near_one_lists_all(cli: Cli) -> None:
    assert cli("export", "--format", "xlsx", code=2).stderr.endswith("'xlsx' is not one of 'jsonl', 'csv'.\n")


def test_unknown_option_suggests_the_nearest(cli: Cli) -> None:
    message = cli("place", "--currncy", "EUR", code=2).stderr
    assert message.endswith("No such option '--currncy'. Did you mean '--currency'?\n")


CHECKPOINT = f"checkpoints/2026-11-30T120000.000000Z-{64 * 'a'}.json"


@pytest.mark.parametrize(
    "args, hint",
    [
        (("export", "--to-documents"), "run the command again\n"),
        (("verify", "--checkpoint-document", CHECKPOINT), "run the command again\n"),
        (
            ("receipt", "{id}"),
            "run the command again with the same --key; without a --key, first check whether it took ",
        ),
    ],
)
def test_hint_after_a_failure_of_the_store_fits_the_command(args: tuple[str, ...], hint: str) -> None:
    cli = Cli(use_cases_with_receipts(BrokenDocumentStore(), "html"))
    order_id = cli.place()
    assert f"; {hint}" in cli(*(arg.format(id=order_id) for arg in args), code=7).stderr


def test_version_mismatch_says_how_to_see_the_order(cli: Cli) -> None:
    message = cli("cancel", order_id := cli.place(), "--expected-version", "3", code=4).stderr
    assert message.endswith(
        f"is at version 1, not 3: read it and retry; show the order again with `orderkeep get {order_id}`\n"
    )


@pytest.mark.parametrize(
    "args, message",
    [
        (("receipt", "ID", "-o", "receipt.pdf", "--format", "html"), "--format html does not match receipt.pdf."),
        (
            ("receipt", "ID", "-o", "receipt.csv"),
            "the format of receipt.csv is not clear from its extension: use --format html or pdf.",
        ),
        (("export", "orders.jsonl", "--format", "csv"), "--format csv does not match orders.jsonl."),
        (
            ("export", "orders.txt"),
            "the format of orders.txt is not clear from its extension: use --format jsonl or csv.",
        ),
    ],
)
def test_extension_must_match_the_format(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    order_id = cli.place()
    shown = cli(*(order_id if arg == "ID" else arg for arg in args), code=2).stderr
    assert shown.endswith(f"Error: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_revocation_says_when_it_takes_effect(cli: Cli) -> None:
    key = cli.json("keys", "create", "--name", "x", "--scope", "admin")
    shown = cli("keys", "revoke", key["id"]).stderr
    assert shown == "orderkeep: the key is revoked: running servers reject it within 10 seconds\n"


@pytest.mark.parametrize(
    "variable, warning",
    [
        ("ORDERKEEP_STOER", "ORDERKEEP_STOER is not a setting: did you mean ORDERKEEP_STORE?"),
        ("orderkeep_loglevel", "orderkeep_loglevel is not a setting: did you mean ORDERKEEP_LOG_LEVEL?"),
        ("ORDERKEEP_HOSTNAME", "ORDERKEEP_HOSTNAME is not a setting: `orderkeep config` lists them"),
        ("ORDERKEEP_COLOUR", "ORDERKEEP_COLOUR is not a setting: `orderkeep config` lists them"),
    ],
)
def test_unknown_variable_is_reported_once(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, warning: str
) -> None:
    monkeypatch.setenv(variable, "memory://")
    for command in (("list",), ("keys", "list"), ("list", "--json")):
        assert cli(*command).stderr == f"orderkeep: {warning}\n"


def test_known_variables_are_not_reported(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, setting in Settings.model_fields.items():
        monkeypatch.setenv(f"ORDERKEEP_{name.upper()}", str(setting.default))
    for name in ("ORDERKEEP_DEBUG", "ORDERKEEP_TEST_STORES", "ORDERKEEPER_STORE"):
        monkeypatch.setenv(name, "")
    assert cli("list").stderr == ""


@pytest.mark.parametrize(
    "url, what, extra", [("postgresql://x/orders", "PostgreSQL", "postgres"), ("dynamodb://orders", "DynamoDB", "aws")]
)
def test_missing_driver_is_not_called_an_invalid_url(
    monkeypatch: pytest.MonkeyPatch, url: str, what: str, extra: str
) -> None:
    ours = tuple(f"orderkeep.infrastructure.{adapter}" for adapter in ("aws", "dynamo_repo", "postgres_repo"))
    for name in [name for name in sys.modules if name.startswith((*ours, "aiodynamo."))]:
        monkeypatch.delitem(sys.modules, name)
    for package in ("asyncpg", "aiodynamo"):
        monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(group, ["--store", url, "list", "--json"], obj=Session())
    assert (result.exit_code, json.loads(result.stderr)["code"]) == (2, "extra_not_installed")
    assert json.loads(result.stderr)["detail"] == (
        f"{what} requires an extra that is not installed: pip install 'orderkeep[{extra}]'"
    )
