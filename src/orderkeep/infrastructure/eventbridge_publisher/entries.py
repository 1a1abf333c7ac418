"""What goes into one call of PutEvents: so many events as it takes, and never two of one order.

The entries of a call can fail one by one, so an order's next event waits for the next call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.infrastructure.cloud_events import CloudEvent, cloud_events

MOST_ENTRIES = 10
MOST_BYTES = 256_000
"""Of a call, and so of an entry. EventBridge says "less than 256 KB", and not which kilobytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on its way. `before` and `after`: how many changes are published in whole before it, and with it."""

    order_id: str
    detail: str
    type: str
    source: str
    size: int
    before: int
    after: int

    def to_json(self, bus: str) -> dict[str, Any]:
        """Return the entry as PutEvents takes it. Without a time: it is the bus's, and the event has its own."""
        return {"EventBusName": bus, "Source": self.source, "DetailType": self.type, "Detail": self.detail}


def calls_of(changes: Sequence[ChangeDTO], source: str) -> Iterator[list[Entry]]:
    """Yield the entries of each call, in order."""
    call: list[Entry] = []
    for entry in _entries(changes, source):
        if call and not _fits(entry, call):
            yield call
            call = []
        call.append(entry)
    if call:
        yield call


def _fits(entry: Entry, call: Sequence[Entry]) -> bool:
    return (
        len(call) < MOST_ENTRIES
        and sum(other.size for other in call) + entry.size <= MOST_BYTES
        and all(other.order_id != entry.order_id for other in call)
    )


def _entries(changes: Sequence[ChangeDTO], source: str) -> Iterator[Entry]:
    for before, change in enumerate(changes):
        events = cloud_events(change, source)
        for event in events:
            yield _entry(event, before, before + (event is events[-1]))


def _entry(event: CloudEvent, before: int, after: int) -> Entry:
    detail = event.to_json()
    beside = len(event.source.encode()) + len(event.type.encode())
    if beside + len(detail) > MOST_BYTES:
        detail = event.without_order().to_json()
    return Entry(event.subject, detail.decode(), event.type, event.source, beside + len(detail), before, after)
