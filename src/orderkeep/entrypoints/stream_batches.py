"""One invocation of the stream's handler: its records, the changes in them, and how far these were published.

Lambda goes on from the record that the answer names, so that nothing behind a failure may have been sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.event_publisher import EventPublisher
from orderkeep.domain.exceptions import StoreUnavailable

log = logging.getLogger("orderkeep.lambda")

Record = Mapping[str, Any]
ReadRecord = Callable[[Record], ChangeDTO | None]

DYNAMODB = "aws:dynamodb"


class NotAStreamEvent(ValueError):
    """What the handler was invoked with is no batch of records of a DynamoDB table's stream."""


class StreamBatch:
    """The records of one invocation. Raises `NotAStreamEvent`: there is no record to report then.

    Records are read up to the first that cannot be: those before it are published, and then it is reported.
    """

    def __init__(self, event: object, read: ReadRecord) -> None:
        self._changes: list[ChangeDTO] = []
        self._numbers: list[str] = []  # the sequence number of each change's record, and of the unreadable one
        self._published = 0
        for record, number in _records_of(event):
            try:
                change = read(record)
            except StoreUnavailable:
                log.exception("a record of the stream cannot be read", extra={"record": number})
                self._numbers.append(number)
                break
            if change is not None:
                self._changes.append(change)
                self._numbers.append(number)

    async def publish(self, publisher: EventPublisher) -> None:
        """Publish the changes, in order. Whoever breaks this off still gets an answer that holds."""
        if self._changes:
            await publisher.publish(self._changes, self._count)

    def answer(self) -> dict[str, list[dict[str, str]]]:
        """Return what Lambda is to be told: the first record that is not done, if there is one."""
        return {"batchItemFailures": [{"itemIdentifier": number} for number in self._not_done()]}

    def broken_off(self, why: str) -> None:
        """Say in the log why the batch was broken off, and where."""
        where = "".join(self._not_done()) or None  # behind the last one
        log.error("publishing was broken off", extra={"record": where, "reason": why})

    def _not_done(self) -> list[str]:
        return self._numbers[self._published :][:1]

    def _count(self, more: int) -> None:
        self._published += more


def _records_of(event: object) -> list[tuple[Record, str]]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise NotAStreamEvent("this handler takes batches of a DynamoDB table's stream: the event has no list Records")
    return [(record, _sequence_number_of(record, index)) for index, record in enumerate(records)]


def _service(source: object) -> str:
    return source if isinstance(source, str) and re.fullmatch(r"aws:[a-z0-9]{1,30}", source) else "no source"


def _sequence_number_of(record: object, index: int) -> str:
    source = record.get("eventSource") if isinstance(record, Mapping) else None
    if source != DYNAMODB:
        raise NotAStreamEvent(
            f"this handler takes batches of a DynamoDB table's stream: Records/{index} is of {_service(source)}"
        )
    told = record.get("dynamodb") if isinstance(record, Mapping) else None
    number = told.get("SequenceNumber") if isinstance(told, Mapping) else None
    if not isinstance(number, str) or not number:
        raise NotAStreamEvent(f"Records/{index}/dynamodb has no SequenceNumber, by which a failure could be reported")
    return number
