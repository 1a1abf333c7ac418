"""The feed: all changes of all orders, none skipped, none twice, from wherever one goes on."""

import pytest

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import FeedPage, OrderStore
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.testing.orders import pending_order
from orderkeep.testing.reading import read_feed
from orderkeep.testing.saving import save_a_delivered_order

FOREIGN = ("", " ", "x", "-1", "1.5", "1e3", "0x10", "\uff11\uff12", "\x00", "\ud800", "9" * 5_000, "null")


async def save_some(store: OrderStore) -> list[ChangeDTO]:
    """Save six changes of three orders and return them, in the order of their commits."""
    delivered = await save_a_delivered_order(store)
    await store.save(pending_order(2))
    await store.save(pending_order(3))
    others = [await store.get_change(f"order-{number}", 1) for number in (2, 3)]
    return [*delivered, *(change for change in others if change)]


class FeedContract:
    """What the feed promises."""

    async def test_feeds_all_changes_in_the_order_of_their_commits(self, store: OrderStore) -> None:
        changes = await save_some(store)
        assert await read_feed(store) == changes

    async def test_feeds_all_orders_of_one_commit(self, store: OrderStore) -> None:
        await store.save(pending_order(1), pending_order(2), pending_order(3))
        fed = [(change.order_id, change.version) for change in await read_feed(store, size=1)]
        assert sorted(fed) == [("order-1", 1), ("order-2", 1), ("order-3", 1)]

    async def test_feeds_nothing_of_a_refused_save(self, store: OrderStore) -> None:
        await store.save(pending_order(1))
        with pytest.raises(ConcurrentUpdate):
            await store.save(pending_order(2), pending_order(1))
        await store.save(pending_order(3))
        assert [change.order_id for change in await read_feed(store)] == ["order-1", "order-3"]

    async def test_goes_on_from_every_position_with_pages_of_any_size(self, store: OrderStore) -> None:
        changes = await save_some(store)
        position: str | None = None
        for done in range(len(changes) + 1):
            for size in (1, 2, 4, 100):
                assert await read_feed(store, position, size) == changes[done:]
            page = await store.read_changes(position, 1)
            assert list(page.changes) == changes[done : done + 1]
            position = page.position

    async def test_waits_at_the_end_for_what_is_to_come(self, store: OrderStore) -> None:
        beginning = await store.read_changes(None, 10)
        assert beginning.changes == ()
        assert await store.read_changes(beginning.position, 10) == beginning
        changes = await save_some(store)
        assert await read_feed(store, beginning.position) == changes

        end = await store.read_changes(beginning.position, len(changes))
        assert await store.read_changes(end.position, 10) == FeedPage((), end.position)
        await store.save(pending_order(9))
        (late,) = await read_feed(store, end.position)
        assert (late.order_id, late.version) == ("order-9", 1)

    async def test_refuses_a_position_that_is_none_of_its_own(self, store: OrderStore) -> None:
        await save_some(store)
        for foreign in FOREIGN:
            with pytest.raises(InvalidCursor):
                await store.read_changes(foreign, 10)
