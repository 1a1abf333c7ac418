"""Orders with lines to test with, and the check that a rejected command changes nothing."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.value_objects import Money

PLACED = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
NOW = datetime(2026, 6, 7, 8, 9, 10, 11, UTC)
LATER = NOW + timedelta(days=2)


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


def order_of(*quantities: int, confirmed: bool = True, total: int = 9_900) -> Order:
    """Return an order with lines `l1`, `l2` and so on, at 10.00 EUR, 20.00 EUR and so on a unit, and 5.00 EUR of
    shipping; or one without lines.
    """
    lines = tuple(
        OrderLine(f"SKU-{number}", f"Item {number}", quantity, euros(1_000 * number), euros(0), euros(0))
        for number, quantity in enumerate(quantities, start=1)
    )
    goods = sum(line.total_minor for line in lines)
    amount = goods + 500 if lines else total
    order = Order.place("order-1", "user-42", euros(amount), at=PLACED, lines=lines, shipping=euros(500))
    if confirmed:
        order.confirm(at=PLACED)
    order.events.clear()
    return order


def units(**wanted: int) -> tuple[LineQuantity, ...]:
    """Return units of lines: `units(l1=2)`."""
    return tuple(LineQuantity(line, quantity) for line, quantity in wanted.items())


def quantities_of(order: Order) -> list[tuple[int, int, int, int]]:
    """Return how many units of each line are cancelled, shipped, delivered and returned."""
    return [(line.cancelled, line.shipped, line.delivered, line.returned) for line in order.lines]


@contextmanager
def rejected(order: Order, code: str, message: str, field: str = "") -> Iterator[None]:
    """Check that the block is rejected with this code, message and field, and that it changes nothing."""
    before = copy.deepcopy(vars(order))
    with pytest.raises(OrderkeepError) as raised:
        yield
    assert (raised.value.code, getattr(raised.value, "field", ""), str(raised.value)) == (code, field, message)
    assert vars(order) == before
