"""Tables on a terminal: amounts in major units, widths, and no control characters in customers' texts."""

import asyncio
import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO, PlaceOrder
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Event, OrderPlaced
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.payments import Payment
from orderkeep.domain.shipments import Tracking
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.change_texts import details_text, event_text
from orderkeep.entrypoints.cli import tables
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from tests.entrypoints.cli_calls import on_a_terminal, run

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ORDER = {
    "id": "o-1",
    "user_id": "anna",
    "total": 9650,
    "currency": "EUR",
    "status": "cancelled",
    "created_at": "2026-11-22T10:00:00.123456Z",
    "updated_at": "2026-11-23T11:00:00Z",
    "lines": [{"sku": "A1", "name": "[red]Lamp[/red]", "quantity": 2, "unit_price": 4750, "discount": 0, "tax": 150}],
    "shipping": 0,
    "discount": 0,
    "tax": 0,
    "external_ref": None,
    "tags": ["gift", "b2b"],
    "metadata": {"note": "one\ntwo"},
    "cancellation": {"reason": "late", "note": None, "at": "2026-11-23T11:00:00Z"},
    "version": 2,
}


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Chloé 日本 😀", "Chloé 日本 😀"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("bell\x07\x00\x7f\x85", "bell "),
        ("\u202eevil\u202c", "evil"),
        ("half\ud800", "half"),
    ],
)
def test_escape_sequences_and_control_characters_are_removed(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x1b\x9b\x9d[]0m;\x07\\")))
def test_no_text_keeps_a_control_character(text: str) -> None:
    assert not {character for character in plain(text) if ord(character) < 32 or 127 <= ord(character) < 160}


def test_order_is_shown_with_amounts_in_major_units_and_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order(ORDER)
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines()]
    assert ["total", "96.50", "EUR"] in rows
    assert ["created", "at", "2026-11-22", "10:00:00Z"] in rows
    assert ["metadata", "note:", "one", "two"] in rows
    assert ["cancellation", "reason:", "late"] in rows
    assert ["A1", "[red]Lamp[/red]", "2", "47.50", "1.50"] in rows
    assert "shipping" not in shown


def test_sum_above_the_limit_of_an_amount_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order({**ORDER, "captured": 12 * 10**14})
    assert ["captured", "12000000000000.00", "EUR"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_unknown_field_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order({**ORDER, "gift_message": "Happy birthday"})
    assert ["gift", "message", "Happy", "birthday"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_unknown_list_of_objects_is_printed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    parcels = [{"id": "s1", "carrier": "DHL", "tax": 119}, {"id": "s2", "carrier": None, "tax": 0}]
    tables.print_order({**ORDER, "parcels": parcels})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[rows.index(["id", "carrier", "tax"]) :] == [
        ["id", "carrier", "tax"],
        ["s1", "DHL", "1.19"],
        ["s2", "0.00"],
    ]


def test_metadata_is_not_shortened_like_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order({**ORDER, "metadata": {"at": "Tuesday or Thursday, after noon"}})
    assert "at: Tuesday or Thursday, after noon" in capsys.readouterr().out


def test_narrow_table_has_whole_columns_and_names_the_omitted_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    tables.print_rows(("id", "status", "user_id"), [["0192-abc", "processing", "a-long-name"]])
    heading, row, *more = capsys.readouterr().out.splitlines()
    assert (heading.split(), row.split()) == (["id", "status"], ["0192-abc", "processing"])
    assert " ".join(" ".join(more).split()) == "(not shown: user id; widen the window, or use --json)"


UUIDS = ("0d7f3c1e-5b1a-4c55-9f2e-0a1b2c3d4e5f", "0d7f3c1f-5b1a-4c55-9f2e-0a1b2c3d4e5f")


def test_narrow_table_shortens_ids_and_times_before_it_omits_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    columns = ("id", "status", "total", "user_id", "created_at")
    rows = [(each, "processing", Money(12499, "EUR"), UUIDS[0][:7], "2026-11-22T10:00:59.123456Z") for each in UUIDS]
    tables.print_rows(columns, [*rows, ("W-1042-2026-Q4", "shipped", Money(5, "JPY"), "ben", "2026-11-22T10:00:01Z")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["0d7f3c1e", "processing", "124.99", "EUR", "0d7f3c1"]
    assert lines[3] == ["W-1042-2026-Q4", "shipped", "5", "JPY", "ben"]
    tables.print_rows(columns, rows)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["0d7f3c1e", "processing", "124.99", "EUR", "0d7f3c1", "2026-11-22", "10:00Z"]


def test_narrow_table_keeps_ids_that_begin_alike(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    tables.print_rows(("id", "status"), [(UUIDS[0], "pending"), (UUIDS[0][:-1] + "0", "pending")])
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:3]] == [[UUIDS[0]], [UUIDS[0][:-1] + "0"]]


def test_narrow_table_omits_the_columns_of_the_layout_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    row = (UUIDS[0], "pending", "2026-11-22T10:00:59Z", "web-1004")
    layout = tables.Layout(whole_ids=True, omitted=("created at",))
    tables.print_rows(("id", "status", "created_at", "external_ref"), [row], layout)
    heading, shown, *note = capsys.readouterr().out.splitlines()
    assert (heading.split(), shown.split()) == (["id", "status", "external", "ref"], [UUIDS[0], "pending", "web-1004"])
    assert " ".join(" ".join(note).split()) == "(not shown: created at; widen the window, or use --json)"


@pytest.mark.parametrize(
    "width, columns", [(80, "at actor events details"), (60, "at actor events"), (40, "at events")]
)
def test_narrow_history_keeps_details_at_last_below_the_row(
    width: int, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    at, actor, reason = "2026-11-30T09:31:00Z", "staff:key:QRyKd5imVR (full)", "reason: it is late"
    placed = (1, at, actor, "OrderPlaced", "", "pending", "r-1")
    cancelled = (4, at, actor, "OrderCancelled", reason, "cancelled", "r-2")
    layout = tables.Layout(omitted=("request id", "status", "version", "details", "actor"), below=("details", "actor"))
    names = ("version", "at", "actor", "events", "details", "status", "request_id")
    tables.print_rows(names, [placed, cancelled], layout)
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == columns.split()
    assert shown.index("OrderCancelled") < shown.index(reason)
    assert all(len(line.rstrip()) <= width for line in shown.splitlines())
    assert "version, status, request id" in " ".join(shown.split())


@pytest.mark.parametrize("reference, columns", [("web-1", "external ref status total created at"), ("", "id status")])
def test_narrow_table_omits_whole_ids_only_if_each_order_has_a_reference(
    reference: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    rows = [(ref, UUIDS[0], "partially_shipped", Money(1, "EUR"), "2026-11-22T10:00Z") for ref in ("web-2", reference)]
    layout = tables.Layout(whole_ids=True, omitted=("id", "created at"), instead_of_id="external ref")
    tables.print_rows(("external_ref", "id", "status", "total", "created_at"), rows, layout)
    assert columns in " ".join(capsys.readouterr().out.split())


PARTS = {
    "payment_status": "unpaid",
    "shipping_status": "shipped",
    "return_status": "none",
    "current_total": 9650,
    "lines": [{"sku": "A1", "name": "Lamp", "quantity": 2, "discount": 0, "tax": 0, "id": "l1", "shipped": 2}],
    "shipments": [{"id": "s1", "tracking_number": "JD1", "tracking_url": "https://example.com/JD1", "shipped_at": 7}],
    "returns": [
        {"id": "r1", "status": "requested", "suggested_refund": 0},
        {"id": "r2", "status": "received", "suggested_refund": 386},
    ],
}


def test_order_shows_that_it_is_not_paid_and_titles_of_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order({**ORDER, **PARTS})
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert {"payment status unpaid", "outstanding 96.50 EUR", "shipping status shipped"} <= {*rows}
    assert [row for row in rows if row in ("Lines", "Shipments", "Returns (EUR)")] == [
        "Lines",
        "Shipments",
        "Returns (EUR)",
    ]
    assert {"id sku name quantity shipped", "r1 requested", "r2 received 3.86"} <= {*rows}
    assert not any("return status" in row for row in rows)


def test_parts_of_an_order_are_complete_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    tables.print_order({**ORDER, **PARTS})
    shown = " ".join(capsys.readouterr().out.split())
    assert "l1 Lamp 2 2 sku A1" in shown
    assert "tracking url https://example.com/JD1" in shown
    assert "not shown" not in shown


def test_times_are_shown_in_the_time_zone(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_order(ORDER, ZoneInfo("Europe/Berlin"))
    assert "2026-11-22 11:00:00+01:00" in capsys.readouterr().out


def change(event: Event, before: Order, after: Order) -> str:
    made = ChangeDTO(
        order_id="o-1",
        version=2,
        at=NOW,
        actor="staff:sam",
        key=None,
        request_id=None,
        events=(EventDTO.of(event),),
        order=OrderDTO.of(after),
        previous_hash="",
        hash="",
    )
    return f"{event_text(made.events[0])} | {details_text(made, OrderDTO.of(before))}"


def test_history_says_what_changed() -> None:
    line = OrderLine("A1", "Lamp", 3, Money(1000, "EUR"), Money(0, "EUR"), Money(0, "EUR"))
    order = Order.place("o-1", user_id="u", total=Money(3000, "EUR"), lines=(line,), at=NOW)

    def after(work: Callable[[Order], None]) -> list[str]:
        nonlocal order
        before = copy.deepcopy(order)
        order.events.clear()
        work(order)
        return [change(event, before, order) for event in order.events]

    captured = Payment("pay-1", "captured", 3000, "card", NOW)
    assert after(lambda it: it.record_payment(captured, at=NOW)) == [
        "payment recorded | captured 30.00 EUR: pay-1, card"
    ]
    assert after(lambda it: it.cancel_lines([LineQuantity("l1", 1)], "broken", at=NOW)) == [
        "lines cancelled | 1 of l1; reason: broken",
        "amounts due changed | refund due: 10.00 EUR",
    ]
    until = datetime(2026, 12, 2, tzinfo=UTC)
    assert after(lambda it: it.put_on_hold("address", until=until, at=NOW)) == [
        "put on hold | reason: address; until: 2026-12-02 00:00Z"
    ]
    assert after(lambda it: it.release(at=NOW)) == ["order released | "]
    assert after(lambda it: it.confirm(at=NOW)) == ["order confirmed | "]
    assert after(lambda it: it.add_shipment([LineQuantity("l1", 2)], Tracking("DHL", "JD1"), at=NOW)) == [
        "order shipped | ",
        "shipment created | s1: 2 of l1, DHL, JD1",
    ]
    assert after(lambda it: it.update_shipment("s1", {"tracking_number": "JD2"}, at=NOW)) == [
        "shipment updated | s1: tracking number JD1 -> JD2"
    ]
    after(lambda it: it.deliver(at=NOW))
    assert after(lambda it: it.request_return([LineQuantity("l1", 1)], "too big", at=NOW)) == [
        "return requested | r1: 1 of l1, too big"
    ]
    assert after(lambda it: it.add_note("called", "internal", at=NOW)) == ["note added | n1: called"]
    assert after(lambda it: it.add_refund("re-1", 1000, "broken", at=NOW)) == [
        "refund created | re-1: 10.00 EUR, broken",
        "amounts due changed | none",
    ]


def test_table_has_no_empty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_rows(("id", "external_ref", "version"), [("o-1", None, 0), ("o-2", "", 2)])
    assert capsys.readouterr().out.splitlines()[0].split() == ["id", "version"]


def test_list_on_a_narrow_terminal_keeps_amount_and_currency_together(tmp_path: Path) -> None:
    placed = json.loads(run("place", "--user", "user-42", "--total", "99", "--currency", "EUR", cwd=tmp_path).stdout)
    shown, _ = on_a_terminal("list", cwd=tmp_path, stream="stdout", COLUMNS="60", NO_COLOR="1")
    time = placed["created_at"].replace("T", " ")[:16] + "Z"
    assert shown.splitlines()[1].split() == [placed["id"][:8], "pending", "99.00", "EUR", "user-42", *time.split()]
    assert run("list", cwd=tmp_path).stdout.decode().split("\t")[:4] == [placed["id"], "pending", "99.00", "EUR"]


def test_history_on_a_terminal_has_the_names_of_api_keys(tmp_path: Path) -> None:
    async def change() -> str:
        use_cases = bootstrap(f"sqlite:///{tmp_path / 'orders.db'}")
        holders: tuple[dict[str, Any], ...] = ({"scopes": (Scope.ADMIN,)}, {"scopes": (Scope.ADMIN,)}, {"user_id": "u"})
        names = ("web shop", "till 3", "phone app")
        made = [await use_cases.create_api_key.execute(*each, **of) for of, *each in zip(holders, names, strict=True)]
        by_key = [CommandContext(actor=each.kept.actor) for each in made]
        placed = await use_cases.place_order.execute(PlaceOrder(user_id="u", total=1, currency="EUR"), by_key[0])
        await use_cases.confirm_order.execute(placed.order_id, by_key[1])
        await use_cases.cancel_order.execute(placed.order_id, by_key[2])
        await use_cases.close()
        return placed.order_id

    order_id = asyncio.run(change())
    shown, _ = on_a_terminal("history", order_id, cwd=tmp_path, stream="stdout", NO_COLOR="1")
    assert re.search(r"1  .*  web shop \(key\) +order placed", shown)
    assert re.search(r"2  .*  till 3 \(key\) +order confirmed", shown)
    assert re.search(r"3  .*  customer:u +order cancelled", shown)
    assert "web shop" not in run("history", order_id, cwd=tmp_path).stdout.decode()


def test_empty_list_prints_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_rows(("id",), [])
    assert capsys.readouterr().out == ""


HOSTILE = "a\x1b[31m\x9b2J\u202eb\u2066c\u2028\x7f\x85"


def test_data_on_a_terminal_has_control_characters_escaped() -> None:
    data = json.dumps({"name": HOSTILE, "note": "one\ntwo\tthree"}, ensure_ascii=False).encode()
    shown = plain_data(data)
    assert json.loads(shown) == json.loads(data)
    assert shown.decode().isprintable()
    assert plain_data(b'"a\tb"\r\nc\rd\r\n') == b'"a\tb"\r\nc\\u000dd\r\n'


async def stored_before_the_rule(order_id: str, tag: str, file: Path) -> None:
    """Store an order with a text that is rejected today."""
    store = open_store(f"sqlite:///{file}")
    order = Order(order_id, "anna", Money(1, "EUR"), "pending", datetime(2026, 11, 22, tzinfo=UTC), tags=(tag,))
    order.events.append(OrderPlaced())
    await store.save(order)
    await store.close()


def test_customer_text_cannot_control_the_terminal(tmp_path: Path) -> None:
    asyncio.run(stored_before_the_rule("order-1", "\u202eevil\u2066", tmp_path / "orders.db"))
    placed = json.loads(run("get", "order-1", cwd=tmp_path).stdout)
    assert placed["tags"] == ["\u202eevil\u2066"]
    for command in (["get", placed["id"], "--json"], ["get", placed["id"]], ["list", "--json"], ["list"], ["export"],
                    ["export", "--format", "csv"], ["history", placed["id"], "--json"]):  # fmt: skip
        seen, _ = on_a_terminal(*command, cwd=tmp_path, stream="stdout")
        assert "evil" in seen or command == ["list"], command
        assert not {"\u202e", "\u2066"} & {*seen}, command


@pytest.mark.parametrize(
    "arguments", [["get", HOSTILE], ["get", "x", HOSTILE], [f"--{HOSTILE}"], [HOSTILE], ["list", "--limit", HOSTILE]]
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_arguments_are_repeated_without_control_characters(
    tmp_path: Path, arguments: list[str], debug: list[str]
) -> None:
    run("migrate", cwd=tmp_path)
    for as_json in ([], ["--json"]):
        given = [each.replace("\x7f", "") for each in arguments]
        done = run(*debug, *as_json, *given, cwd=tmp_path)
        assert done.returncode in (2, 3)
        message = done.stderr.decode()
        assert message
        assert "".join(message.split("\n")).isprintable(), message
