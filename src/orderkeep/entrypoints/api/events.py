"""Routes of events: a page of the feed, one event, and the live stream (Server-Sent Events)."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import StrEnum
from http import HTTPStatus
from math import inf
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from orderkeep.application.errors import InvalidQuery
from orderkeep.application.event_feed import EventPage
from orderkeep.application.events import DEFAULT_SOURCE, EventView, cloud_event_json, event_json
from orderkeep.application.use_cases.list_events import LONGEST_WAIT
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api import examples, models
from orderkeep.entrypoints.api.dependencies import (
    IS_HEAD,
    MAY_WAIT,
    CurrentActor,
    IfNoneMatch,
    LastEventId,
    Services,
    is_modified,
)
from orderkeep.entrypoints.api.examples import Responses, failures, success
from orderkeep.entrypoints.api.orders import Limit, whole_number
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse, etag_of, next_link, not_modified
from orderkeep.entrypoints.api.routing import CompiledRoute, headers_of

log = logging.getLogger("orderkeep.http")

CLOUD_EVENT, CLOUD_EVENTS = b"application/cloudevents+json", b"application/cloudevents-batch+json"
"""The media types of CloudEvents' JSON format: one event, and a batch."""

MAX_CHUNK_BYTES = 65_536
"""Events are sent in chunks of this size: one that a client does not read is all that a stream buffers."""

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
]
RETRY = b"retry: 2000\n\n"
HEARTBEAT = b": heartbeat\n\n"

router = APIRouter(prefix="/events", tags=["events"], route_class=CompiledRoute)


class EventDetail(StrEnum):
    """How much the data of an event contains."""

    THIN = "thin"
    FULL = "full"


class StreamFormat(StrEnum):
    """The form of the events of a stream."""

    EVENTS = "events"
    CLOUDEVENTS = "cloudevents"


After = Annotated[
    int,
    whole_number(0, 10**18 - 1),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [7]}),
    Query(
        description="Return the events after this position of the feed: `next_after` of the previous page. Default: 0."
    ),
]
Wait = Annotated[
    int,
    Field(ge=0, le=LONGEST_WAIT, examples=[20]),
    whole_number(0, LONGEST_WAIT),
    Query(description=f"Seconds to wait for events if there are none, 0 to {LONGEST_WAIT}. Default: 0."),
]
Data = Annotated[
    EventDetail,
    Query(
        description="`full`: the data also has the order after the change, and before it. Default: `thin`.",
        examples=["full"],
    ),
]


def _cloud_event(event: EventView) -> bytes:
    return cloud_event_json(event, DEFAULT_SOURCE)


def _also_as(media_type: bytes, described: dict[str, Any], responses: Responses) -> Responses:
    """Return the `responses` entry of a status that has another media type, too."""
    for response in responses.values():
        response["content"][media_type.decode()] = described
    return responses


@router.get(
    "",
    response_model=models.EventPage,
    summary="List events",
    responses={
        **_also_as(
            CLOUD_EVENTS,
            {"schema": {"type": "array", "items": {"type": "object"}}, "example": [examples.CLOUD_EVENT]},
            success(
                200,
                "A page of events.",
                {"EventPage": {"data": [examples.EVENT], "has_more": True, "next_after": 7}},
                headers=("Link",),
            ),
        ),
        **failures(examples.EVENTS_ERRORS),
    },
)
async def list_events(
    request: Request,
    actor: CurrentActor,
    use_cases: Services,
    after: After = 0,
    limit: Annotated[
        Limit, Query(description="Maximum number of events per page, 1 to 200. Default: 50.")
    ] = DEFAULT_PAGE,
    wait: Wait = 0,
    data: Data = EventDetail.THIN,
) -> Response:
    """Returns the events of all orders, in the order in which they were recorded. None is skipped or repeated: continue
    with `next_after` as `after`. A page never divides the events of one change: it ends before the change that would
    exceed `limit`, and has all events of its first change. If there are no events, `wait` delays the response until
    there are. With `Accept: application/cloudevents-batch+json`, returns a batch of CloudEvents 1.0. The live stream,
    `GET /events/stream`, is described in the documentation.
    """
    if IS_HEAD in request.scope:
        wait = 0
    if wait:
        if not request.scope["app"].state.may_wait:
            raise InvalidQuery("is not supported by a service on AWS Lambda: omit it, and request again later", "wait")
        request.scope[MAY_WAIT](wait)
    page = await use_cases.list_events.execute(
        after=after, limit=limit, full=data is EventDetail.FULL, wait=wait, actor=actor
    )
    link = next_link(request, page.next_after if page.has_more else None, "after")
    if _accepts(request, CLOUD_EVENTS):
        body = b"[%b]" % b",".join(map(_cloud_event, page.events))
        return EncodedResponse(body, HTTPStatus.OK, link, CLOUD_EVENTS)
    return EncodedResponse(page_json(page), HTTPStatus.OK, link)


@router.get("/stream", include_in_schema=False)  # what reads an OpenAPI document waits for the end of a response
async def stream_events(
    request: Request,
    actor: CurrentActor,
    use_cases: Services,
    after: After = 0,
    data: Data = EventDetail.THIN,
    stream_format: Annotated[StreamFormat, Query(alias="format")] = StreamFormat.EVENTS,
    last_event_id: LastEventId = None,
) -> Response:
    """Return the stream of events: those after a position or an event, then new ones as they come."""
    if not request.scope["app"].state.may_wait:
        raise HttpProblem("stream_not_supported")
    request.scope[MAY_WAIT](inf)
    groups = use_cases.follow_events.execute(
        after=after, last_event_id=last_event_id, full=data is EventDetail.FULL, actor=actor
    )
    return EventStream(groups, event_json if stream_format is StreamFormat.EVENTS else _cloud_event)


@router.get(
    "/{event_id}",
    response_model=models.FeedEvent,
    summary="Get an event",
    responses={
        **_also_as(
            CLOUD_EVENT,
            {"schema": {"type": "object"}, "example": examples.CLOUD_EVENT},
            success(200, "The event.", {"FeedEvent": examples.EVENT}, headers=("ETag",)),
        ),
        **success(304, "Not modified: an event never changes.", headers=("ETag",)),
        **failures(examples.EVENT_ERRORS),
    },
)
async def get_event(
    event_id: Annotated[str, Path(description="Event ID.", examples=[examples.EVENT["id"]])],
    request: Request,
    actor: CurrentActor,
    use_cases: Services,
    data: Data = EventDetail.THIN,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns one event. It never changes: with `If-None-Match`, returns 304. With
    `Accept: application/cloudevents+json`, returns it as a CloudEvent 1.0.
    """
    event = await use_cases.get_event.execute(event_id, full=data is EventDetail.FULL, actor=actor)
    is_cloud_event = _accepts(request, CLOUD_EVENT)
    etag = etag_of(f"{event.id}-{data}{'-cloudevent' if is_cloud_event else ''}")
    if not is_modified(if_none_match, etag):
        return not_modified(etag)
    body = _cloud_event(event) if is_cloud_event else event_json(event)
    media_type = CLOUD_EVENT if is_cloud_event else b"application/json"
    return EncodedResponse(body, headers=[(b"etag", etag.encode())], media_type=media_type)


class EventStream(Response):
    """Sends groups of events as they come, until the client is gone or the groups end."""

    def __init__(self, groups: AsyncGenerator[tuple[EventView, ...]], encode: Callable[[EventView], bytes]) -> None:
        self.groups, self.encode, self.status_code, self.background = groups, encode, HTTPStatus.OK, None
        self.raw_headers = STREAM_HEADERS.copy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.groups):
            first = await anext(self.groups)  # raises what is wrong with the request, before anything is sent
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if IS_HEAD in scope:
                await send({"type": "http.response.body"})
                return
            tasks = [asyncio.ensure_future(self._send(first, send)), asyncio.ensure_future(_disconnected(receive))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _send(self, first: tuple[EventView, ...], send: Send) -> None:
        chunk = RETRY + await self._sent(first, send)
        try:
            await send(_part(chunk))
            async for events in self.groups:
                await send(_part(await self._sent(events, send) or HEARTBEAT))
        except OrderkeepError as error:  # the client connects again, and continues after the last event
            log.warning("event stream ended", extra={"code": error.code, "reason": str(error)})
        await send({"type": "http.response.body"})

    async def _sent(self, events: tuple[EventView, ...], send: Send) -> bytes:
        """Send the events in chunks, and return what is left."""
        chunk = b""
        for event in events:
            if len(chunk) > MAX_CHUNK_BYTES:
                await send(_part(chunk))
                chunk = b""
            chunk += b"id: %b\nevent: %b\ndata: %b\n\n" % (event.id.encode(), event.type.encode(), self.encode(event))
        return chunk


def page_json(page: EventPage) -> bytes:
    """Return the JSON of a page."""
    more = b"true" if page.has_more else b"false"
    return b'{"data":[%b],"has_more":%b,"next_after":%d}' % (
        b",".join(map(event_json, page.events)),
        more,
        page.next_after,
    )


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _accepts(request: Request, media_type: bytes) -> bool:
    """Return whether `Accept` lists the media type."""
    given: Any = headers_of(request.scope).get(b"accept", b"")
    listed = b",".join(given) if isinstance(given, list) else given
    return media_type in [each.partition(b";")[0].strip().lower() for each in listed.split(b",")]
