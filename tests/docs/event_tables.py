"""The tables of the page on events: their types, their attributes, and one as it leaves."""

import dataclasses
import inspect
from datetime import UTC, datetime

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.application.events import cloud_event_type
from orderkeep.domain.entities import Order, event_types
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


def types() -> Rows:
    rows: Rows = [("type", "meaning", "`data.event.data`")]
    for kind in event_types().values():
        fields = ", ".join(f"`{name}`" for name in kind.__slots__) or "empty"
        rows.append((f"`{cloud_event_type(kind.__name__)}`", inspect.cleandoc(kind.__doc__ or ""), fields))
    return rows


def attributes() -> Rows:
    return _described(CloudEvent, ATTRIBUTES)


def data() -> Rows:
    return _described(EventData, DATA)


def example() -> str:
    placed = Order.place("web-7781", "user-42", Money(9_900, "EUR"), at=datetime(2026, 11, 22, 10, tzinfo=UTC))
    placed.cancel("changed mind", at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC))
    change = ChangeDTO(
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
    (event,) = cloud_events(change)
    return f"```json\n{msgspec.json.format(event.to_json(), indent=2).decode()}\n```\n"


def _described(kind: type, words: dict[str, str]) -> Rows:
    assert list(words) == [field.name for field in dataclasses.fields(kind)], "describe each attribute, and no other"
    return [("attribute", "description"), *((f"`{name}`", text) for name, text in words.items())]
