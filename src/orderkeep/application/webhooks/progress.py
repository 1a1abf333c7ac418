"""How far a subscription is: its position in the feed, its lease, and the orders whose events wait for a retry."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orderkeep.application.leases import Lease, decode_lease, encode_lease
from orderkeep.application.records import Record, RecordStore

PROGRESS = "webhook-progress"
"""The kind of the records of progress. A record has the ID of its subscription."""

MAX_WAITING_ORDERS = 1_000
"""How many orders of a subscription may wait for a retry. The position does not advance beyond it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The position of a subscription: all events up to it were accepted, or belong to an order that waits.

    `waiting` is the number of orders that wait, and `due_at` the time of their next attempt, as of that `era`.
    `logged` is the number of records of the delivery log. `replayed` is the number of the last replay, and how far it
    is.
    """

    id: str
    position: int = 0
    lease: Lease | None = None
    waiting: int = 0
    due_at: datetime | None = None
    era: int = 0
    logged: int = 0
    replayed: tuple[int, int] = (0, 0)
    version: int = 0

    def to_record(self) -> Record:
        values = {name: getattr(self, name) for name in ("position", "waiting", "era", "logged", "replayed")}
        values["lease"] = encode_lease(self.lease)
        values["due_at"] = self.due_at and self.due_at.isoformat()
        return Record(PROGRESS, self.id, _encode(values), self.version)

    @classmethod
    def of(cls, record: Record) -> Progress:
        """Return the progress in a record."""
        found: dict[str, Any] = json.loads(record.content)
        found["lease"] = decode_lease(found["lease"])
        found["due_at"] = found["due_at"] and datetime.fromisoformat(found["due_at"])
        found["replayed"] = tuple(found["replayed"])
        return cls(record.id, version=record.version, **found)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """An order whose events wait: from event `number` of `version` on, up to the last version that the position has
    passed. `failures` counts the attempts of that event that failed since `era`; `reason` is the last one.
    """

    order_id: str
    version: int
    number: int
    last_version: int
    failures: int
    due_at: datetime
    era: int
    reason: str = ""
    record_version: int = 0

    def due(self, era: int, now: datetime) -> bool:
        """Return whether the next attempt is due: also at once after a resumption."""
        return self.era != era or self.due_at <= now

    def failures_in(self, era: int) -> int:
        return self.failures if self.era == era else 0

    def including(self, version: int, number: int) -> WaitingOrder:
        """Return it with another event: a later one, that the position has passed, or an earlier one, of a replay."""
        if (version, number) >= (self.version, self.number):
            return replace(self, last_version=max(self.last_version, version))
        return replace(self, version=version, number=number, failures=0)

    def to_record(self, webhook_id: str) -> Record:
        names = ("version", "number", "last_version", "failures", "era", "reason")
        values = {name: getattr(self, name) for name in names} | {"due_at": self.due_at.isoformat()}
        return Record(waiting_kind(webhook_id), self.order_id, _encode(values), self.record_version)

    @classmethod
    def of(cls, record: Record) -> WaitingOrder:
        """Return the waiting order in a record."""
        found: dict[str, Any] = json.loads(record.content)
        found["due_at"] = datetime.fromisoformat(found["due_at"])
        return cls(order_id=record.id, record_version=record.version, **found)


def waiting_kind(webhook_id: str) -> str:
    """Return the kind of the records of a subscription's waiting orders. A record has the ID of its order."""
    return f"webhook-blocked:{webhook_id}"


async def waiting_orders(records: RecordStore, webhook_id: str) -> dict[str, WaitingOrder]:
    """Return the orders that wait, by ID."""
    found: dict[str, WaitingOrder] = {}
    after, kind = "", waiting_kind(webhook_id)
    while page := await records.list_records(kind, after, MAX_WAITING_ORDERS):
        found |= {record.id: WaitingOrder.of(record) for record in page}
        after = page[-1].id
    return found


_encode: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
