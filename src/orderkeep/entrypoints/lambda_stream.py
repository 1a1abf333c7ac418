"""Lambda handler for the stream of the orders' table: publishes the events of each change, in order for each order.

The function needs ORDERKEEP_EVENTS, and no access to the table. Its response names the first record that was not
published, and Lambda continues there: the event source mapping must have `ReportBatchItemFailures`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import RequestTimedOut
from orderkeep.application.ports import EventPublisher, NotPublished
from orderkeep.bootstrap.events import InvalidEventsURL, open_publisher, stream_reader
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.lambda_runtime import CannotStart, Context, read_settings, run, service_in, xray_trace
from orderkeep.entrypoints.logs import current_request
from orderkeep.entrypoints.trace_ids import trace_id_in

log = logging.getLogger("orderkeep.lambda")

Record = Mapping[str, Any]
ReadRecord = Callable[[Record], ChangeDTO | None]


class NotAStreamEvent(ValueError):
    """The event is not a batch of records of a DynamoDB stream."""


def handler(event: Any, context: Context) -> dict[str, list[dict[str, str]]]:
    """Publish the changes in the records; return the first record that was not published, if any."""
    invocation = {"request_id": context.aws_request_id, "trace_id": trace_id_in(xray_trace())}
    current_request.set(lambda: invocation)
    batch = StreamBatch(event, _read)
    try:
        run(batch.publish(_publisher), context)
    except NotPublished as error:
        batch.log_failure(str(error))
    except RequestTimedOut:
        batch.log_failure("the invocation has no time left")
    return batch.response()


class StreamBatch:
    """The records of one invocation, and the number of those published. Raises `NotAStreamEvent`.

    An unreadable record ends the batch: the records before it are published, and it is reported.
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
        """Publish the changes, in order. After a failure or cancellation, the response is still correct."""
        if self._changes:
            await publisher.publish(self._changes, self._count)

    def response(self) -> dict[str, list[dict[str, str]]]:
        """Return the response to Lambda: the first record that is not done, if any."""
        return {"batchItemFailures": [{"itemIdentifier": number} for number in self._next()]}

    def log_failure(self, reason: str) -> None:
        """Log why publishing stopped, and at which record."""
        log.error("publishing stopped", extra={"record": "".join(self._next()) or None, "reason": reason})

    def _next(self) -> list[str]:
        return self._numbers[self._published :][:1]

    def _count(self, more: int) -> None:
        self._published += more


def _records_of(event: object) -> list[tuple[Record, str]]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise NotAStreamEvent("this handler takes batches of a DynamoDB stream: the event has no list Records")
    return [(record, _sequence_number_of(record, index)) for index, record in enumerate(records)]


def _sequence_number_of(record: object, index: int) -> str:
    record = record if isinstance(record, Mapping) else {}
    if (source := record.get("eventSource")) != "aws:dynamodb":
        sender = service_in(source)
        raise NotAStreamEvent(f"this handler takes batches of a DynamoDB stream: Records/{index} is from {sender}")
    details = record.get("dynamodb")
    number = details.get("SequenceNumber") if isinstance(details, Mapping) else None
    if not isinstance(number, str) or not number:
        raise NotAStreamEvent(f"Records/{index}/dynamodb has no SequenceNumber, which reports of failures need")
    return number


def _wire() -> tuple[EventPublisher, ReadRecord]:
    if (url := read_settings().events) in ("", "memory://"):  # events in a container's memory would be lost
        raise CannotStart("no event bus is configured: set ORDERKEEP_EVENTS, such as eventbridge://orders")
    try:
        return open_publisher(url), stream_reader()
    except InvalidEventsURL as error:
        raise CannotStart(f"ORDERKEEP_EVENTS is invalid: {error}") from None


_publisher, _read = _wire()
