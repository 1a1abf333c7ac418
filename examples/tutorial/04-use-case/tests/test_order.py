"""The rules of an order, without HTTP and without a database."""

from datetime import UTC, datetime

import pytest

from domain.entities import Order
from domain.exceptions import CannotCancelOrder, CannotShipOrder, NegativeTotal

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def order(status: str) -> Order:
    return Order("order-1", "user-42", 9900, status, NOON)


def test_place_returns_pending_order() -> None:
    assert Order.place("order-1", "user-42", 9900, at=NOON) == order("pending")


def test_place_rejects_negative_total() -> None:
    with pytest.raises(NegativeTotal):
        Order.place("order-1", "user-42", -1, at=NOON)


def test_cancel_pending_order() -> None:
    pending = order("pending")
    pending.cancel()
    assert pending == order("cancelled")


@pytest.mark.parametrize("status", ["shipped", "cancelled"])
def test_cancel_rejects_shipped_and_cancelled_orders(status: str) -> None:
    with pytest.raises(CannotCancelOrder, match=f"^Order cannot be cancelled: it is {status}$"):
        order(status).cancel()


def test_ship_pending_order() -> None:
    pending = order("pending")
    pending.ship()
    assert pending == order("shipped")


@pytest.mark.parametrize("status", ["shipped", "cancelled"])
def test_ship_rejects_shipped_and_cancelled_orders(status: str) -> None:
    with pytest.raises(CannotShipOrder, match=f"^Order cannot be shipped: it is {status}$"):
        order(status).ship()
