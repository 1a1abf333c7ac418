"""What histories, lists and the feed of every store must return."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import msgspec
import pytest

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.application.errors import InvalidCursor, UnsupportedFilter
from orderkeep.application.ports import PAGE_BYTES, FeedPage, ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.testing.orders import SINCE, large_order, pending_order, small_order
from orderkeep.testing.stores import (
    EVERYTHING,
    feed_page,
    list_orders,
    loaded,
    order_in,
    orders_on,
    pages,
    read_feed,
    save_a_delivered_order,
    save_all,
)

HUGE = (2**31, 2**63 - 1, 2**63, 2**64 + 1, 10**30)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
BEGINNING_OF_TIME, END_OF_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
USERS = ("user-1", "user-2", "USER-1")
STATUSES = tuple(OrderStatus)
TAGS = ("gift", "Gift", "gift-wrap", "a,b", '"', "%", "🎁")
REFS = ("web-1", "WEB-1", "web-1%")
ONE_OF = (
    OrderFilter(),
    *(OrderFilter(statuses=(status,)) for status in STATUSES),
    *(OrderFilter(statuses=several) for several in (STATUSES[:2], STATUSES[1::3], STATUSES[::-1], ("pending", "lost"))),
    *(OrderFilter(tag=tag) for tag in (*TAGS, "gif", "gift_", "a", "unused")),
    *(OrderFilter(external_ref=ref) for ref in (*REFS, "web", "web-1_")),
)
START, END = SINCE + 3 * TICK, SINCE + 9 * TICK
RANGES = ((None, None), (START, None), (None, END), (START, END), (START, START), (BEGINNING_OF_TIME, END_OF_TIME))


async def save_a_mixture(store: OrderStore) -> list[OrderDTO]:
    """Save orders that differ in every field with a filter, three at each instant; return them as a list must."""
    mixture = [
        small_order(
            f"order-{number * 37 % 101:03}",
            at=SINCE + number // 3 * TICK,
            user_id=USERS[number % 3],
            status=STATUSES[number % len(STATUSES)],
            tags=tuple(tag for bit, tag in enumerate(TAGS) if number >> bit & 1),
            external_ref=(*REFS, None)[number // 2 % 4],
        )
        for number in range(36)
    ]
    await save_all(store, mixture)
    found = [OrderDTO.of(order) for order in mixture]
    return sorted(found, key=lambda order: (order.created_at, order.id), reverse=True)


def matches(order: OrderDTO, where: OrderFilter) -> bool:
    """Return whether the order matches the filter."""
    same = all(getattr(where, name) in (None, getattr(order, name)) for name in ("user_id", "external_ref"))
    tagged = where.tag is None or where.tag in order.tags
    in_status = not where.statuses or order.status in where.statuses
    in_time = (where.created_from or SINCE) <= order.created_at < (where.created_to or END_OF_TIME)
    return same and tagged and in_status and in_time


async def save_some(store: OrderStore) -> list[ChangeDTO]:
    """Save six changes of three orders and return them in commit order."""
    delivered = await save_a_delivered_order(store)
    await store.save(pending_order(2))
    await store.save(pending_order(3))
    return [*delivered, *await store.list_changes("order-2", 0, 9), *await store.list_changes("order-3", 0, 9)]


def assert_full(found: Sequence[Sequence[bytes]]) -> None:
    """Check that no page exceeds `PAGE_BYTES`, and that none ends before the next document would."""
    sizes = [[len(document) for document in page] for page in found]
    for page, following in pairwise([*sizes, [PAGE_BYTES]]):
        assert sum(page) <= PAGE_BYTES < sum(page) + following[0]


class ReadContract:
    """What histories, lists and the feed must return."""

    async def test_history_records_events_and_actor(self, store: OrderStore) -> None:
        order = pending_order()
        order.set_attribution(Attribution("customer:user-1", "key-1", "fingerprint-1", "request-1"))
        await store.save(order)
        placed = OrderDTO.of(order)
        order.confirm(at=SINCE + HOUR)
        order.cancel("too late", "by phone", at=SINCE + 2 * HOUR)
        order.set_attribution(Attribution("staff:anna"))
        await store.save(order)

        changes = [
            (change.order_id, change.version, change.order, change.actor, change.key, change.request_id, change.at)
            for change in await store.list_changes(order.id, 0, 10)
        ]
        assert changes == [
            (order.id, 1, placed, "customer:user-1", "key-1", "request-1", placed.updated_at),
            (order.id, 2, OrderDTO.of(order), "staff:anna", None, None, order.updated_at),
        ]
        events = [change.events for change in await store.list_changes(order.id, 0, 10)]
        cancelled = EventDTO("OrderCancelled", {"reason": "too late", "note": "by phone"})
        assert events == [(EventDTO("OrderPlaced"),), (EventDTO("OrderConfirmed"), cancelled)]

    async def test_gives_a_change_by_its_version(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        assert [change.order.status for change in changes] == ["pending", "processing", "shipped", "delivered"]
        for version, change in enumerate(changes, start=1):
            assert await store.get_change("order-1", version) == change
        for missing in (0, -1, -4, 5, *HUGE, *(-number for number in HUGE)):
            assert await store.get_change("order-1", missing) is None, missing

    async def test_gives_the_last_change_at_or_before_an_instant(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        assert await store.get_change_at("order-1", changes[0].at - TICK) is None
        assert await store.get_change_at("order-1", BEGINNING_OF_TIME) is None
        for change, following in zip(changes, [*changes[1:], None], strict=True):
            assert await store.get_change_at("order-1", change.at) == change
            assert await store.get_change_at("order-1", change.at + TICK) == change
            until = following.at - TICK if following else END_OF_TIME
            assert await store.get_change_at("order-1", until) == change
        await store.save(await loaded(store, "order-1"))
        later = await store.get_change("order-1", 5)
        assert later is not None
        assert later.at == changes[-1].at
        assert await store.get_change_at("order-1", later.at) == later

    async def test_pages_through_a_history(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        await save_a_delivered_order(store, "order-2")
        for after in range(6):
            for limit in range(1, 6):
                assert await store.list_changes("order-1", after, limit) == changes[after : after + limit]
        assert await store.list_changes("order-1", -1, 10) == changes
        for huge in HUGE:
            assert await store.list_changes("order-1", huge, 10) == []

    async def test_chains_the_changes_of_an_order(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        others = await save_a_delivered_order(store, "order-2")

        assert [change.previous_hash for change in changes] == ["", *(change.hash for change in changes[:-1])]
        assert len({change.hash for change in changes + others}) == 8
        assert all(change.intact and len(change.hash) == 64 for change in changes + others)
        assert (await loaded(store, "order-1")).last_hash == changes[-1].hash
        report = await VerifyOrdersUseCase(store).execute()
        assert (report.orders, report.changes, report.problems) == (2, 8, [])

    async def test_verify_reads_what_is_stored_under_the_id_of_each_order(self, store: OrderStore) -> None:
        changes = await save_some(store)
        stored = [await store.stored_order(key) async for key in store.stored_keys()]
        versions = {
            order.order_id: [change.entry.version for change in order.changes] for order in stored if order.changes
        }
        ids = {change.order_id for change in changes}
        assert versions == {id: [change.version for change in changes if change.order_id == id] for id in ids}

    async def test_verify_reads_the_feed_and_the_last_checkpoint(self, store: OrderStore) -> None:
        await save_some(store)
        feed = [(change.order_id, change.version, change.hash) for change in await read_feed(store)]
        entries = [entry async for entry in store.feed_entries()]
        assert [(entry.order_id, entry.version, entry.hash) for entry in entries] == feed
        assert sorted({entry.position for entry in entries}) == [entry.position for entry in entries]

        assert await store.last_checkpoint() is None
        for day in (1, 3, 2):
            await store.add_checkpoint(f"2026-01-0{day}T00:00:00.000000Z", f"checkpoint {day}")
        assert await store.last_checkpoint() == "checkpoint 3"

    async def test_lists_and_pages_every_filter_exactly(self, store: OrderStore) -> None:
        assert await store.list_page(EVERYTHING, None, 10) == SnapshotPage(b"", None)
        mixture = await save_a_mixture(store)
        assert await list_orders(store) == mixture
        for number, (one, user, (start, end)) in enumerate(product(ONE_OF, (None, *USERS, "unknown"), RANGES)):
            where = replace(one, user_id=user, created_from=start, created_to=end)
            ids = [order.id for order in mixture if matches(order, where)]
            assert [order.id for order in await list_orders(store, where)] == ids, where
            if number % 5 == 0:
                size = (1, 2, 7, 36, 201)[number // 5 % 5]
                found = [[order.id for order in orders_on(page)] async for page in pages(store, where, size)]
                assert found == [ids[first : first + size] for first in range(0, len(ids) or 1, size)], (where, size)
        for absurd in ("", "half \ud800", "a\x00b", "u" * 3_000):
            assert await list_orders(store, OrderFilter(user_id=absurd)) == []
            assert await list_orders(store, OrderFilter(tag=absurd)) == []

    async def test_pages_end_at_a_number_of_bytes(self, store: OrderStore) -> None:
        for number in range(18):
            make = small_order if number in (0, 3, 4, 17) else large_order
            await store.save(make(f"order-{number}", at=SINCE - number * HOUR))
        for where in (EVERYTHING, OrderFilter(statuses=("pending", "shipped")), OrderFilter(tag="large")):
            found = [page.documents async for page in pages(store, where, 200)]
            ids = [order_in(document).id for page in found for document in page]
            assert ids == [f"order-{n}" for n in range(18) if not where.tag or n not in (0, 3, 4, 17)], where
            assert_full(found)
            assert len(found) > 2

    async def test_history_ends_at_a_number_of_bytes(self, store: OrderStore) -> None:
        order = large_order("order-1")
        for _ in range(12):
            await store.save(order)
        found, version = list[list[bytes]](), 0
        while page := await store.list_changes("order-1", version, 200):
            found.append([msgspec.json.encode(change.order) for change in page])
            assert [change.version for change in page] == list(range(version + 1, version + 1 + len(page)))
            assert [change.order_bytes for change in page] == [len(document) for document in found[-1]]
            version = page[-1].version
        assert version == 12
        assert_full(found)
        assert len(found) > 2

    async def test_feed_ends_at_a_number_of_bytes(self, store: OrderStore) -> None:
        for number in range(12):
            await store.save((small_order if number == 1 else large_order)(f"order-{number}"))
        found, position = list[list[bytes]](), 0
        while (page := await feed_page(store, position, 200)).changes:
            found.append([msgspec.json.encode(change.order) for change in page.changes])
            assert [change.order_bytes for change in page.changes] == [len(document) for document in found[-1]]
            position = page.position
        assert sum(map(len, found)) == 12
        assert_full(found)
        assert len(found) > 2

    async def test_filters_by_an_order_as_it_is_now(self, store: OrderStore) -> None:
        await store.save(small_order("order-1"), small_order("order-2"))
        order = await loaded(store, "order-1")
        order.confirm(at=SINCE)
        await store.save(order)
        assert [found.id for found in await list_orders(store, OrderFilter(statuses=("pending",)))] == ["order-2"]
        assert await list_orders(store, OrderFilter(statuses=("processing",))) == [OrderDTO.of(order)]

    async def test_finds_orders_by_the_beginning_of_their_id(self, store: OrderStore) -> None:
        ids = ["order-1", "order-10", "order-1_", "Order-1", "order-2", "order:1", "order-1.5", "order"]
        await store.save(*(small_order(order_id, user_id=f"user-{order_id}") for order_id in ids))
        try:
            assert await store.find_by_id_prefix("nothing-begins-so", 5) == []
        except UnsupportedFilter:
            return
        for prefix in ("order-1", "order", "order-", "order-1%", "order-_", "", "\ud800", "a\x00b", "order-10"):
            matching = sorted(order_id for order_id in ids if order_id.startswith(prefix))
            for limit in (1, 3, 10, 10**30):
                found = await store.find_by_id_prefix(prefix, limit)
                assert [snapshot.id for snapshot in found] == matching[:limit], prefix
                assert list(found) == [await store.get_snapshot(order_id) for order_id in matching[:limit]]

    async def test_goes_on_behind_any_place_an_order_need_not_be_there(self, store: OrderStore) -> None:
        mixture = await save_a_mixture(store)
        places = [ListPosition(order.created_at, order.id + suffix) for order in mixture for suffix in ("", "-", "0")]
        places += [ListPosition(order.created_at, edge) for order in mixture[::4] for edge in ("0", "~")]
        places += [ListPosition(at, "order-001") for at in (BEGINNING_OF_TIME, END_OF_TIME)]
        for place in places:
            behind = [order.id for order in mixture if (order.created_at, order.id) < (place.created_at, place.id)]
            assert [order.id for order in await list_orders(store, EVERYTHING, place)] == behind, place

    async def test_feeds_all_orders_of_a_commit_and_nothing_of_a_rejected_one(self, store: OrderStore) -> None:
        await store.save(pending_order(1), pending_order(2))
        with pytest.raises(ConcurrentUpdate):
            await store.save(pending_order(3), pending_order(1))
        await store.save(pending_order(4))
        fed = [(change.order_id, change.version) for change in await read_feed(store, size=1)]
        assert sorted(fed[:2]) == [("order-1", 1), ("order-2", 1)]
        assert fed[2:] == [("order-4", 1)]

    async def test_goes_on_from_every_position_with_pages_of_any_size(self, store: OrderStore) -> None:
        changes = await save_some(store)
        for position in range(len(changes) + 1):
            for size in (1, 2, 4, 100):
                assert await read_feed(store, position, size) == changes[position:]

    async def test_position_of_a_change_is_the_one_at_which_the_feed_has_it(self, store: OrderStore) -> None:
        await store.save(small_order("order-0"))
        assert await store.position_of_change("order-0", 1) == 1
        changes = await save_some(store)
        found = [await store.position_of_change(change.order_id, change.version) for change in changes]
        assert found == [*range(2, len(changes) + 2)]
        for order_id, version in product(("order-1", "order-9", "", "\x00", "\ud800", "x" * 3_000), (0, -1, 5, *HUGE)):
            assert await store.position_of_change(order_id, version) is None, (order_id, version)
        assert await read_feed(store, 1) == changes

    async def test_waits_at_the_end_for_what_is_to_come(self, store: OrderStore) -> None:
        for _ in range(2):
            assert await store.read_changes(0, 10) == FeedPage((), 0)
        changes = await save_some(store)
        end = await store.read_changes(0, len(changes))
        assert list(end.changes) == changes
        assert await store.read_changes(end.position, 10) == FeedPage((), end.position)
        await store.save(pending_order(9))
        (late,) = await read_feed(store, end.position)
        assert (late.order_id, late.version) == ("order-9", 1)

    async def test_rejects_a_position_that_is_not_assigned(self, store: OrderStore) -> None:
        changes = await save_some(store)
        for position in (-1, -HUGE[-1], len(changes) + 1, *HUGE):
            try:
                await store.read_changes(position, 10)
            except InvalidCursor:
                continue
            pytest.fail(f"read_changes({position}, 10) did not raise InvalidCursor")
