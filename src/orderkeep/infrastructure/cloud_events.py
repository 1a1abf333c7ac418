"""Mapping of changes to CloudEvents 1.0, shared by all publishers."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.application.events import DEFAULT_SOURCE, cloud_event_type, event_id

SCHEMA = "urn:orderkeep:order-event:1"
"""The schema of `data`. Its number grows when a field is removed or changes its meaning, not when one is added."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EventData:
    """An event, and the order after the change. `order_ref` is the path of the order at that version."""

    event: EventDTO
    version: int
    actor: str
    request_id: str | None
    order: OrderDTO | None
    order_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """An event with the attributes of CloudEvents 1.0."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    dataschema: str = SCHEMA
    data: EventData

    def to_json(self) -> bytes:
        """Encode the event in CloudEvents' JSON format."""
        return _encode(self)

    def without_order(self) -> "CloudEvent":
        """Return the event without its order, for brokers with a size limit."""
        return replace(self, data=replace(self.data, order=None))


def cloud_events(change: ChangeDTO, source: str = DEFAULT_SOURCE) -> list[CloudEvent]:
    """Return the events of a change, in order. The id of an event is stable, and unique within `source`."""
    return [
        CloudEvent(
            id=event_id(change.order_id, change.version, number),
            source=source,
            type=cloud_event_type(event.type),
            subject=change.order_id,
            time=change.at,
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
