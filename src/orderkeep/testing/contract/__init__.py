"""What every store must do, as a pytest class to derive from: concurrent use and closing here, the rest beside it."""

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.contract.reads import FeedContract, HistoryContract, ListContract
from orderkeep.testing.contract.round_trips import RoundTripContract
from orderkeep.testing.contract.saves import SaveContract
from orderkeep.testing.orders import pending_order, place_command
from orderkeep.testing.stores import WatchedStore
from orderkeep.testing.workloads import (
    race_cancel_against_ship,
    race_saves,
    read_feed_beside_writers,
    record_histories,
    retry_with_one_key,
    walk_pages_under_writes,
)


class RaceContract:
    """What is promised to many at once, in a few rounds; more rounds find rarer faults."""

    async def test_takes_one_of_twenty_saves_at_once(self, store: OrderStore) -> None:
        await race_saves(store, rounds=3)

    async def test_lets_one_of_many_cancels_and_shipments_win(self, store: OrderStore) -> None:
        await race_cancel_against_ship(store, rounds=3)

    async def test_gives_retries_with_one_key_one_effect_and_one_answer(self, store: OrderStore) -> None:
        await retry_with_one_key(store, rounds=3)

    async def test_answers_a_repeated_request_as_it_did_then(self, store: OrderStore) -> None:
        do = build_use_cases(store)
        placing, cancelling = CommandContext(key="placing"), CommandContext(key="cancelling")
        placed = await do.place_order.execute(place_command(), placing)
        await do.confirm_order.execute(placed.order.id)
        cancelled = await do.cancel_order.execute(placed.order.id, cancelling, reason="found cheaper")

        again = await do.place_order.execute(place_command(), placing)
        assert (again.order, again.events, again.replayed) == (placed.order, placed.events, True)
        again = await do.cancel_order.execute(placed.order.id, cancelling, reason="found cheaper")
        assert (again.order, again.events, again.replayed) == (cancelled.order, cancelled.events, True)
        assert len(await store.list_changes(placed.order.id, 0, 10)) == 3

    async def test_answers_many_as_if_one_had_asked_after_the_other(self, store: OrderStore) -> None:
        await record_histories(WatchedStore(store), rounds=10)

    async def test_walks_pages_under_writes_without_a_skip_or_a_repeat(self, store: OrderStore) -> None:
        count = await walk_pages_under_writes(store, walks=2)
        assert min(count.placed, count.moved) > 0

    async def test_feeds_readers_beside_eight_writers(self, store: OrderStore) -> None:
        await read_feed_beside_writers(store)


class LifetimeContract:
    """What `ping` and `close` promise."""

    async def test_answers_a_ping(self, store: OrderStore) -> None:
        await store.ping()
        await store.save(pending_order())
        await store.ping()

    async def test_may_be_closed_twice(self, store: OrderStore) -> None:
        await store.save(pending_order())
        await store.close()
        await store.close()

    async def test_keeps_nothing_once_it_is_closed(self, store: OrderStore) -> None:
        order = pending_order()
        await store.close()
        with pytest.raises(StoreUnavailable):
            await store.save(order)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        assert (order.version, len(order.events)) == (0, 1)


class OrderStoreContract(
    RoundTripContract, SaveContract, HistoryContract, ListContract, FeedContract, RaceContract, LifetimeContract
):
    """Derive from it, and give a fixture `store`: an empty store, opened for each test and closed behind it."""

    pytestmark = pytest.mark.asyncio
