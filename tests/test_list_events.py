"""The events of all orders, page by page, one by one, and followed as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application import event_feed
from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.errors import EventNotFound, InvalidQuery, Overloaded, TooManyRequests, UnknownPosition
from orderkeep.application.event_feed import EventFeed, EventPage
from orderkeep.application.events import EventView, event_json
from orderkeep.application.ports import PAGE_BYTES, FeedPage
from orderkeep.application.use_cases import follow_events
from orderkeep.application.use_cases.follow_events import FollowEventsUseCase
from orderkeep.application.use_cases.get_event import GetEventUseCase
from orderkeep.application.use_cases.list_events import LONGEST_WAIT, ListEventsUseCase
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.lifecycle import NoteAdded
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, large_order, small_order

ANNA = Actor(ActorKind.STAFF, "anna", frozenset({Scope.EVENTS}))
History = Sequence[tuple[int, int]]
"""Changes in commit order: the number of the order, and the number of the events of the change."""


async def store_with(history: History) -> InMemoryOrderRepository:
    store = InMemoryOrderRepository()
    for number, (order, count) in enumerate(history):
        await add_change(store, order, count, number)
    return store


async def add_change(store: InMemoryOrderRepository, number: int, count: int, nth: int = 0) -> None:
    """Save the order with a change of so many events, each identified by its note."""
    order = await store.get_by_id(f"order-{number}") or small_order(f"order-{number}")
    order.events = [NoteAdded(f"n{nth}-{each}") for each in range(count)]
    order.updated_at = SINCE + timedelta(seconds=nth)
    await store.save(order)


def feed_of(store: InMemoryOrderRepository) -> EventFeed:
    return EventFeed(store, store, poll_seconds=0)


async def until_waiting(feed: EventFeed, count: int = 1) -> None:
    while len(feed._waiting) < count:  # noqa: ASYNC110  # an event for this would exist for the test alone
        await asyncio.sleep(0)


def ids_in(history: History) -> list[str]:
    """Return the IDs of the events of the changes."""
    versions = dict.fromkeys((order for order, _ in history), 0)
    found = list[str]()
    for order, count in history:
        versions[order] += 1
        found += [f"order-{order}.{versions[order]}.{number}" for number in range(1, count + 1)]
    return found


def ids(events: Sequence[EventView]) -> list[str]:
    return [event.id for event in events]


histories = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 6)), max_size=12)


@given(histories, st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_pages_have_each_event_once_whatever_the_limits(history: History, limits: Sequence[int], full: bool) -> None:
    async def read() -> list[EventPage]:
        do, after, pages = ListEventsUseCase(feed_of(await store_with(history))), 0, list[EventPage]()
        while not pages or pages[-1].has_more:
            pages.append(await do.execute(after=after, limit=limits[len(pages) % len(limits)], full=full))
            after = pages[-1].next_after
        return pages

    pages = asyncio.run(read())
    assert [name for page in pages for name in ids(page.events)] == ids_in(history)
    assert pages[-1].next_after == len(history)
    for number, page in enumerate(pages):
        positions = {event.position for event in page.events}
        assert len(page.events) <= limits[number % len(limits)] or len(positions) == 1
        others = {event.position for other in pages if other is not page for event in other.events}
        assert not positions & others, "a page divides a change"


async def test_page_ends_before_the_change_that_exceeds_the_limit() -> None:
    do = ListEventsUseCase(feed_of(await store_with([(1, 2), (2, 3), (1, 1)])))
    page = await do.execute(limit=4)
    assert (ids(page.events), page.has_more, page.next_after) == (["order-1.1.1", "order-1.1.2"], True, 1)
    page = await do.execute(after=1, limit=1)
    assert (ids(page.events), page.has_more, page.next_after) == ([f"order-2.1.{each}" for each in (1, 2, 3)], True, 2)
    page = await do.execute(after=2, limit=1)
    assert (ids(page.events), page.has_more, page.next_after) == (["order-1.2.1"], False, 3)
    page = await do.execute(after=3)
    assert (page.events, page.has_more, page.next_after) == ((), False, 3)


async def test_more_events_follow_a_page_that_ends_for_its_size() -> None:
    store = InMemoryOrderRepository([large_order(f"order-{number}") for number in range(7)])
    do = ListEventsUseCase(feed_of(store))
    first = await do.execute(limit=10)
    assert 1 < len(first.events) < 7
    assert first.has_more
    second = await do.execute(after=first.next_after, limit=10)
    assert (len(first.events) + len(second.events), second.has_more) == (7, False)


async def test_full_page_ends_for_the_size_of_the_orders_before_and_after() -> None:
    """The order is repeated for each event, and the order before may be much larger than the one after."""
    store = InMemoryOrderRepository([large_order(f"order-{number}") for number in range(7)])
    for number in range(7):
        order = await store.get_by_id(f"order-{number}")
        assert order is not None
        order.metadata, order.lines = {}, ()
        order.events = [NoteAdded("n1"), NoteAdded("n2")]
        await store.save(order)
    do = ListEventsUseCase(feed_of(store))
    assert len((await do.execute(after=7, limit=50)).events) == 14
    after, sizes = 7, list[int]()
    while True:
        page = await do.execute(after=after, limit=50, full=True)
        sizes.append(sum(len(event_json(event)) for event in page.events))
        assert [event.position for event in page.events] == [
            position for position in range(after + 1, page.next_after + 1) for _ in range(2)
        ]
        after = page.next_after
        if not page.has_more:
            break
    assert after == 14
    assert max(sizes) <= PAGE_BYTES * 1.01  # the other fields of the events are not counted
    assert len(sizes) == 4, "two changes, of two events with an order of 200 KB each, fit on a page"


async def test_full_events_have_the_order_before_from_the_page_or_the_history() -> None:
    do = ListEventsUseCase(feed_of(await store_with([(1, 1), (1, 1), (2, 1), (1, 1)])))
    page = await do.execute(after=1, full=True)
    states = [(event.data["order"], event.data["previous"]) for event in page.events]
    assert [(order.id, order.version, before and before.version) for order, before in states] == [
        ("order-1", 2, 1),
        ("order-2", 1, None),
        ("order-1", 3, 2),
    ]


@pytest.mark.parametrize("after", [-1, 3])
async def test_position_that_the_feed_does_not_have_is_rejected(after: int) -> None:
    do = ListEventsUseCase(feed_of(await store_with([(1, 1), (2, 1)])))
    with pytest.raises(UnknownPosition) as rejected:
        await do.execute(after=after)
    assert rejected.value.parameter == "after"


@pytest.mark.parametrize("wait", [-1, LONGEST_WAIT + 1])
async def test_wait_is_limited(wait: int) -> None:
    with pytest.raises(InvalidQuery, match=f"from 0 to {LONGEST_WAIT}") as rejected:
        await ListEventsUseCase(feed_of(InMemoryOrderRepository())).execute(wait=wait)
    assert rejected.value.parameter == "wait"


async def test_waiting_request_returns_the_next_events() -> None:
    store = await store_with([(1, 1)])
    do = ListEventsUseCase(feed_of(store))
    assert len((await do.execute(wait=LONGEST_WAIT)).events) == 1, "there is no need to wait"
    waiting = asyncio.create_task(do.execute(after=1, wait=LONGEST_WAIT))
    await until_waiting(do.feed)
    await add_change(store, 1, 2)
    page = await waiting
    assert (ids(page.events), page.next_after) == (["order-1.2.1", "order-1.2.2"], 2)


async def test_waiting_ends_without_events_when_the_time_is_over() -> None:
    feed = feed_of(await store_with([(1, 1)]))
    await feed.wait(1, 0.01)
    assert not feed._waiting


class WatchedStore(InMemoryOrderRepository):
    """Counts the reads of the feed that are in progress, and fails them if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.most_reads, self.fails = 0, 0, False

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        self.reads += 1
        self.most_reads = max(self.most_reads, self.reads)
        await asyncio.sleep(0)
        self.reads -= 1
        if self.fails:
            raise StoreUnavailable
        return await super().read_changes(after, limit)


async def test_one_reader_of_the_store_serves_all_that_wait() -> None:
    store = WatchedStore()
    feed = EventFeed(store, store, poll_seconds=0)
    for number in range(4):
        await add_change(store, number, 1)
    late = [asyncio.create_task(feed.wait(4, LONGEST_WAIT)) for _ in range(30)]
    early = [asyncio.create_task(feed.wait(after, LONGEST_WAIT)) for after in (3, 1, 0, 3)]
    await asyncio.gather(*early)
    assert not any(task.done() for task in late)
    await add_change(store, 1, 1)
    await asyncio.gather(*late)
    assert store.most_reads == 1
    assert feed._polling is not None
    await feed._polling  # ends when no request waits
    waiting = asyncio.create_task(feed.wait(5, LONGEST_WAIT))
    await asyncio.sleep(0.01)
    await add_change(store, 1, 1)
    await waiting


async def test_unavailable_store_ends_waiting() -> None:
    store = WatchedStore()
    do = ListEventsUseCase(EventFeed(store, store, poll_seconds=0))
    waiting = asyncio.create_task(do.execute(wait=LONGEST_WAIT))
    await until_waiting(do.feed)
    store.fails = True
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_stop_ends_all_waiting() -> None:
    feed = feed_of(await store_with([(1, 1)]))
    waiting = [asyncio.create_task(ListEventsUseCase(feed).execute(after=1, wait=LONGEST_WAIT)) for _ in range(3)]
    await until_waiting(feed, 3)
    first = next(iter(feed._waiting))
    first.set_result(None)
    feed.stop()
    assert [page.events for page in await asyncio.gather(*waiting)] == [(), (), ()]
    async with asyncio.timeout(5):  # it does not wait
        await ListEventsUseCase(feed).execute(after=1, wait=LONGEST_WAIT)


def test_places_to_wait_are_limited_for_an_actor_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "MOST_WAITING_OF_AN_ACTOR", 2)
    monkeypatch.setattr(event_feed, "MOST_WAITING", 3)
    feed = feed_of(InMemoryOrderRepository())
    with ExitStack() as held:
        held.enter_context(feed.admitted(ANNA))
        held.enter_context(feed.admitted(ANNA))
        with pytest.raises(TooManyRequests, match="2 requests of this actor wait for events"), feed.admitted(ANNA):
            pass
        held.enter_context(feed.admitted(SYSTEM))
        with pytest.raises(Overloaded), feed.admitted(replace(ANNA, id="ben")):
            pass
    with feed.admitted(ANNA):
        assert feed._places == {ANNA: 1}


async def test_request_that_need_not_wait_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "MOST_WAITING", 0)
    do = ListEventsUseCase(feed_of(await store_with([(1, 1)])))
    assert len((await do.execute(wait=5)).events) == 1
    with pytest.raises(Overloaded):
        await do.execute(after=1, wait=5)


async def test_event_is_found_by_its_id() -> None:
    store = await store_with([(1, 1), (2, 1), (1, 2)])
    do = GetEventUseCase(store, store)
    for event in (await ListEventsUseCase(feed_of(store)).execute(full=True)).events:
        assert await do.execute(event.id, full=True) == event
        assert (await do.execute(event.id)).data == {"note_id": event.data["note_id"]}


@pytest.mark.parametrize("event_id", ["order-1.1.2", "order-1.2.1", "order-9.1.1", "order-1", "", "order-1.1.0"])
async def test_event_that_does_not_exist_is_not_found(event_id: str) -> None:
    store = await store_with([(1, 1)])
    with pytest.raises(EventNotFound):
        await GetEventUseCase(store, store).execute(event_id)


class WithoutPositions(InMemoryOrderRepository):
    """Has changes that are not in the feed yet."""

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        return None


async def test_event_without_a_position_is_not_found_yet() -> None:
    store = WithoutPositions()
    await add_change(store, 1, 1)
    with pytest.raises(EventNotFound):
        await GetEventUseCase(store, store).execute("order-1.1.1")
    follow = FollowEventsUseCase(feed_of(store), store)
    with pytest.raises(EventNotFound):
        await anext(follow.execute(last_event_id="order-1.1.1"))


@given(histories.filter(ids_in), st.data())
def test_stream_continues_directly_after_the_last_event(history: History, data: st.DataObject) -> None:
    expected = ids_in(history)
    last = data.draw(st.sampled_from([None, *expected]))

    async def read() -> list[str]:
        store = await store_with(history)
        feed = EventFeed(store, store, poll_seconds=3_600)  # there is no need to wait
        found = list[str]()
        async with asyncio.timeout(5), aclosing(FollowEventsUseCase(feed, store).execute(last_event_id=last)) as groups:
            async for group in groups:
                found += ids(group)
                if found[-1:] == expected[-1:] or last == expected[-1]:
                    break
        assert not feed._places
        return found

    assert asyncio.run(read()) == expected[expected.index(last) + 1 :] if last else expected


async def test_stream_has_what_comes_later_and_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_events, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(follow_events, "MOST_AT_ONCE", 2)
    store = await store_with([(1, 1), (1, 1), (1, 1)])
    feed = feed_of(store)
    groups = FollowEventsUseCase(feed, store).execute(after=0, actor=ANNA)
    assert ids(await anext(groups)) == ["order-1.1.1", "order-1.2.1"]
    assert ids(await anext(groups)) == ["order-1.3.1"]
    assert await anext(groups) == (), "nothing came for some time"
    await add_change(store, 2, 2)
    assert ids(await anext(groups)) == ["order-2.1.1", "order-2.1.2"]
    monkeypatch.setattr(follow_events, "HEARTBEAT_SECONDS", 60)
    waiting = asyncio.ensure_future(anext(groups))
    await until_waiting(feed)
    feed.stop()
    assert await waiting == ()
    with pytest.raises(StopAsyncIteration):
        await anext(groups)
    assert not feed._places


async def test_stream_ends_after_some_time_so_that_its_client_is_authenticated_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follow_events, "LONGEST_SECONDS", 0.02)
    store = await store_with([(1, 1)])
    feed = EventFeed(store, store, poll_seconds=3_600)
    async with asyncio.timeout(5):
        groups = [ids(group) async for group in FollowEventsUseCase(feed, store).execute(actor=ANNA)]
    assert groups[0] == ["order-1.1.1"]
    assert not any(groups[1:])
    assert not feed._places


@pytest.mark.parametrize("last_event_id", ["order-1.9.1", "order-9.1.1", "x", ""])
async def test_stream_after_an_unknown_event_is_rejected(last_event_id: str) -> None:
    store = await store_with([(1, 1)])
    follow = FollowEventsUseCase(feed_of(store), store)
    with pytest.raises(EventNotFound):
        await anext(follow.execute(last_event_id=last_event_id))
    assert not follow.feed._places
