"""Orders to place, as a shop would: two lines each, and no two orders with one number."""

import itertools
from datetime import UTC, datetime

from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.application.ids import new_order_id
from orderkeep.domain.entities import Order

_numbers = itertools.count(1)


def a_command() -> PlaceOrder:
    """Return an order to place that nobody placed before."""
    number = next(_numbers)
    lines = (
        LineDTO("SKU-4711-B", "Desk lamp, brass", 2, 4_750, 0, 760),
        LineDTO("SKU-0815", "Bulb E27", 3, 390, 70, 187),
    )
    return PlaceOrder(
        user_id=f"user-{number % 5_000}",
        total=12_042,
        currency="EUR",
        lines=lines,
        shipping=495,
        external_ref=f"web-{number}",
    )


def an_order() -> Order:
    """Return such an order, placed now."""
    return a_command().to_order(new_order_id(), datetime.now(UTC))
