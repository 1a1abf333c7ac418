"""The tables of the page on events: their types, their attributes, and one as it leaves."""

import dataclasses
import inspect
from datetime import UTC, datetime
from typing import get_args

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.domain.entities import Event, Order
from orderkeep.domain.value_objects import Money
from orderkeep.infrastructure.cloud_events import CloudEvent, EventData, cloud_events, type_of
from tests.docs.core_tables import Rows

ATTRIBUTES = {
    "specversion": "`1.0`",
    "id": "order, version, and the event's number in its change: the same each time the event is sent",
    "source": "`orderkeep`, or what `&source=` in `ORDERKEEP_EVENTS` says; with `id` it tells any event from any other",
    "type": "what happened, see above",
    "subject": "the order's id",
    "time": "when it happened",
    "datacontenttype": "`data` is JSON",
    "dataschema": "the shape of `data`; the number grows when a field goes or changes its meaning, not when one comes",
    "data": "the rest, see below",
}

DATA = {
    "event": "`type`, as the order's history has it, and `data`, see above",
    "version": "the order's version that came of it",
    "actor": "who asked",
    "request_id": "the `X-Request-Id` of the request that did it, if it had one",
    "order": "the order as it became, as `GET /orders/{id}` answers it; `null` where the event would be too large",
    "order_ref": "where to read that, below the service's own URL",
}


def types() -> Rows:
    rows: Rows = [("type", "what happened", "`data.event.data`")]
    for kind in get_args(Event):
        said = ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind)) or "nothing"
        rows.append((f"`{type_of(kind.__name__)}`", inspect.cleandoc(kind.__doc__ or ""), said))
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
    assert list(words) == [field.name for field in dataclasses.fields(kind)], "each needs its words here, and no other"
    return [("attribute", "what it is"), *((f"`{name}`", said) for name, said in words.items())]
