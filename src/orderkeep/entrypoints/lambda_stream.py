"""Lambda handler for the stream of the orders' table: publishes the events of each change, in order for each order.

The function needs ORDERKEEP_EVENTS, and no access to the table. Its response names the first record that was not
published, and Lambda continues there: the event source mapping must have `ReportBatchItemFailures`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import RequestTimedOut
from orderkeep.application.ports import NotPublished
from orderkeep.bootstrap.events import InvalidEventsURL, open_publisher, stream_reader
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.lambda_runtime import CannotStart, Context, read_settings, run, service_in
from orderkeep.entrypoints.logs import current_request, trace_id_in

log = logging.getLogger("orderkeep.lambda")


class NotAStreamEvent(ValueError):
    """The event is not a batch of records of a DynamoDB stream."""


def handler(event: Any, context: Context) -> dict[str, list[dict[str, str]]]:
    """Publish the changes in the records; return the first record that was not published, if any."""
    invocation = {"request_id": context.aws_request_id, "trace_id": trace_id_in(os.environ.get("_X_AMZN_TRACE_ID", ""))}
    current_request.set(lambda: invocation)
    changes, numbers = read_batch(event)
    published, reason = 0, ""

    def count(more: int) -> None:
        nonlocal published
        published += more

    try:
        if changes:
            run(_publisher.publish(changes, count), context)
    except NotPublished as error:
        reason = str(error)
    except RequestTimedOut:
        reason = "the invocation has no time left"
    unpublished = numbers[published:][:1]
    if reason:
        log.error("publishing stopped", extra={"record": "".join(unpublished) or None, "reason": reason})
    return {"batchItemFailures": [{"itemIdentifier": number} for number in unpublished]}


def read_batch(event: object) -> tuple[list[ChangeDTO], list[str]]:
    """Return the changes in the records of an event, and the sequence numbers of their records. An unreadable record
    ends the batch, and its number is the last. Raises `NotAStreamEvent`.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise NotAStreamEvent("this handler takes batches of a DynamoDB stream: the event has no list Records")
    changes: list[ChangeDTO] = []
    numbers: list[str] = []
    for record, number in [(record, _sequence_number_of(record, index)) for index, record in enumerate(records)]:
        try:
            change = _read(record)
        except StoreUnavailable:
            log.exception("a record of the stream cannot be read", extra={"record": number})
            return changes, [*numbers, number]
        if change is not None:
            changes.append(change)
            numbers.append(number)
    return changes, numbers


def _sequence_number_of(record: object, index: int) -> str:
    if (sender := service_in(record)) != "aws:dynamodb":
        raise NotAStreamEvent(f"this handler takes batches of a DynamoDB stream: Records/{index} is from {sender}")
    details = record.get("dynamodb") if isinstance(record, Mapping) else None
    number = details.get("SequenceNumber") if isinstance(details, Mapping) else None
    if not isinstance(number, str) or not number:
        raise NotAStreamEvent(f"Records/{index}/dynamodb has no SequenceNumber, which reports of failures need")
    return number


if not (_url := read_settings().events):
    raise CannotStart("no event bus is configured: set ORDERKEEP_EVENTS, such as eventbridge://orders")
try:
    _publisher, _read = open_publisher(_url), stream_reader()
except InvalidEventsURL as error:
    raise CannotStart(f"ORDERKEEP_EVENTS is invalid: {error}") from None
