"""The one mapping from changes to CloudEvents 1.0, the same for every publisher."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO

DEFAULT_SOURCE = "orderkeep"
SCHEMA = "urn:orderkeep:order-event:1"
"""Of `data`. Its number grows when a field goes or changes its meaning, not when one is added."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EventData:
    """One event of a change, and the order as the change left it; `order_ref` is where to read it instead."""

    event: EventDTO
    version: int
    actor: str
    request_id: str | None
    order: OrderDTO | None
    order_ref: str


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """An event with the attributes that CloudEvents 1.0 gives names to."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    dataschema: str
    data: EventData

    def to_json(self) -> bytes:
        """Return the event in CloudEvents' JSON format, in UTF-8."""
        return _encode(self)

    def without_order(self) -> "CloudEvent":
        """Return the event for those who take no event as large as this one."""
        return replace(self, data=replace(self.data, order=None))


def cloud_events(change: ChangeDTO, source: str = DEFAULT_SOURCE) -> list[CloudEvent]:
    """Return a change's events, in order. An event has the same id each time, and no other event of `source` has it."""
    return [
        CloudEvent(
            specversion="1.0",
            id=f"{change.order_id}.{change.version}.{number}",
            source=source,
            type=type_of(event.type),
            subject=change.order_id,
            time=change.at,
            datacontenttype="application/json",
            dataschema=SCHEMA,
            data=EventData(
                event=event,
                version=change.version,
                actor=change.actor,
                request_id=change.request_id,
                order=change.order,
                order_ref=f"/orders/{quote(change.order_id, safe='')}?version={change.version}",
            ),
        )
        for number, event in enumerate(change.events, start=1)
    ]


def type_of(event: str) -> str:
    """Return the type of an event: `orderkeep.order.cancelled` of an `OrderCancelled`."""
    words = _WORD.sub(" ", event).lower().split()
    return f"orderkeep.order.{'_'.join(words).removeprefix('order_')}"
