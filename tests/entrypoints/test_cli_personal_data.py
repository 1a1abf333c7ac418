"""Personal data on the command line: `place` with a customer and addresses, `get`, `erase` and `export-person`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import Cli, on_a_terminal, run
from tests.entrypoints.http_calls import ORDER
from tests.entrypoints.test_cli_remote import Shop, shop  # noqa: F401  # the fixture

CUSTOMER = ("--customer-name", "Jo Doe", "--email", "jo@example.com", "--phone", "+44 113 496 0100")
ADDRESS = ("--ship-to", "line1=12 Mill Lane", "--ship-to", "city=Leeds", "--ship-to", "country=GB")
SHOWN = {"name": None, "company": None, "line1": "12 Mill Lane", "line2": None, "city": "Leeds", "region": None}


def test_place_and_get_show_the_personal_data() -> None:
    cli = Cli()
    order_id = cli.place(*CUSTOMER, *ADDRESS, "--bill-to", "company=Doe = Daughters")
    order = cli.json("get", order_id)
    assert order["customer"] == {"name": "Jo Doe", "email": "jo@example.com", "phone": "+44 113 496 0100"}
    assert order["shipping_address"] == {**SHOWN, "postal_code": None, "country": "GB"}
    assert order["billing_address"]["company"] == "Doe = Daughters"
    assert json.loads(cli("list", "--json").stdout)["data"] == [order]


def test_place_reads_the_personal_data_of_json() -> None:
    cli = Cli()
    order = cli.json("place", "--data", "-", stdin=json.dumps(ORDER))
    assert {part: order[part] for part in ("customer", "shipping_address")} == {
        part: ORDER[part] for part in ("customer", "shipping_address")
    }
    assert "cannot be combined" in cli("place", "--data", "-", "--email", "a@b.example", stdin="{}", code=2).stderr


@pytest.mark.parametrize(
    "args, code, message",
    [
        (("--email", "jo"), 5, "--email must be an e-mail address, such as jo@example.com"),
        (("--customer-name", "x" * 201), 5, "--customer-name must have at most 200 characters"),
        (("--ship-to", "country=gb"), 5, "--ship-to (country) must be an ISO 3166-1 alpha-2 code"),
        (("--bill-to", f"city={'x' * 101}"), 5, "--bill-to (city) must have at most 100 characters"),
        (("--ship-to", "town=Leeds"), 2, "must be KEY=VALUE, with a KEY of name, company, line1"),
        (("--ship-to", "city"), 2, "must be KEY=VALUE, with a KEY of name, company, line1"),
        (("--ship-to", "city=A", "--ship-to", "city=B"), 2, "--ship-to: must not repeat a key"),
    ],
)
def test_place_names_the_option_of_an_invalid_value(args: tuple[str, ...], code: int, message: str) -> None:
    cli = Cli()
    result = cli("place", "--user", "u", "--total", "1", "--currency", "EUR", *args, code=code)
    assert message in result.stderr
    assert cli("list").stdout == ""


def test_edit_changes_one_value_of_a_part() -> None:
    cli = Cli()
    order_id = cli.place(*CUSTOMER, *ADDRESS)
    edited = cli.json("edit", order_id, "--phone", "1234", "--ship-to", "line1=14 Mill Lane")
    assert edited["customer"] == {"name": "Jo Doe", "email": "jo@example.com", "phone": "1234"}
    assert edited["shipping_address"] == {**SHOWN, "line1": "14 Mill Lane", "postal_code": None, "country": "GB"}
    assert "--email must be an e-mail address" in cli("edit", order_id, "--email", "jo", code=5).stderr


def test_erase_removes_the_personal_data_once() -> None:
    cli = Cli()
    first, second = (cli.place(*CUSTOMER, *ADDRESS, "--external-ref", f"web-{n}") for n in (1, 2))
    bare = cli.place()
    assert cli.json("erase", "--user", "user-42", "--dry-run") == {"orders": 3, "erased": 2}
    assert "customer" in cli.json("get", first)

    done = cli("erase", "web-1", bare, "--yes")
    assert done.stdout == "orders\t2\nerased\t1\n"
    assert "backups and exported files that were made before still contain it" in done.stderr
    assert "customer" not in cli.json("get", first)
    assert "customer" in cli.json("get", second)

    assert cli.json("erase", "--user", "user-42", "--yes") == {"orders": 3, "erased": 1}
    assert cli.json("erase", "--user", "user-42", "--yes") == {"orders": 3, "erased": 0}
    assert "jo@example.com" not in cli("export").stdout
    assert cli.json("verify")["problems"] == []


def test_erase_needs_orders_or_a_user_and_a_confirmation() -> None:
    cli = Cli()
    order_id = cli.place(*CUSTOMER)
    assert "either orders or --user ID is required" in cli("erase", "--yes", code=2).stderr
    assert "either orders or --user ID" in cli("erase", order_id, "--user", "user-42", "--yes", code=2).stderr
    assert "--yes is required" in cli("erase", order_id, stdin="y\n", code=2).stderr
    cli("erase", order_id, "no-such-order", "--yes", code=3)
    assert "customer" in cli.json("get", order_id)


@pytest.mark.parametrize("answer, code, left", [("n", 130, True), ("y", 0, False)])
def test_erase_asks_on_a_terminal(answer: str, code: int, left: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = Cli()
    order_id = cli.place(*CUSTOMER)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    done = cli("erase", order_id, stdin=f"{answer}\n", code=code)
    assert "Erase the personal data of 1 order? This cannot be undone [y/N]" in done.stderr
    assert ("nothing was erased" in done.stderr) == left
    monkeypatch.undo()
    assert ("customer" in cli.json("get", order_id)) == left


def test_export_person_has_the_orders_as_the_user_may_see_them(tmp_path: Path) -> None:
    cli = Cli()
    mine = cli.place(*CUSTOMER)
    cli("place", "--user", "user-7", "--total", "1", "--currency", "EUR", "--email", "other@example.com")
    cli("notes", "add", mine, "internal remark")
    cli("notes", "add", mine, "We will call you.", "--visibility", "customer")
    exported = cli("export-person", "--user", "user-42").stdout
    assert "internal remark" not in exported
    assert "other@example.com" not in exported
    person = json.loads(exported)
    assert (person["user_id"], len(person["orders"])) == ("user-42", 1)
    order, history = person["orders"][0]["order"], person["orders"][0]["history"]
    assert (order["customer"]["email"], [note["text"] for note in order["notes"]]) == (
        "jo@example.com",
        ["We will call you."],
    )
    assert [change["version"] for change in history] == [1, 2, 3]

    file = tmp_path / "person.json"
    assert "1 order of this user written to" in cli("export-person", "--user", "user-42", str(file)).stderr
    assert json.loads(file.read_text()) == person
    nobody = cli("export-person", "--user", "user-0")
    assert json.loads(nobody.stdout) == {"user_id": "user-0", "orders": []}
    assert "0 orders of this user" in nobody.stderr


def test_get_on_a_terminal_shows_the_person_without_the_digest(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/orders.db")
    placed = run(*store, "place", "--user", "u", "--total", "1", "--currency", "EUR", *CUSTOMER, *ADDRESS, cwd=tmp_path)
    seen, _ = on_a_terminal(*store, "get", json.loads(placed.stdout)["id"], cwd=tmp_path, stream="stdout")
    assert "email: jo@example.com" in seen
    assert "city: Leeds" in seen
    assert "personal data" not in seen


def test_server_stores_and_erases_what_the_options_say(shop: Shop) -> None:  # noqa: F811
    order_id = shop.place(*CUSTOMER, *ADDRESS, "--external-ref", "erased")
    here, there = shop.on_store("get", order_id).stdout, shop.on_server("get", order_id).stdout
    assert here == there
    assert json.loads(there)["customer"]["name"] == "Jo Doe"
    wrong = [*CUSTOMER[:2], "--email", "jo", "--user", "u", "--total", "1", "--currency", "EUR"]
    assert shop.on_server("place", *wrong).stderr == shop.on_store("place", *wrong).stderr

    erased = shop.on_server("erase", "erased", "--yes")
    assert (erased.exit_code, erased.stdout) == (0, "orders\t1\nerased\t1\n")
    assert "customer" not in json.loads(shop.on_server("get", order_id).stdout)
    key = shop.new_key("orders:write", "orders:read")
    rejected = shop.on_server("erase", "erased", "--yes", ORDERKEEP_API_KEY=key)
    assert rejected.exit_code == 4
    assert "requires the scope orders:erase" in rejected.stderr
    assert "needs the store" in shop.on_server("export-person", "--user", "user-42").stderr
