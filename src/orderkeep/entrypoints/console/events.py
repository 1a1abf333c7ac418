"""The events screen: the newest events of all orders or of one, live if the browser runs scripts; and one event."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import inf

from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.errors import EventNotFound, UnknownPosition
from orderkeep.application.event_feed import last_number
from orderkeep.application.events import (
    DEFAULT_SOURCE,
    EVENT_TYPES,
    EventView,
    cloud_event_json,
    event_id,
    event_json,
    read_event_id,
)
from orderkeep.application.use_cases.list_orders import LARGEST_PAGE
from orderkeep.entrypoints.api.dependencies import WAIT_SECONDS
from orderkeep.entrypoints.api.events import EventStream
from orderkeep.entrypoints.console.pages import Page, Screen

screen = Screen("Events", "/console/events", scope=Scope.EVENTS)

ROWS = 50
"""How many events a page has at least, if there are so many: it has all those of a change."""

MOST_SEARCHED = 2_000
"""How many changes are searched for events of one type. Older ones are on the next page."""


@dataclass(frozen=True, slots=True)
class Found:
    """Events, newest first. `rest` is the position, or the version of the order, up to which older ones are."""

    events: Sequence[EventView] = ()
    rest: int = 0


@screen.get()
async def list_events(page: Page) -> Response:
    """Return the list, up to a position or, of one order, up to a version."""
    given = {name: page.query.get(name, "").strip() for name in ("type", "order", "position", "version")}
    by = "version" if given["order"] else "position"
    end = await last_position(page)
    found, error = Found(), ""
    if given["type"] and given["type"] not in EVENT_TYPES:
        error = "No events have this type. Choose one of the list"
    elif given[by] and not _is_number(given[by]):
        error = f"The {by} must be a whole number, from 1"
    else:
        last = int(given[by]) if given[by] else None
        find = _of_order if given["order"] else _of_all
        found = await find(page, given, end, last)
    return page.render(
        "events.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        given=given,
        events=[(event, _summary(event)) for event in found.events],
        by=by,
        rest=found.rest,
        end=end,
        error=error,
        types=EVENT_TYPES,
        is_newest=not given[by],
        may_read=page.may(Scope.READ),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19 and int(text) > 0


async def last_position(page: Page) -> int:
    """Return the position of the last change. It is found from the last one that was known, which usually takes two
    reads.
    """
    state = page.request.scope["app"].state

    async def follows(position: int) -> bool:
        try:
            found = await page.use_cases.list_events.execute(after=position, limit=1, actor=page.actor)
        except UnknownPosition:
            return False
        return found.next_after > position

    known: int = getattr(state, "last_position", 0)
    if known and not await follows(known - 1):  # the store is another one
        known = 0
    state.last_position = end = await last_number(follows, known)
    return end


async def _of_all(page: Page, given: dict[str, str], end: int, last: int | None) -> Found:
    """Return the events up to a position."""
    top = low = min(end, last or end)
    step = LARGEST_PAGE if given["type"] else ROWS
    found = list[EventView]()
    while low and len(found) < ROWS and top - low < MOST_SEARCHED:
        first = max(0, low - step)
        events = await _between(page, first, low)
        found += [event for event in reversed(events) if given["type"] in ("", event.type)]
        low = first
    return _cut(found, low, lambda event: event.position)


async def _between(page: Page, after: int, last: int) -> list[EventView]:
    found = list[EventView]()
    while after < last:
        part = await page.use_cases.list_events.execute(after=after, limit=LARGEST_PAGE, actor=page.actor)
        found += [event for event in part.events if event.position <= last]
        after = part.next_after
    return found


async def _of_order(page: Page, given: dict[str, str], _: int, last: int | None) -> Found:
    """Return the events of an order up to a version."""

    async def event(version: int, number: int = 1) -> EventView | None:
        try:
            return await page.use_cases.get_event.execute(event_id(given["order"], version, number), actor=page.actor)
        except EventNotFound:
            return None

    async def follows(version: int) -> bool:
        return await event(version + 1) is not None

    newest = await last_number(follows)
    version, found = min(newest, last or newest), list[EventView]()
    while version and len(found) < ROWS:
        number, own = 1, list[EventView]()
        while each := await event(version, number):
            number += 1
            own.append(each)
        found += [each for each in reversed(own) if given["type"] in ("", each.type)]
        version -= 1
    return _cut(found, version, lambda each: each.version)


def _cut(events: list[EventView], rest: int, key: Callable[[EventView], int]) -> Found:
    """Return `ROWS` events, and the others of the same change as the last one."""
    if len(events) <= ROWS:
        return Found(events, rest)
    last = key(events[ROWS - 1])
    return Found([event for event in events if key(event) >= last], max(rest, last - 1))


def _summary(event: EventView) -> str:
    """Return the fields of an event that have a value, in words."""
    return ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in event.data.items() if value)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@screen.get("/stream")
async def follow(page: Page) -> Response:
    """Return the live stream. An event's data is the ID of its order: the page reads the list again."""
    page.request.scope[WAIT_SECONDS] = inf
    after = page.query.get("after", "")
    groups = page.use_cases.follow_events.execute(
        after=int(after) if _is_number(after) else 0,
        last_event_id=page.request.headers.get("last-event-id"),
        actor=page.actor,
    )
    return EventStream(groups, lambda event: event.order_id.encode())


@screen.get("/{event_id}")
async def show_event(page: Page) -> Response:
    """Return one event, with its payload."""
    given = page.path["event_id"]
    event = await page.use_cases.get_event.execute(given, actor=page.actor)
    full = await page.use_cases.get_event.execute(given, full=True, actor=page.actor)
    _, _, number = read_event_id(event.id) or ("", 0, 0)
    return page.render(
        "event.html",
        event=event,
        number=number,
        payload=_indented(event_json(event)),
        orders=_indented(event_json(full)),
        cloud_event=_indented(cloud_event_json(event, DEFAULT_SOURCE)),
        origin=str(page.request.base_url).rstrip("/"),
        may_read=page.may(Scope.READ),
    )


def _indented(content: bytes) -> str:
    return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
