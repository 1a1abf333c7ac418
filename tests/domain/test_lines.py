"""The lines of an order: their IDs, their quantities, and the cancellation of units."""

from dataclasses import replace
from typing import Any

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.lifecycle import LinesCancelled
from orderkeep.domain.lines import LineQuantity
from tests.domain.orders import NOW, PLACED, euros, order_of, quantities_of, rejected, units


def place(*ids: str) -> Order:
    line = order_of(1).lines[0]
    lines = tuple(replace(line, id=each) for each in ids)
    return Order.place("order-1", "user-42", euros(1_000 * len(ids)), at=PLACED, lines=lines)


def test_lines_without_an_id_are_numbered_and_others_keep_theirs() -> None:
    assert [line.id for line in place("", "", "").lines] == ["l1", "l2", "l3"]
    assert [line.id for line in place("red:1", "", "a.B_c-").lines] == ["red:1", "l2", "a.B_c-"]


@pytest.mark.parametrize(
    "ids, code, field, message",
    [
        (("a", "a"), "duplicate_line", "lines/1/id", "must be unique in the order: a is the ID of another line"),
        (("l2", ""), "duplicate_line", "lines/1/id", "must be unique in the order: l2 is the ID of another line"),
        (("", "a" * 41), "text_too_long", "lines/1/id", "must have at most 40 characters"),
        (
            ("a/b",),
            "invalid_id",
            "lines/0/id",
            "must start with a letter or digit and contain only letters, digits and . _ : -",
        ),
    ],
)
def test_line_ids_are_unique_and_safe(ids: tuple[str, ...], code: str, field: str, message: str) -> None:
    assert place("a" * 40).lines[0].id == "a" * 40
    with pytest.raises(InvalidInput) as raised:
        place(*ids)
    assert (raised.value.code, raised.value.field, str(raised.value)) == (code, field, message)


IN_RANGE = "must be a whole number from 1 to 1000000"
WRONG_UNITS: list[tuple[tuple[tuple[str, Any], ...], str, str, str]] = [
    ((("l1", 1), ("l3", 1)), "unknown_line", "lines/1/line", "must be the ID of a line of the order: l1, l2"),
    ((("l1", 1), ("l1", 1)), "duplicate_line", "lines/1/line", "names an earlier line again: add up the quantities"),
    *[
        ((("l2", 1), ("l1", wrong)), "quantity_out_of_range", "lines/1/quantity", IN_RANGE)
        for wrong in (0, -1, 1_000_001, True, 1.0, "1")
    ],
]


@pytest.mark.parametrize("wanted, code, field, message", WRONG_UNITS)
@pytest.mark.parametrize("confirmed", [True, False])
def test_units_are_of_known_lines_once_and_in_range_whatever_the_status(
    wanted: tuple[tuple[str, Any], ...], code: str, field: str, message: str, confirmed: bool
) -> None:
    order = order_of(3, 2, confirmed=confirmed)
    named = [LineQuantity(*each) for each in wanted]
    for command in (order.cancel_lines, order.add_shipment, order.request_return):
        with rejected(order, code, message, field):
            command(named, at=NOW)
    with rejected(order, code, message, field):
        order.add_refund("re_1", 100, lines=named, at=NOW)


def test_cancelled_units_reduce_the_current_total_and_not_the_total() -> None:
    order = order_of(3, 2)
    order.cancel_lines(units(l1=1, l2=1), "sold out", at=NOW)
    assert quantities_of(order) == [(1, 0, 0, 0), (1, 0, 0, 0)]
    assert [(line.live, line.unshipped) for line in order.lines] == [(2, 2), (1, 1)]
    assert (order.total.minor, order.balance.current_total) == (7_500, 4_500)
    assert (order.events, order.updated_at, order.cancellation) == ([LinesCancelled("sold out")], NOW, None)
    order.cancel_lines(units(l1=2), at=NOW)
    assert (order.balance.current_total, order.status) == (2_500, "processing")


def test_at_most_the_units_that_are_left_are_cancelled() -> None:
    order = order_of(5, 2)
    order.add_shipment(units(l1=2), at=NOW)
    order.cancel_lines(units(l1=1), at=NOW)
    with rejected(
        order, "quantity_not_available", "line l1 has only 2 units left to cancel, not 3", "lines/1/quantity"
    ):
        order.cancel_lines(units(l2=1, l1=3), at=NOW)
    order.cancel_lines(units(l1=1), at=NOW)
    with rejected(order, "quantity_not_available", "line l1 has only 1 unit left to cancel, not 2", "lines/0/quantity"):
        order.cancel_lines(units(l1=2), at=NOW)
    order.cancel_lines(units(l1=1), at=NOW)
    assert quantities_of(order) == [(3, 2, 0, 0), (0, 0, 0, 0)]


def test_units_of_an_order_without_lines_cannot_be_cancelled() -> None:
    for order in (order_of(), order_of(confirmed=False)):
        with rejected(order, "nothing_to_cancel", "the order has no lines: cancel it as a whole"):
            order.cancel_lines(at=NOW)


@pytest.mark.parametrize(
    "texts, code, field, message",
    [
        (("r" * 101, None), "text_too_long", "reason", "must have at most 100 characters"),
        (("r", "n" * 1_001), "text_too_long", "note", "must have at most 1000 characters"),
        ((" ", None), "text_missing", "reason", "must not be empty or blank"),
    ],
)
def test_the_reason_and_the_note_of_a_cancellation_keep_their_limits(
    texts: tuple[str, str | None], code: str, field: str, message: str
) -> None:
    order = order_of(3)
    with rejected(order, code, message, field):
        order.cancel_lines(units(l1=1), *texts, at=NOW)
    order.cancel_lines(units(l1=1), "r" * 100, "n" * 1_000, at=NOW)
