"""The commands that place, show, list and change orders."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.entrypoints.cli_calls import Cli

OF_ONE_ORDER = ["get", "confirm", "ship", "deliver", "cancel", "history", "receipt", "documents"]
LINES = ("--line", 'A1,"Lamp, red",2,47.50', "--line", "B2,Bulb,3,1.25,0.15,0.70")


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_place_reads_amounts_in_major_units(cli: Cli) -> None:
    order = cli.json("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")
    assert (order["user_id"], order["total"], order["currency"]) == ("user-42", 9900, "EUR")
    assert (order["status"], order["lines"], order["version"]) == ("pending", [], 1)


def test_place_accepts_every_option(cli: Cli) -> None:
    extras = ("--shipping", "5", "--discount", "2.50", "--tax", "0.19", "--external-ref", "web-7781")
    tagged = ("--tag", "gift", "--tag", "rush", "--metadata", "channel=web", "--metadata", "note=a=b")
    order = cli.json("place", "--user", "user-7", "--currency", "EUR", *LINES, *extras, *tagged)
    lamp = {"sku": "A1", "name": "Lamp, red", "quantity": 2, "unit_price": 4750, "discount": 0, "tax": 0}
    bulb = {"sku": "B2", "name": "Bulb", "quantity": 3, "unit_price": 125, "discount": 15, "tax": 70}
    assert [lamp.items() <= order["lines"][0].items(), bulb.items() <= order["lines"][1].items()] == [True, True]
    assert (order["shipping"], order["discount"], order["tax"]) == (500, 250, 19)
    assert order["total"] == 2 * 4750 + (3 * 125 - 15 + 70) + 500 - 250 + 19
    assert (order["external_ref"], order["tags"]) == ("web-7781", ["gift", "rush"])
    assert order["metadata"] == {"channel": "web", "note": "a=b"}


def test_place_reads_amounts_with_the_decimal_places_of_the_currency(cli: Cli) -> None:
    assert cli.json("place", "--user", "u", "--total", "99", "--currency", "JPY")["total"] == 99
    assert cli.json("place", "--user", "u", "--total", "1.234", "--currency", "KWD")["total"] == 1234
    error = cli("place", "--user", "u", "--total", "9.999", "--currency", "EUR", code=2).stderr
    assert "--total" in error
    assert "at most 2 decimal places in EUR" in error


def test_place_data_reads_amounts_in_minor_units(cli: Cli) -> None:
    body = {"user_id": "user-42", "total": 9900, "currency": "EUR", "metadata": {"k": "v"}}
    order = cli.json("place", "--data", "-", stdin=json.dumps(body))
    assert {name: order[name] for name in body} == body


def test_place_data_reports_every_invalid_field(cli: Cli) -> None:
    body = {"user_id": "", "total": -1, "currency": "EUR", "colour": "red"}
    error = cli.error("place", "--data", "-", stdin=json.dumps(body), code=5)
    assert error["code"] == "invalid_fields"
    assert {fault["pointer"] for fault in error["errors"]} == {"/user_id", "/total", "/colour"}
    shown = cli("place", "--data", "-", stdin=json.dumps(body), code=5).stderr
    assert shown.startswith("orderkeep: 3 fields are invalid; nothing was changed\n")
    assert "/total " in shown


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b'"\\ud800"', b"\xff", b"[" * 10_000], ids=str)
def test_place_rejects_malformed_json(cli: Cli, body: bytes) -> None:
    assert cli.error("place", "--data", "-", stdin=body, code=5)["code"] == "malformed_json"


@pytest.mark.parametrize(
    "args, word",
    [
        ((), "--user"),
        (("--user", "u", "--total", "1"), "--currency"),
        (("--user", "u", "--currency", "EUR"), "--total"),
        (("--user", "u", "--currency", "EUR", "--total", "1e3"), "--total"),
        (("--user", "u", "--currency", "EUR", "--total", "1,50"), "--total"),
        (("--user", "u", "--currency", "EUR", "--total", "-1"), "--total"),
        (("--user", "u", "--currency", "EURO", "--total", "1"), "--currency"),
        (("--user", "u", "--currency", "EUR", "--line", "A1,Lamp,2"), "--line"),
        (("--user", "u", "--currency", "EUR", "--line", "A1,Lamp,two,1.00"), "--line"),
        (("--user", "u", "--currency", "EUR", "--line", "A1,Lamp,2,47,50"), "decimal point in its price"),
        (("--user", "u", "--currency", "EUR", "--line", "A1,Lamp,2,47,50,0"), "decimal point in its price"),
        (("--user", "u", "--currency", "EUR", "--line", "A1,Lamp,50,1.200,50"), "at most 2 decimal places in EUR"),
        (("--user", "u", "--currency", "EUR", "--total", "1.200"), "at most 2 decimal places in EUR"),
        (("--user", "u", "--currency", "JPY", "--total", "1.000"), "must be a whole number in JPY"),
        (("--user", "u", "--currency", "EUR", "--total", "1", "--metadata", "k"), "--metadata"),
        (("--user", "u", "--currency", "EUR", "--total", "1", "--metadata", "k=1", "--metadata", "k=2"), "--metadata"),
        (("--user", "u", "--data", "-"), "--data"),
        (("--data", "no-such-file.json"), "--data"),
        (("--user", "\udcff", "--currency", "EUR", "--total", "1"), "--user"),
    ],
)
def test_place_rejects_invalid_options(cli: Cli, args: tuple[str, ...], word: str) -> None:
    assert word in cli("place", *args, code=2).stderr


def test_place_rejects_an_order_that_breaks_a_rule(cli: Cli) -> None:
    error = cli.error("place", "--user", "u", "--currency", "EUR", "--total", "1", *LINES, code=5)
    assert error["code"] == "total_mismatch"
    assert error["detail"] == (
        "--total must be 99.30 EUR, which is lines + shipping + tax - discount: 1.00 is 98.30 too low"
    )
    assert cli("list").stdout == ""


def test_get_prints_the_stored_text_of_the_order(cli: Cli) -> None:
    order_id = cli.place()
    assert cli("get", order_id).stdout == cli("get", order_id, "--json").stdout
    assert json.loads(cli("get", order_id).stdout)["id"] == order_id


def test_get_prints_an_earlier_version(cli: Cli) -> None:
    order_id = cli.place()
    placed = cli.json("get", order_id)
    cli("confirm", order_id)
    assert cli.json("get", order_id, "--version", "1") == placed
    assert cli.json("get", order_id, "--at", placed["updated_at"]) == placed
    assert cli.json("get", order_id)["status"] == "processing"
    assert cli.error("get", order_id, "--version", "3", code=3)["code"] == "version_not_found"
    assert cli.error("get", order_id, "--at", "1999-12-31", code=3)["code"] == "version_not_found"
    assert "together" in cli("get", order_id, "--version", "1", "--at", "1999-12-31", code=2).stderr


def test_commands_change_the_status(cli: Cli) -> None:
    order_id = cli.place()
    for command, status in (("confirm", "processing"), ("ship", "shipped"), ("deliver", "delivered")):
        assert cli.json(command, order_id)["status"] == status
    assert cli.json("get", order_id)["version"] == 4


def test_cancel_stores_reason_and_note(cli: Cli) -> None:
    order = cli.json("cancel", cli.place(), "--reason", "too late", "--note", "Called twice.")
    assert order["status"] == "cancelled"
    assert (order["cancellation"]["reason"], order["cancellation"]["note"]) == ("too late", "Called twice.")


def test_rejected_command_changes_nothing(cli: Cli) -> None:
    order_id = cli.place()
    error = cli.error("ship", order_id, code=4)
    assert error == {"code": "cannot_ship_order", "detail": "Order cannot be shipped: it is pending"}
    assert cli.json("get", order_id)["version"] == 1


def test_dry_run_prints_the_order_and_writes_nothing(cli: Cli) -> None:
    order_id = cli.place()
    result = cli("cancel", order_id, "--reason", "test", "--dry-run")
    order = json.loads(result.stdout)
    assert (order["id"], order["status"], order["version"]) == (order_id, "cancelled", 2)
    message = "dry run: nothing was changed. This is what the command would return"
    assert result.stderr == f"orderkeep: {message}\n"
    assert cli.json("get", order_id)["status"] == "pending"


def test_repeated_key_has_one_effect_and_one_result(cli: Cli) -> None:
    first, again = cli.place("--key", "k-1"), cli("place", *_order_options(), "--key", "k-1")
    assert json.loads(again.stdout)["id"] == first
    assert "this --key was used before: nothing was changed" in again.stderr
    assert cli("list").stdout.count("\n") == 1
    other = ("place", "--user", "user-8", "--total", "1.00", "--currency", "EUR", "--key", "k-1")
    assert cli.error(*other, code=4)["code"] == "idempotency_key_reused"


def test_expected_version_mismatch_changes_nothing(cli: Cli) -> None:
    order_id = cli.place()
    assert cli.error("cancel", order_id, "--expected-version", "2", code=4)["code"] == "version_mismatch"
    assert cli.json("cancel", order_id, "--expected-version", "1")["status"] == "cancelled"


def _order_options() -> tuple[str, ...]:
    return ("--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.mark.parametrize("command", OF_ONE_ORDER)
def test_unknown_order_is_not_found(cli: Cli, command: str) -> None:
    error = cli.error(command, "no-such-order", code=3)
    assert (list(error), error["code"]) == (["code", "detail"], "order_not_found")


@pytest.mark.parametrize("command", OF_ONE_ORDER)
def test_order_is_found_by_prefix_and_reference(cli: Cli, command: str) -> None:
    for given in ("prefix", "reference"):
        order_id = cli.place("--external-ref", f"{command}-{given}")
        for earlier in {"ship": ["confirm"], "deliver": ["confirm", "ship"]}.get(command, []):
            cli(earlier, order_id)
        result = cli(command, order_id[:8] if given == "prefix" else f"{command}-{given}", "--json").stdout
        assert order_id in result or command in ("receipt", "documents")  # whose JSON does not name the order


def test_place_warns_about_a_reference_in_use(cli: Cli) -> None:
    new = ("place", *_order_options(), "--external-ref", "web-1")
    assert cli(*new, "--key", "k-1").stderr == ""
    warning = "orderkeep: 1 other order has this external reference: check that this order is not placed twice\n"
    assert cli(*new).stderr == warning
    assert "2 other orders have this external reference" in cli(*new, "--dry-run").stderr
    assert cli("place", *_order_options(), "--external-ref", "web-2").stderr == ""


def test_reference_finds_the_only_order_that_is_not_cancelled(cli: Cli) -> None:
    cancelled, active = (cli.place("--external-ref", "web-1") for _ in range(2))
    cli("cancel", cancelled)
    shown = cli("get", "web-1")
    assert json.loads(shown.stdout)["id"] == active
    chosen = f"2 orders have the reference web-1: using {active}, the only one that is not cancelled"
    assert shown.stderr == f"orderkeep: {chosen}\n"
    assert cli.json("history", "web-1")["data"][0]["order"]["id"] == active
    cli("cancel", active)
    assert cli.error("get", "web-1", code=2)["code"] == "ambiguous_order"
    for _ in range(2):
        cli.place("--external-ref", "web-1")
    assert len(cli.error("get", "web-1", code=2)["candidates"]) == 4


def test_ids_are_found_in_upper_case_and_with_spaces(cli: Cli) -> None:
    order_id = cli.place("--external-ref", "web-1")
    for given in (order_id.upper(), order_id[:8].upper(), f" {order_id}\n", " web-1"):
        assert cli.json("get", given)["id"] == order_id
    message = cli("get", "WEB-1", code=3).stderr
    assert "enter its number or its ID in full" in message


def test_earlier_version_is_found_by_reference(cli: Cli) -> None:
    order_id = cli.place("--external-ref", "W-1001")
    assert cli.json("get", "W-1001", "--version", "1")["id"] == order_id
    assert cli.json("receipt", "W-1001", "--dry-run")["order_version"] == 1


def test_help_says_what_identifies_an_order(cli: Cli) -> None:
    for command in OF_ONE_ORDER:
        assert "the external reference, the first column" in " ".join(cli(command, "--help").stdout.split())
    assert "external reference" not in cli("list", "--help").stdout


def test_command_that_changes_nothing_says_what_was_recorded_before(cli: Cli) -> None:
    order_id = cli.place("--line", "A1,Lamp,2,49.50")

    def twice(command: str, *args: str) -> str:
        words = command.split()
        assert "nothing was changed" not in cli(*words, order_id, *args).stderr
        return cli(*words, order_id, *args).stderr.removeprefix("orderkeep: ").removesuffix(": nothing was changed\n")

    paid = ("--reference", "pay-1", "--kind", "captured", "--amount", "99")
    assert twice("payments record", *paid) == "payment pay-1 (captured) was recorded before"
    assert twice("refunds add", "--reference", "re-1", "--amount", "9") == "refund re-1 was recorded before"
    closed = twice("refunds close", "re-1", "--status", "succeeded")
    assert closed == "refund re-1 was recorded as succeeded before"
    cli("confirm", order_id)
    cli("ship", order_id)
    assert twice("shipments update", "s1", "--carrier", "DHL") == "shipment s1 has these values already"
    delivered = twice("shipments deliver", "s1", "--occurred-at", "2001-02-03")
    assert delivered == "shipment s1 was recorded as delivered before (2001-02-03 00:00Z)"


def test_command_says_what_follows_from_the_change(cli: Cli) -> None:
    order_id = cli.place("--line", "A1,Lamp,4,24.75")

    def said(command: str, *args: str) -> str:
        return cli(*command.split(), order_id, *args).stderr.removeprefix("orderkeep: ").removesuffix("\n")

    said("payments record", "--reference", "pay-1", "--kind", "captured", "--amount", "99")
    voided = said("payments record", "--reference", "pay-1", "--kind", "voided", "--amount", "99")
    assert "payment pay-1 stays captured: " in voided
    assert "`orderkeep refunds add`" in voided
    said("refunds add", "--reference", "re-1", "--amount", "9")
    assert said("refunds close", "re-1", "--status", "failed").startswith("refund re-1 failed, which is final")
    said("confirm")
    said("shipments add", "--line", "l1=3")
    assert said("deliver") == "the shipments are delivered; not shipped yet: 1 of l1"
    said("ship")
    assert "s2 is recorded as delivered before it was shipped" in said(
        "shipments deliver", "s2", "--occurred-at", "2001-02-03"
    )
    said("returns request", "--line", "l1=3")
    assert said("returns receive", "r1", "--line", "l1=1").startswith("return r1 is closed with 1 of 3 units")
    said("returns request", "--line", "l1=1")
    assert said("returns receive", "r2") == ""


def test_cancel_lines_requires_lines_or_all(cli: Cli) -> None:
    order_id = cli.place("--line", "A1,Lamp,2,49.50")
    message = "use --line for some units, such as --line l1=2, or --all for all that are not shipped"
    assert message in cli("cancel-lines", order_id, code=2).stderr
    assert message in cli("cancel-lines", order_id, "--all", "--line", "l1=1", code=2).stderr
    assert cli("cancel-lines", order_id, "--line", "l1=1").stderr == ""
    assert cli("cancel-lines", order_id, "--all").stderr == "orderkeep: the order is cancelled, which is final\n"
    assert cli.json("get", order_id)["status"] == "cancelled"


def test_update_of_a_shipment_requires_an_option(cli: Cli) -> None:
    message = "nothing to change: use --carrier, --tracking-number or --tracking-url."
    assert message in cli("shipments", "update", cli.place(), "s1", code=2).stderr


def test_number_sign_of_a_reference_may_be_omitted(cli: Cli) -> None:
    order_id = cli.place("--external-ref", "#3001")
    assert cli.json("get", "3001")["id"] == order_id
    other = cli.place("--external-ref", "3001")
    assert cli.json("get", "3001")["id"] == other
    assert "quote an order number that begins with #, such as '#1001'" in cli("get", code=2).stderr


def test_list_prints_tab_separated_lines_without_a_header(cli: Cli) -> None:
    order_id = cli.place("--external-ref", "web-7781")
    created_at = cli.json("get", order_id)["created_at"]
    assert cli("list").stdout == f"{order_id}\tpending\t99.00\tEUR\tuser-42\t{created_at}\tweb-7781\n"


def test_list_applies_each_filter(cli: Cli) -> None:
    one = cli.place("--tag", "gift", "--external-ref", "web-1")
    two = cli.json("place", "--user", "user-7", "--total", "1", "--currency", "USD")
    cli("confirm", two["id"])
    assert _ids(cli, "--user", "user-7") == [two["id"]]
    assert _ids(cli, "--status", "pending") == [one]
    assert _ids(cli, "--status", "processing", "--status", "pending") == [two["id"], one]
    assert _ids(cli, "--tag", "gift") == [one]
    assert _ids(cli, "--external-ref", "web-1") == [one]
    assert _ids(cli, "--from", two["created_at"]) == [two["id"]]
    assert _ids(cli, "--to", two["created_at"]) == [one]
    assert _ids(cli, "--to", "1999-12-31") == []


def test_list_reports_the_range_of_dates(cli: Cli) -> None:
    cli.place()
    days = ("--from", "2026-11-23", "--to", "2026-11-29")
    assert cli("list", *days).stderr == (
        "orderkeep: orders created from 2026-11-23 00:00Z until before 2026-11-29 00:00Z\n"
    )
    shifted = cli("list", *days, "--timezone", "Europe/Berlin").stderr
    assert "from 2026-11-23 00:00+01:00 until before 2026-11-29 00:00+01:00" in shifted
    assert "until before 2026-11-29 00:00Z" in cli("export", "--to", "2026-11-29").stderr
    assert cli("list", "--from", "2026-11-23T10:00:00Z").stderr == ""
    assert cli("list", *days, "--json").stderr == ""


def test_list_rejects_the_range_of_one_date(cli: Cli) -> None:
    error = cli("list", "--from", "2026-11-29", "--to", "2026-11-29", code=2).stderr
    assert "--to is exclusive" in error
    assert "use --to 2026-11-30 for the orders of 2026-11-29" in error
    assert "this day does not exist" in cli("list", "--from", "2026-11-31", code=2).stderr
    assert "must be a time zone" in cli("list", "--timezone", "Berlin", code=2).stderr


def test_times_are_in_the_time_zone_of_the_option(cli: Cli) -> None:
    order = cli.json("get", cli.place())
    placed = datetime.fromisoformat(order["created_at"]).astimezone(ZoneInfo("Asia/Tokyo"))
    local = placed.replace(tzinfo=None).isoformat()
    assert _ids(cli, "--from", local, "--timezone", "Asia/Tokyo") == [order["id"]]
    assert _ids(cli, "--from", local) == []
    assert cli.json("get", order["id"], "--at", local, "--timezone", "Asia/Tokyo") == order
    cli.error("get", order["id"], "--at", local, "--timezone", "Pacific/Auckland", code=3)


def _ids(cli: Cli, *filters: str) -> list[str]:
    return [order["id"] for order in cli.json("list", *filters)["data"]]


def test_list_pages_contain_every_order_once(cli: Cli) -> None:
    placed = {cli.place() for _ in range(5)}
    first = cli.json("list", "--limit", "3")
    second = cli.json("list", "--limit", "3", "--cursor", first["next_cursor"])
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert {order["id"] for page in (first, second) for order in page["data"]} == placed
    assert f"--cursor {first['next_cursor']}" in cli("list", "--limit", "3").stderr


def test_list_search_finds_orders_by_tracking_number(cli: Cli) -> None:
    order_id = cli.place("--external-ref", "web-1")
    cli.place("--external-ref", "JD0143 00")
    cli("confirm", order_id)
    cli("shipments", "add", order_id, "--tracking-number", "JD 0143-00")
    assert _ids(cli, "--search", "jd014300") == [order_id]
    assert _ids(cli, "--search", "JD0143") == []
    assert cli("list", "--search", " web-1").stdout.count("\n") == 1
    first = cli.json("list", "--search", "JD0143 00", "--limit", "1")
    assert (len(first["data"]), first["has_more"]) == (1, True)
    assert _ids(cli, "--search", "JD0143 00", "--cursor", first["next_cursor"]) == [order_id]


def test_list_all_prints_every_page(cli: Cli) -> None:
    placed = {cli.place() for _ in range(201)}
    assert {line.split("\t")[0] for line in cli("list", "--all").stdout.splitlines()} == placed
    page = cli.json("list", "--all")
    assert {order["id"] for order in page["data"]} == placed
    assert (page["has_more"], page["next_cursor"]) == (False, None)


@pytest.mark.parametrize(
    "args, word",
    [
        (("--limit", "0"), "--limit"),
        (("--limit", "201"), "--limit"),
        (("--cursor", "nonsense"), "--cursor"),
        (("--status", "lost"), "--status"),
        (("--tag", "a", "--external-ref", "b"), "--external-ref"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to"),
        (("--from", "yesterday"), "--from"),
        (("--all", "--limit", "3"), "--all"),
        (("--user", ""), "--user"),
        (("--tag", "\udcff"), "--tag"),
        (("--search", " "), "--search"),
        (("--search", "x" * 255), "--search must have 1 to 254 characters"),
        (("--search", "a", "--status", "pending"), "--status cannot be used together with --search"),
    ],
)
def test_list_rejects_invalid_options(cli: Cli, args: tuple[str, ...], word: str) -> None:
    assert word in cli("list", *args, code=2).stderr


def test_history_prints_who_did_what_and_why(cli: Cli) -> None:
    order_id = cli.place("--as", "anna")
    cli("--as", "Ben", "cancel", order_id, "--reason", "too late", "--note", "Called\ntwice.")
    changes = cli.json("history", order_id)["data"]
    assert [(change["version"], change["actor"]) for change in changes] == [(1, "staff:anna"), (2, "staff:Ben")]
    assert [change["order"]["status"] for change in changes] == ["pending", "cancelled"]
    rows = [line.split("\t") for line in cli("history", order_id).stdout.splitlines()]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("1", "staff:anna", "OrderPlaced", "", "pending", ""),
        ("2", "staff:Ben", "OrderCancelled", "reason: too late; note: Called twice.", "cancelled", ""),
    ]
    assert [row[1] for row in rows] == [change["at"] for change in changes]


def test_actor_is_of_as_then_the_environment_then_the_login(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "login")
    monkeypatch.setenv("ORDERKEEP_ACTOR", "")
    by_login = cli.place()
    monkeypatch.setenv("ORDERKEEP_ACTOR", "Anna B.")
    by_environment, by_option = cli.place(), cli.place("--as", "ben@shop.example")
    actors = [cli.json("history", each)["data"][0]["actor"] for each in (by_login, by_environment, by_option)]
    assert actors == ["staff:login", "staff:Anna B.", "staff:ben@shop.example"]


def test_actor_of_a_user_id_without_a_login_name_is_cli(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "ORDERKEEP_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # of no user
    assert cli.json("history", cli.place())["data"][0]["actor"] == "staff:cli"


@pytest.mark.parametrize("name", ["key:Key0000001", " ", "a\nb", "\u202eb", "x" * 101])
def test_invalid_actor_names_are_rejected(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    order = ("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")
    rule = "must be a name of at most 100 characters, without colons and control characters"
    assert f"Invalid value for '--as': {rule}" in cli(*order, "--as", name, code=2).stderr
    monkeypatch.setenv("ORDERKEEP_ACTOR", name)
    assert f"ORDERKEEP_ACTOR {rule}: use --as NAME." in cli(*order, code=2).stderr
    assert cli("list", "--as", "anna").stdout == ""
