"""Lines + shipping + tax - discount equal the total, to the minor unit; without lines, they are a lower bound."""

from datetime import UTC, datetime

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import TotalMismatch
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.value_objects import Money

AT = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)


def place(total: int, currency: str = "EUR") -> Order:
    def money(minor: int) -> Money:
        return Money(minor, currency)

    lines = (
        OrderLine("A1", "Lamp", 2, money(4_750), money(250), money(19)),
        OrderLine("B2", "Shade", 3, money(333), money(0), money(7)),
    )
    return Order.place(
        "order-1", "user-42", money(total), at=AT, lines=lines, shipping=money(500), discount=money(100), tax=money(41)
    )


# 2 x 4750 - 250 + 19  +  3 x 333 + 7  +  500 + 41 - 100
TOTAL = 9_269 + 1_006 + 500 + 41 - 100


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_takes_a_total_that_adds_up(currency: str) -> None:
    order = place(TOTAL, currency)
    assert [line.total.minor for line in order.lines] == [9_269, 1_006]
    assert order.total == Money(10_716, currency)


@pytest.mark.parametrize("difference", [-1, 1, 5_000, -TOTAL])
def test_rejects_a_total_that_does_not_and_says_by_how_much(difference: int) -> None:
    with pytest.raises(TotalMismatch) as refused:
        place(TOTAL + difference)
    error = refused.value
    assert (error.expected, error.given, error.difference) == (TOTAL, TOTAL + difference, difference)
    assert (error.code, error.field) == ("total_mismatch", "total")
    assert f"expected 10716, got {TOTAL + difference}, difference {difference:+d} (minor units of EUR)" in str(error)


def place_without_lines(total: int) -> Order:
    shipping, tax, discount = Money(500, "EUR"), Money(41, "EUR"), Money(100, "EUR")
    return Order.place(
        "order-1", "user-42", Money(total, "EUR"), at=AT, shipping=shipping, tax=tax, discount=discount
    )  # fmt: skip


@pytest.mark.parametrize("total", [441, 9_900])
def test_order_without_lines_may_have_any_total_from_its_other_amounts(total: int) -> None:
    assert place_without_lines(total).total == Money(total, "EUR")


def test_order_without_lines_rejects_total_below_its_other_amounts() -> None:
    with pytest.raises(TotalMismatch) as rejected:
        place_without_lines(440)
    assert str(rejected.value) == (
        "must be at least shipping + tax - discount: expected 441, got 440, difference -1 (minor units of EUR)"
    )


def test_rejects_a_discount_above_all_the_rest() -> None:
    lamp = OrderLine("A1", "Lamp", 1, Money(300, "EUR"), Money(0, "EUR"), Money(0, "EUR"))
    with pytest.raises(TotalMismatch, match="expected -200, got 0"):
        Order.place("order-1", "user-42", Money(0, "EUR"), at=AT, lines=(lamp,), discount=Money(500, "EUR"))
