"""One save is one commit: all of it or nothing, and never over somebody else's."""

import copy

import pytest

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.stores import loaded, read_all


async def assert_refused(store: OrderStore, *orders: Order) -> None:
    """See the save refused, with nothing written and each order object as it was."""
    kept, before = await read_all(store), [copy.deepcopy(vars(order)) for order in orders]
    with pytest.raises(ConcurrentUpdate):
        await store.save(*orders)
    assert [vars(order) for order in orders] == before
    assert await read_all(store) == kept


class SaveContract:
    """What `save` promises."""

    async def test_save_returns_the_snapshots_that_are_stored(self, store: OrderStore) -> None:
        saved = await store.save(pending_order(2), pending_order(1), small_order("order-3"))
        assert saved == tuple([await store.get_snapshot(f"order-{number}") for number in (2, 1, 3)])
        order = await loaded(store, "order-1")
        order.confirm(at=SINCE)
        assert await store.save(order) == (await store.get_snapshot("order-1"),)
        assert await store.save() == ()

    async def test_counts_the_commits_of_an_order(self, store: OrderStore) -> None:
        order = pending_order()
        await store.save(order)
        seals = {"", order.last_hash}
        assert (order.version, order.events, len(seals)) == (1, [], 2)
        order.confirm(at=SINCE)
        await store.save(order)
        order.ship(at=SINCE)
        await store.save(order)
        assert (order.version, order.events) == (3, [])
        assert (await loaded(store, order.id)).version == 3
        assert order.last_hash not in seals

    async def test_saves_an_order_again_where_nothing_changed(self, store: OrderStore) -> None:
        order = pending_order()
        await store.save(order)
        await store.save(order)
        assert await loaded(store, order.id) == order
        assert [change.version for change in await store.list_changes(order.id, 0, 10)] == [1, 2]

    async def test_saves_nothing_where_nothing_is_given(self, store: OrderStore) -> None:
        await store.save()
        await store.save(pending_order())
        before = await read_all(store)
        await store.save()
        assert await read_all(store) == before

    async def test_refuses_to_save_over_a_change_that_was_not_seen(self, store: OrderStore) -> None:
        await store.save(pending_order())
        early, late = await loaded(store, "order-1"), await loaded(store, "order-1")
        early.confirm(at=SINCE)
        await store.save(early)
        late.cancel(at=SINCE)
        await assert_refused(store, late)

    async def test_refuses_to_place_an_order_that_is_there(self, store: OrderStore) -> None:
        await store.save(pending_order())
        await assert_refused(store, pending_order())
        await assert_refused(store, pending_order(user_id="another"))

    async def test_refuses_to_change_an_order_that_is_not_there(self, store: OrderStore) -> None:
        order = pending_order()
        order.version, order.last_hash = 3, "f" * 64
        await assert_refused(store, order)
        assert await store.get_by_id(order.id) is None

    async def test_refuses_a_version_from_the_future(self, store: OrderStore) -> None:
        order = pending_order()
        await store.save(order)
        order.version = 2
        await assert_refused(store, order)

    async def test_saves_several_orders_in_one_commit(self, store: OrderStore) -> None:
        await store.save(pending_order(1))
        old, new = await loaded(store, "order-1"), pending_order(2)
        old.cancel("moved to order-2", at=SINCE)
        await store.save(old, new, pending_order(3))
        assert (old.version, new.version) == (2, 1)
        assert await loaded(store, "order-1") == old
        assert await loaded(store, "order-2") == new
        assert await loaded(store, "order-3")

    async def test_saves_all_of_several_orders_or_none(self, store: OrderStore) -> None:
        for position in range(3):
            ids = [position * 10 + offset for offset in range(1, 4)]
            await store.save(*(pending_order(number) for number in ids))
            orders = [await loaded(store, f"order-{number}") for number in ids]
            other = await loaded(store, orders[position].id)
            other.confirm(at=SINCE)
            await store.save(other)
            for order in orders:
                order.cancel("all of them", at=SINCE)
            await assert_refused(store, *orders)
            await assert_refused(store, pending_order(ids[0] + 5), orders[position])

    async def test_refuses_one_order_twice_in_a_save(self, store: OrderStore) -> None:
        new = pending_order(1)
        await assert_refused(store, new, new)
        await assert_refused(store, new, pending_order(2), pending_order(1))
        await store.save(new)
        await assert_refused(store, await loaded(store, new.id), await loaded(store, new.id))

    async def test_leaves_a_refused_order_fit_to_be_tried_again(self, store: OrderStore) -> None:
        await store.save(pending_order(1))
        stale, other = await loaded(store, "order-1"), await loaded(store, "order-1")
        other.confirm(at=SINCE)
        await store.save(other)
        stale.cancel(at=SINCE)
        fresh = pending_order(2)
        await assert_refused(store, stale, fresh)

        again = await loaded(store, "order-1")
        again.cancel("second thoughts", at=SINCE)
        await store.save(again, fresh)

        assert (await loaded(store, "order-1")).status == "cancelled"
        changes = await store.list_changes("order-1", 0, 10)
        assert [event.type for change in changes for event in change.events] == [
            "OrderPlaced",
            "OrderConfirmed",
            "OrderCancelled",
        ]
        assert OrderDTO.of(await loaded(store, "order-2")) == OrderDTO.of(fresh)
