"""Events as users see them: in the feed, in the live stream and in webhooks."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.domain.entities import event_types

EVENT_TYPES: tuple[str, ...] = tuple(event_types())
"""The types of events, as the history of an order has them."""

DEFAULT_SOURCE = "orderkeep"
"""The CloudEvents source of an installation that has none of its own."""

CLOUD_EVENTS_VERSION = "1.0"
EVENT_SCHEMA = "urn:orderkeep:event:1"
"""Identifies the schema of an event. Its number grows when a field is removed or changes its meaning, not when one is
added.
"""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event as it is returned and sent. `position` is that of its change in the feed, which the events of one
    change share. `occurred_at` is when it happened outside, as far as that was reported; `recorded_at` is the time of
    the change. `data` has the fields of the event, and `order` and `previous` if the event is full. It contains no
    personal data.
    """

    id: str
    type: str
    order_id: str
    version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    actor_kind: str
    request_id: str | None
    data: Mapping[str, Any]


def events_of(change: ChangeDTO, position: int, before: OrderDTO | None = None, full: bool = False) -> list[EventView]:
    """Return the events of the change at that position of the feed, in order; with `full`, their data also has the
    resulting order, and the order `before`.
    """
    orders = {"order": change.order, "previous": before} if full else {}
    return [
        EventView(
            id=event_id(change.order_id, change.version, number),
            type=event.type,
            order_id=change.order_id,
            version=change.version,
            position=position,
            occurred_at=_TIMES.get(event.type, _no_time)(event.data, change.order) or change.at,
            recorded_at=change.at,
            actor_kind=change.actor.partition(":")[0],
            request_id=change.request_id,
            data={**event.data, **orders},
        )
        for number, event in enumerate(change.events, start=1)
    ]


def event_id(order_id: str, version: int, number: int) -> str:
    """Return the ID of an event: the event with this number, from 1, of the change that made this version."""
    return f"{order_id}.{version}.{number}"


def read_event_id(text: str) -> tuple[str, int, int] | None:
    """Return the order ID, the version and the number in the ID of an event; None if it is not one."""
    order_id, *numbers = text.rsplit(".", 2)
    if not order_id or len(numbers) != 2 or not all(_NUMBER.fullmatch(each) for each in numbers):
        return None
    return order_id, int(numbers[0]), int(numbers[1])


def event_json(event: EventView) -> bytes:
    """Return the JSON of an event, on one line."""
    return _encode(event).encode()


def cloud_event_json(event: EventView, source: str) -> bytes:
    """Return the event in CloudEvents' JSON format, on one line. Its data is the event as `event_json` returns it.
    `source` identifies the installation: a URI.
    """
    attributes = {
        "specversion": CLOUD_EVENTS_VERSION,
        "id": event.id,
        "source": source,
        "type": cloud_event_type(event.type),
        "subject": event.order_id,
        "time": event.recorded_at,
        "datacontenttype": "application/json",
        "dataschema": EVENT_SCHEMA,
        "data": event,
    }
    return _encode(attributes).encode()


def cloud_event_type(event_type: str) -> str:
    """Return the CloudEvents type of an event: `orderkeep.order.cancelled` for `OrderCancelled`."""
    words = _WORD.sub(" ", event_type).lower().split()
    return f"orderkeep.order.{'_'.join(words).removeprefix('order_')}"


Facts = Mapping[str, str | None]


def _no_time(_: Facts, __: OrderDTO) -> None:
    """Return None: the event is no report of something that happened outside."""


def _payment_time(fact: Facts, order: OrderDTO) -> datetime | None:
    wanted = (fact["reference"], fact["kind"])
    return next((each.occurred_at for each in order.payments if (each.reference, each.kind) == wanted), None)


def _refund_time(fact: Facts, order: OrderDTO) -> datetime | None:
    return next((each.closed_at for each in order.refunds if each.reference == fact["reference"]), None)


def _shipping_time(fact: Facts, order: OrderDTO) -> datetime | None:
    return next((each.shipped_at for each in order.shipments if each.id == fact["shipment_id"]), None)


def _delivery_time(fact: Facts, order: OrderDTO) -> datetime | None:
    return next((each.delivered_at for each in order.shipments if each.id == fact["shipment_id"]), None)


_TIMES: dict[str, Callable[[Facts, OrderDTO], datetime | None]] = {
    "PaymentRecorded": _payment_time,
    "RefundSucceeded": _refund_time,
    "RefundFailed": _refund_time,
    "ShipmentCreated": _shipping_time,
    "ShipmentDelivered": _delivery_time,
}
"""The events that report a fact, which has a time of its own in the order."""


def _plain(value: Any) -> object:
    """Return a value that JSON has no form for as one that it has: the same as the stored documents have."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
