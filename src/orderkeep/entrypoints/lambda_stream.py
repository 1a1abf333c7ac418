"""What AWS Lambda runs for the stream of the orders' table: each change leaves as events, in order for each order.

The function needs ORDERKEEP_EVENTS, and no access to the table. Its answer names the first record that was not
published, and Lambda goes on there: the event source mapping must have `ReportBatchItemFailures`.
"""

from __future__ import annotations

from typing import Any

from orderkeep.application.errors import RequestTimedOut
from orderkeep.application.event_publisher import EventPublisher, NotPublished
from orderkeep.bootstrap.events import InvalidEventsURL, open_publisher, stream_reader
from orderkeep.entrypoints.lambda_runtime import CannotStart, Context, log_as_invocation, read_settings, run
from orderkeep.entrypoints.stream_batches import ReadRecord, StreamBatch


def handler(event: Any, context: Context) -> dict[str, list[dict[str, str]]]:
    """Publish what the records tell of; return the first that was not published, for Lambda to go on there."""
    log_as_invocation(context)
    batch = StreamBatch(event, _read)
    try:
        run(batch.publish(_publisher), context)
    except NotPublished as error:
        batch.broken_off(str(error))
    except RequestTimedOut:
        batch.broken_off("the invocation has no time left")
    return batch.answer()


def _wire() -> tuple[EventPublisher, ReadRecord]:
    if (url := read_settings().events) in ("", "memory://"):  # a container's memory would swallow them
        raise CannotStart("nothing is named to publish events to: set ORDERKEEP_EVENTS, such as eventbridge://orders")
    try:
        return open_publisher(url), stream_reader()
    except InvalidEventsURL as error:
        raise CannotStart(f"ORDERKEEP_EVENTS cannot be used: {error}") from None


_publisher, _read = _wire()
