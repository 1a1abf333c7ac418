"""Each value of a command belongs to the fingerprint of its request: with another one, a used key is rejected."""

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment
from orderkeep.domain.returns import ReturnedUnits
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 21, tzinfo=UTC)
SOON, LATER = datetime(9998, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
ONE, TWO = (LineQuantity("l2", 1),), (LineQuantity("l2", 2),)

VALUES: dict[str, dict[str, tuple[Any, Any]]] = {
    "cancel_lines": {"lines": (ONE, TWO), "reason": ("late", "lost"), "note": ("a", "b")},
    "hold_order": {"reason": ("fraud", "stock"), "note": ("a", "b"), "until": (SOON, LATER)},
    "add_shipment": {
        "lines": (ONE, TWO),
        "carrier": ("DHL", "UPS"),
        "tracking_number": ("T-1", "T-2"),
        "tracking_url": ("https://a.example", "https://b.example"),
        "occurred_at": (NOON, EARLIER),
    },
    "update_shipment": {"shipment_id": ("s1", "s2"), "changes": ({"carrier": "DHL"}, {"carrier": None})},
    "deliver_shipment": {"shipment_id": ("s2", "s1"), "occurred_at": (NOON, EARLIER)},
    "record_payment": {
        "reference": ("pay-1", "pay-2"),
        "kind": ("captured", "authorized"),
        "amount": (7, 8),
        "method": ("card", "cash"),
        "occurred_at": (NOON, EARLIER),
    },
    "add_refund": {
        "reference": ("ref-1", "ref-2"),
        "amount": (7, 8),
        "reason": ("late", "lost"),
        "lines": (ONE, TWO),
    },
    "close_refund": {
        "reference": ("ref-0", "ref-1"),
        "status": ("succeeded", "failed"),
        "occurred_at": (NOON, EARLIER),
    },
    "request_return": {"lines": (ONE, TWO), "reason": ("late", "lost")},
    "receive_return": {
        "return_id": ("r1", "r2"),
        "lines": ((ReturnedUnits("l2", 1, "new"),), (ReturnedUnits("l2", 1, "used"),)),
        "note": ("a", "b"),
    },
    "close_return": {"return_id": ("r1", "r2"), "outcome": ("rejected", "cancelled"), "note": ("a", "b")},
    "edit_order": {"changes": ({"tags": ("a",), "metadata": {"b": "c"}}, {"tags": ("a",), "metadata": {"b": None}})},
    "add_note": {"text": ("a", "b"), "visibility": ("customer", "internal")},
    "edit_note": {"note_id": ("n1", "n2"), "text": ("a", "b")},
}
"""Of each argument, a value and another one."""


@pytest.fixture
def use_cases() -> UseCases:
    """The use cases on an order of which a part is shipped, delivered and about to be returned."""
    order = pending_order()
    order.confirm(at=EARLIER)
    order.add_shipment([LineQuantity("l2", 3)], at=EARLIER)
    order.add_shipment([LineQuantity("l2", 1)], at=EARLIER)
    order.deliver_shipment("s1", at=EARLIER)
    order.request_return(ONE, at=EARLIER)
    order.record_payment(Payment("pay-0", "captured", 99, None, EARLIER), at=EARLIER)
    order.add_refund("ref-0", 5, at=EARLIER)
    order.add_note("Called.", "internal", at=EARLIER)
    return build_use_cases(InMemoryOrderRepository([order]))


def test_every_value_has_a_row(use_cases: UseCases) -> None:
    for name, rows in VALUES.items():
        parameters = inspect.signature(getattr(use_cases, name).execute).parameters
        assert rows.keys() == parameters.keys() - {"order_id", "context"}, name


@pytest.mark.parametrize("name, value", [(name, value) for name, rows in VALUES.items() for value in rows])
async def test_rejects_a_used_key_with_another_value(name: str, value: str, use_cases: UseCases) -> None:
    context = CommandContext(key="key-1")
    given = {each: first for each, (first, _) in VALUES[name].items()}
    command = getattr(use_cases, name)
    first = await command.execute("order-1", context=context, **given)
    assert first.events
    assert (await command.execute("order-1", context=context, **given)).order == first.order
    with pytest.raises(IdempotencyKeyReused):
        await command.execute("order-1", context=context, **{**given, value: VALUES[name][value][1]})
