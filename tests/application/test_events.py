"""Events as users see them: their IDs, times, data and JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.events import (
    EVENT_TYPES,
    EventView,
    cloud_event_json,
    cloud_event_type,
    event_json,
    events_of,
    read_event_id,
)
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, pending_order

NOW = SINCE + timedelta(days=3)
REPORTED = datetime(2026, 2, 4, 9, 30, tzinfo=UTC)


async def _changes() -> list[ChangeDTO]:
    """Return the changes of an order to which everything has happened that has a time of its own."""
    store, order = InMemoryOrderRepository(), pending_order()
    await store.save(order)
    lines = order.lines

    async def change(command: str, *values: Any, **named: Any) -> None:
        getattr(order, command)(*values, at=NOW + timedelta(minutes=order.version), **named)
        order.set_attribution(Attribution("staff:key:8f3a", None, None, f"request-{order.version}"))
        await store.save(order)

    def moment(minutes: int) -> datetime:
        return REPORTED + timedelta(minutes=minutes)

    await change("record_payment", Payment("pay-1", "authorized", 40_000, None, moment(1)))
    await change("record_payment", Payment("pay-1", "captured", 40_000, "card", moment(2)))
    await change("confirm")
    await change("add_shipment", [LineQuantity(lines[0].id, 3)], occurred_at=moment(3))
    await change("add_shipment", occurred_at=moment(4))
    await change("deliver_shipment", "s1", moment(5))
    await change("deliver_shipment", "s2", moment(6))
    await change("add_refund", "ref-1", 100)
    await change("add_refund", "ref-2", 200)
    await change("close_refund", "ref-1", "succeeded", moment(7))
    await change("close_refund", "ref-2", "failed", moment(8))
    await change("request_return")
    await change("receive_return", "r1")
    return await store.list_changes(order.id, 0, 100)


def _events(changes: list[ChangeDTO], *, full: bool = False) -> list[EventView]:
    before = [None, *[change.order for change in changes]]
    return [
        event
        for position, change in enumerate(changes, start=1)
        for event in events_of(change, position, before[position - 1], full)
    ]


async def test_event_has_the_values_of_its_change() -> None:
    changes = await _changes()
    event = _events(changes)[1]
    assert event == EventView(
        id="order-1.2.1",
        type="PaymentRecorded",
        order_id="order-1",
        version=2,
        position=2,
        occurred_at=REPORTED + timedelta(minutes=1),
        recorded_at=NOW + timedelta(minutes=1),
        actor_kind="staff",
        request_id="request-1",
        data={"kind": "authorized", "reference": "pay-1"},
    )


async def test_event_occurred_when_the_fact_was_reported_to_occur() -> None:
    reported = [
        (event.id, event.type, (event.occurred_at - REPORTED).total_seconds() / 60)
        for event in _events(await _changes())
        if event.occurred_at != event.recorded_at
    ]
    assert reported == [
        ("order-1.2.1", "PaymentRecorded", 1),
        ("order-1.3.1", "PaymentRecorded", 2),
        ("order-1.5.1", "ShipmentCreated", 3),
        ("order-1.6.2", "ShipmentCreated", 4),
        ("order-1.7.1", "ShipmentDelivered", 5),
        ("order-1.8.2", "ShipmentDelivered", 6),
        ("order-1.11.1", "RefundSucceeded", 7),
        ("order-1.12.1", "RefundFailed", 8),
    ]


async def test_full_event_has_the_order_before_and_after() -> None:
    changes = await _changes()
    first, second = _events(changes, full=True)[:2]
    assert first.data == {"order": changes[0].order, "previous": None}
    assert second.data == {
        "kind": "authorized",
        "reference": "pay-1",
        "order": changes[1].order,
        "previous": changes[0].order,
    }


async def test_json_of_an_event_has_its_orders_as_stored() -> None:
    store = InMemoryOrderRepository()
    order = pending_order()
    order.set_attribution(Attribution("customer:user-1", None, None, None))
    order.metadata["text"] = "é\u2028\n\ud7ff"
    [snapshot] = await store.save(order)
    [change] = await store.list_changes(order.id, 0, 1)
    [event] = events_of(change, 7, change.order, full=True)
    encoded = event_json(event)
    assert json.loads(encoded) == {
        "id": "order-1.1.1",
        "type": "OrderPlaced",
        "order_id": "order-1",
        "version": 1,
        "position": 7,
        "occurred_at": "2026-02-03T04:05:07.789012Z",
        "recorded_at": "2026-02-03T04:05:07.789012Z",
        "actor_kind": "customer",
        "request_id": None,
        "data": {"order": json.loads(snapshot.json), "previous": json.loads(snapshot.json)},
    }
    assert list(json.loads(encoded)["data"]["order"]) == [field.name for field in fields(OrderDTO)]
    assert snapshot.json in encoded
    assert not {b"\n", b"\r"} & {bytes([each]) for each in encoded}


async def test_cloud_event_contains_the_event() -> None:
    event = _events(await _changes())[1]
    assert json.loads(cloud_event_json(event, "/shops/web")) == {
        "specversion": "1.0",
        "id": "order-1.2.1",
        "source": "/shops/web",
        "type": "orderkeep.order.payment_recorded",
        "subject": "order-1",
        "time": "2026-02-06T04:06:06.789012Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:orderkeep:event:1",
        "data": json.loads(event_json(event)),
    }


def test_types_are_those_of_the_domain() -> None:
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES))
    assert {"OrderPlaced", "OrderCancelled", "DocumentAttached"} <= set(EVENT_TYPES)
    assert cloud_event_type("OrderPartlyShipped") == "orderkeep.order.partly_shipped"


@pytest.mark.parametrize(
    "text, read",
    [
        ("order-1.2.1", ("order-1", 2, 1)),
        ("a.1.2.34.5", ("a.1.2", 34, 5)),
        ("a.0.1", None),
        ("a.1.0", None),
        ("a.01.1", None),
        ("a.1.+1", None),
        ("a.1.\u0661", None),
        ("a.1", None),
        ("1", None),
        (".1.1", None),
        ("", None),
        ("a.1.1\n", None),
        ("a.1.1234567890123456789", None),
    ],
)
def test_event_id_is_read_only_as_it_is_written(text: str, read: object) -> None:
    assert read_event_id(text) == read
