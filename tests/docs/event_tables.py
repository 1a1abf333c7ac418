"""The tables of the page on events: their types, their attributes, and one as it leaves."""

import dataclasses
import inspect
import json
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.application.events import DEFAULT_SOURCE, EventView, cloud_event_json, cloud_event_type, events_of
from orderkeep.domain.entities import Order, event_types
from orderkeep.domain.lifecycle import Event
from orderkeep.domain.value_objects import Money
from orderkeep.infrastructure.cloud_events import CloudEvent, EventData, cloud_events
from tests.docs.core_tables import Rows

ATTRIBUTES = {
    "specversion": "`1.0`",
    "id": "the order, the version, and the number of the event in its change; the same each time the event is sent",
    "source": "`orderkeep`, or the value of `&source=` in `ORDERKEEP_EVENTS`; with `id`, it identifies the event",
    "type": "the event type, see above",
    "subject": "the order ID",
    "time": "the time of the change",
    "datacontenttype": "the media type of `data`: JSON",
    "dataschema": "the schema of `data`; its number increases if a field is removed or changes its meaning",
    "data": "the content, see below",
}

DATA = {
    "event": "`type`, as in the order's history, and `data`, see above",
    "version": "the version of the order after the change",
    "actor": "the actor that made the change",
    "request_id": "the `X-Request-Id` of the request, if there was one",
    "order": "the resulting order, as `GET /orders/{id}` returns it; `null` if the event would be too large",
    "order_ref": "the path of the same order version, relative to the URL of the service",
}


FIELDS = {
    "id": "event ID: the order ID, the version, and the number of the event in its change, from 1",
    "type": "event type, such as `OrderCancelled`",
    "order_id": "order ID",
    "version": "version of the order after the change",
    "position": "position of the change in the feed",
    "occurred_at": "time that was reported with a payment, a refund, a shipment or a delivery; otherwise `recorded_at`",
    "recorded_at": "time of the change, in UTC",
    "actor_kind": "`staff`, `customer` or `system`: who made the change; the history of the order has the actor",
    "request_id": "`X-Request-Id` of the request that made the change, or `null`",
    "data": "fields of the event, which depend on `type`",
}


def fields() -> Rows:
    return _described(EventView, FIELDS)


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema of the data of an event type."""
    hints = get_type_hints(kind)
    properties = {
        name: {"type": ["string", "null"] if type(None) in get_args(hints[name]) else "string"}
        for name in kind.__slots__
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def schemas() -> str:
    texts = []
    for kind in event_types().values():
        texts.append(f"#### {kind.__name__}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n\n")
        texts.append(f"```json\n{json.dumps(schema_of(kind))}\n```\n\n")
    return "".join(texts).removesuffix("\n")


def feed_cloud_event() -> str:
    [event] = events_of(_change(), 7)
    return f"```json\n{msgspec.json.format(cloud_event_json(event, DEFAULT_SOURCE), indent=2).decode()}\n```\n"


def types() -> Rows:
    rows: Rows = [("type", "CloudEvents type", "meaning", "fields of `data`")]
    for kind in event_types().values():
        fields = ", ".join(f"`{name}`" for name in kind.__slots__) or "empty"
        rows.append(
            (f"`{kind.__name__}`", f"`{cloud_event_type(kind.__name__)}`", inspect.cleandoc(kind.__doc__ or ""), fields)
        )
    return rows


def attributes() -> Rows:
    return _described(CloudEvent, ATTRIBUTES)


def data() -> Rows:
    return _described(EventData, DATA)


def example() -> str:
    (event,) = cloud_events(_change())
    return f"```json\n{msgspec.json.format(event.to_json(), indent=2).decode()}\n```\n"


def _change() -> ChangeDTO:
    placed = Order.place("web-7781", "user-42", Money(9_900, "EUR"), at=datetime(2026, 11, 22, 10, tzinfo=UTC))
    placed.cancel("changed mind", at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC))
    return ChangeDTO(
        order_id=placed.id,
        version=2,
        at=placed.updated_at,
        actor="customer:user-42",
        key=None,
        request_id="8f3a",
        events=(EventDTO.of(placed.events[-1]),),
        order=OrderDTO.of(placed, version=2),
        previous_hash="",
        hash="",
    )


def _described(kind: type, words: dict[str, str]) -> Rows:
    assert list(words) == [field.name for field in dataclasses.fields(kind)], "describe each attribute, and no other"
    return [("attribute", "description"), *((f"`{name}`", text) for name, text in words.items())]
