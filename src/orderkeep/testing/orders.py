"""Sample orders. No two fields of one are equal, because equal values hide swapped columns."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.ids import new_order_id
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.domain.value_objects import Cancellation

SINCE = datetime(2026, 2, 3, 4, 5, 6, 789_012, UTC)
"""Order number n is created n seconds later."""

OWN = "torture-"
"""The prefix of user IDs and order references of tests that share a store."""


def own_user() -> str:
    """Return a new user ID with that prefix."""
    return f"{OWN}{new_order_id()}"


def place_command(number: int = 1, **changes: Any) -> PlaceOrder:
    """Return an order to place with all fields, and the total that they add up to."""
    lines = (
        LineDTO(f"A-{number}", "Lamp", 3, 4_751, 211, 997),
        LineDTO(f"B-{number}", "Shade, linen", 7, 1_301 + number * 1_000, 107, 53),
    )
    values: dict[str, Any] = {
        "user_id": f"user-{number}",
        "total": sum(line.quantity * line.unit_price - line.discount + line.tax for line in lines) + 503 + 61 - 101,
        "currency": "CHF",
        "lines": lines,
        "shipping": 503,
        "discount": 101,
        "tax": 61,
        "external_ref": f"web-{number}",
        "tags": (f"gift-{number}", "express"),
        "metadata": {"channel": f"phone-{number}", "colour": "green"},
    }
    return PlaceOrder(**values | changes)


def pending_order(number: int = 1, **changes: Any) -> Order:
    """Return a new order with all fields: `order-1` for number 1, and so on."""
    return place_command(number, **changes).to_order(f"order-{number}", SINCE + timedelta(seconds=number))


def cancelled_order(number: int = 1) -> Order:
    """Return an unsaved order with every field, including cancellation, actor and idempotency key."""
    pending = OrderDTO.of(pending_order(number))
    cancelled = replace(
        pending,
        status="cancelled",
        updated_at=pending.created_at + timedelta(days=5, microseconds=7),
        cancellation=Cancellation(
            "changed mind", "Called on Monday.\nWas polite.", pending.created_at + timedelta(days=2, microseconds=3)
        ),
    )
    order = cancelled.to_imported_order()
    order.set_attribution(Attribution("staff:anna", f"key-{number}", "fingerprint-of-it", "request-8f3a"))
    return order


def small_order(order_id: str, *, at: datetime = SINCE, **fields: Any) -> Order:
    """Return an order with the required fields only, created `at`, and with the fields given."""
    values: dict[str, Any] = {"user_id": "user-42", "total": 9_900, "currency": "EUR", "status": "pending"}
    dto = OrderDTO(id=order_id, created_at=at, updated_at=at, **values)
    return replace(dto, **fields).to_imported_order()


def large_order(order_id: str, *, at: datetime = SINCE, **fields: Any) -> Order:
    """Return an order with a document of about 200 KB, tagged `large`."""
    lines = tuple(LineDTO(f"{number}-{'s' * 60}", f"{number} {'n' * 190}", 1, 3, 0, 0) for number in range(500))
    notes = {f"key-{number}": "x" * 500 for number in range(50)}
    values: dict[str, Any] = {"total": 1_500, "lines": lines, "metadata": notes, "tags": ("large",)}
    return small_order(order_id, at=at, **values | fields)
