"""What the shipped contract leaves to longer runs: consistency while several clients read and write."""

import pytest

from orderkeep.application.ports import OrderStore
from tests.torture.histories import record_histories
from tests.torture.reads_under_writes import read_feed_beside_writers, walk_pages_under_writes
from tests.torture.watched_store import WatchedStore


class TortureContract:
    """Derive from it together with `OrderStoreContract`."""

    pytestmark = pytest.mark.asyncio

    async def test_concurrent_requests_are_linearizable(self, store: OrderStore) -> None:
        await record_histories(WatchedStore(store), rounds=10)

    async def test_walks_pages_under_writes_without_a_skip_or_a_repeat(self, store: OrderStore) -> None:
        count = await walk_pages_under_writes(store, walks=2)
        assert min(count.placed, count.moved) > 0

    async def test_feeds_readers_beside_sixteen_writers(self, store: OrderStore) -> None:
        await read_feed_beside_writers(store)
