"""Event publisher for Amazon EventBridge: CloudEvents on a bus, each sent until it was accepted, in order per order.

A call of PutEvents takes several entries, and they can fail one by one. So it never contains two events of one order:
the next one waits for the next call.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.events import DEFAULT_SOURCE
from orderkeep.application.ports import EventPublisher, NotPublished, Progress, ignore_progress
from orderkeep.infrastructure.aws import (
    EXPIRED,
    NO_CREDENTIALS,
    UNREACHABLE,
    AwsError,
    Json,
    JsonService,
    back_off,
    open_http,
)
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.cloud_events import CloudEvent, cloud_events

TARGET = "AWSEvents.PutEvents"
CONTENT_TYPE = "application/x-amz-json-1.1"

MAX_ENTRIES = 10
MAX_BYTES = 256_000
"""Of a call, and so of an entry. EventBridge says "less than 256 KB", and not which kilobytes."""

ATTEMPTS = 8
"""How often a call is sent while EventBridge is unreachable, fails, or limits the rate. Callers may cancel earlier."""

FIRST_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 5.0

_RATE_LIMIT = "ThrottlingException TooManyRequestsException RequestLimitExceeded LimitExceededException"
_UNAVAILABLE = "InternalException InternalFailure InternalServerError ServiceUnavailable"

_TEXTS = {
    "EventBridge cannot be reached: try again, or check the network and the endpoint": UNREACHABLE,
    "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or assign a role": NO_CREDENTIALS,
    "there is no such event bus in this region: create it, or name another bus or region": "ResourceNotFoundException",
    "these AWS credentials may not publish: allow events:PutEvents on the bus": "AccessDeniedException",
    "EventBridge does not accept these AWS credentials: use others": (
        "UnrecognizedClientException InvalidSignatureException IncompleteSignatureException "
        "MissingAuthenticationTokenException"
    ),
    "these AWS credentials have expired: renew them": EXPIRED,
    "EventBridge limits the rate of this account: try again, or have the limit raised": _RATE_LIMIT,
    "EventBridge is unavailable: try again": _UNAVAILABLE,
}
MESSAGES = {code: text for text, codes in _TEXTS.items() for code in codes.split()}
"""What each error code means, and what to do."""

RETRYABLE = {UNREACHABLE, EXPIRED, *_RATE_LIMIT.split(), *_UNAVAILABLE.split()}

_BUS = re.compile(r"[A-Za-z0-9/._-]{1,256}")
_SOURCE = re.compile(r"(?!aws\.)[A-Za-z0-9/:._-]{1,128}")


class EventBridgePublisher(EventPublisher):
    """Puts events on a bus. Connects with the first event, and belongs to the event loop of that moment.

    Region, endpoint and credentials default to the usual AWS variables. Raises `ValueError` for an invalid name of a
    bus or a source, and `StoreUnusable` for an invalid region or endpoint.
    """

    def __init__(
        self, bus: str, *, region: str | None = None, endpoint: str | None = None, source: str = DEFAULT_SOURCE
    ) -> None:
        if not _BUS.fullmatch(bus):
            raise ValueError("the name of an event bus has 1 to 256 letters, digits and / . - _")
        if not _SOURCE.fullmatch(source):
            raise ValueError("the source of events has 1 to 128 letters, digits and / : . - _, not starting with aws.")
        self._bus, self._source = bus, source
        self._endpoint = Endpoint.of("events", region, endpoint)
        self._service: JsonService | None = None
        self._closed = False

    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        reported = 0
        for call in calls_of(changes, self._source):
            async for count in self._send(call):
                if count > reported:
                    done(count - reported)
                    reported = count
        if reported < len(changes):
            done(len(changes) - reported)  # the last changes have no events

    async def close(self) -> None:
        self._closed = True
        if self._service is not None:
            await self._service.http.aclose()

    async def _send(self, call: list[Entry]) -> AsyncIterator[int]:
        """Send the entries, and send those again that were not accepted; yield the number of published changes."""
        waiting = call
        for attempt in range(ATTEMPTS):
            await back_off(attempt, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            try:
                results = await self._put(waiting)
                failures = [failure for failure in results if failure]
                waiting = [entry for entry, failure in zip(waiting, results, strict=True) if failure]
            except AwsError as failure:
                failures = [failure]
            if not failures:
                yield call[-1].after
                return
            yield waiting[0].before
            worst = next((failure for failure in failures if failure.code not in RETRYABLE), failures[0])
            if worst.code not in RETRYABLE or attempt + 1 == ATTEMPTS:
                text = MESSAGES.get(worst.code, "EventBridge did not accept the event")
                details = f": {worst.message}" if worst.message else ""
                raise NotPublished(f"{text} ({worst.code}{details})") from worst

    async def _put(self, entries: list[Entry]) -> list[AwsError | None]:
        """Call PutEvents once; return None for each accepted entry. Raises `AwsError` if the whole call failed."""
        if self._closed:
            raise NotPublished("the publisher is closed")
        if self._service is None:
            self._service = JsonService("events", self._endpoint, CONTENT_TYPE, open_http())
        response = await self._service.call(TARGET, {"Entries": [entry.to_json(self._bus) for entry in entries]})
        results = [_entry_result(entry) for entry in response.get("Entries") or ()]
        # 200 means that the call was understood; whether its events were accepted is reported twice in its body.
        if len(results) != len(entries) or sum(map(bool, results)) != response.get("FailedEntryCount", 0):
            raise AwsError("InternalException", "the response does not say which events were accepted")
        return results


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to publish. `before` and `after`: how many changes are completely published before it, and with it."""

    order_id: str
    detail: str
    type: str
    source: str
    size: int
    before: int
    after: int

    @classmethod
    def of(cls, event: CloudEvent, before: int, after: int) -> Entry:
        """Return the entry of an event, without the order if that is too large."""
        detail = event.to_json()
        other = len(event.source.encode()) + len(event.type.encode())
        if other + len(detail) > MAX_BYTES:
            detail = event.without_order().to_json()
        return cls(event.subject, detail.decode(), event.type, event.source, other + len(detail), before, after)

    def to_json(self, bus: str) -> Json:
        """Return the entry for PutEvents. Its time is left to the bus: the event has its own."""
        return {"EventBusName": bus, "Source": self.source, "DetailType": self.type, "Detail": self.detail}


def calls_of(changes: Sequence[ChangeDTO], source: str) -> Iterator[list[Entry]]:
    """Yield the entries of each call, in order."""
    call: list[Entry] = []
    for before, change in enumerate(changes):
        events = cloud_events(change, source)
        for event in events:
            entry = Entry.of(event, before, before + (event is events[-1]))
            size = entry.size + sum(other.size for other in call)
            if len(call) == MAX_ENTRIES or size > MAX_BYTES or any(other.order_id == entry.order_id for other in call):
                if call:
                    yield call
                call = []
            call.append(entry)
    if call:
        yield call


def _entry_result(entry: Json) -> AwsError | None:
    code = entry.get("ErrorCode")
    if not code and entry.get("EventId"):
        return None
    return AwsError(str(code or "InternalException"), str(entry.get("ErrorMessage") or ""))
