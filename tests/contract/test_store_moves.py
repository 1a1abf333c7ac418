"""A fence rejects every write of every handle of a store but the mover's, and a move takes everything along and back:
for every store and every pair of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from orderkeep.application.access.actor import ActorKind
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import OrderStore, StoreAccess
from orderkeep.application.records import Record
from orderkeep.application.store_copy import CannotMove, Fence, WholeStore
from orderkeep.application.use_cases.move_store import MoveStoreUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.store_copy import whole
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreMoved
from orderkeep.domain.value_objects import INTERNAL
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from tests.contract.copied_shop import Shop
from tests.contract.test_store_copies import STORES, settled, urls_of

KEY = ApiKey(id="k1", name="warehouse", digest="d", kind=ActorKind.STAFF, created_at=SINCE)


class Opened:
    """A store, a second handle of it as another process has one, and that of a mover."""

    def __init__(self, url: str) -> None:
        self.store = open_store(url)
        if isinstance(self.store, InMemoryOrderRepository):
            self.other: OrderStore = self.store
            self.movers: OrderStore = self.store.to_move()
        else:
            self.other = open_store(url)
            self.movers = open_store(url, access=StoreAccess.MOVE)

    @property
    def whole(self) -> WholeStore:
        return whole(self.store)

    async def close(self) -> None:
        for each in (self.store, self.other, self.movers):
            await each.close()


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from urls_of(request.param, request, tmp_path / "orders.db")


@pytest.fixture(params=STORES)
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from urls_of(request.param, request, tmp_path / "other.db")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Opened]:
    found = Opened(url)
    await found.store.ping()  # PostgreSQL's tables are created on first use, and not by the mover
    try:
        yield found
    finally:
        await found.close()


@pytest_asyncio.fixture
async def here(url: str) -> AsyncIterator[Opened]:
    async with opened(url) as found:
        yield found


@pytest_asyncio.fixture
async def there(other_url: str) -> AsyncIterator[Opened]:
    async with opened(other_url) as found:
        yield found


async def writes_of(store: OrderStore) -> list[Callable[[], Awaitable[object]]]:
    """Fill a store, and return every way to write to it."""
    order, keys, records = small_order("order-1"), whole(store).keys, whole(store).records
    assert keys is not None
    assert records is not None
    await store.save(order)
    await keys.add(KEY)
    [record] = await records.write_records([Record("kind", "r1", "{}")])
    order.add_note("checked", INTERNAL, at=SINCE)
    new_key = ApiKey(id="k2", name="new", digest="e", kind=ActorKind.STAFF, created_at=SINCE)
    return [
        lambda: store.save(order),
        lambda: store.save(small_order("order-2")),
        lambda: store.save(small_order("order-3"), small_order("order-4")),
        lambda: store.save_each([small_order("order-5")]),
        lambda: keys.add(new_key),
        lambda: keys.revoke("k1", SINCE),
        lambda: keys.note_use("k1", SINCE),
        lambda: records.write_records([Record("kind", "r2", "{}")]),
        lambda: records.write_records([record]),
        lambda: records.write_records([], [record]),
    ]


async def test_a_fence_rejects_every_write_and_no_read(here: Opened) -> None:
    writes = await writes_of(here.other)
    assert await here.whole.fence.fenced() is None
    await here.whole.fence.fence()
    assert await whole(here.other).fence.fenced() is Fence.MOVED
    for write in writes:
        with pytest.raises(StoreMoved):
            await write()
    await here.other.ping()
    found = await here.other.get_by_id("order-1")
    assert found is not None
    assert found.version == 1
    await settled(here.other, 1)
    assert await here.whole.fence.count_changes() == 1
    assert (await VerifyOrdersUseCase(here.other).execute()).problems == []


async def test_a_fence_is_lifted(here: Opened) -> None:
    writes = await writes_of(here.other)
    await here.whole.fence.fence()
    await here.whole.fence.fence(Fence.FINISHED)
    assert await whole(here.other).fence.fenced() is Fence.FINISHED
    await here.whole.fence.lift_fence()
    await here.whole.fence.lift_fence()
    assert await whole(here.other).fence.fenced() is None
    for write in writes[:-1]:
        await write()
    await settled(here.other, 6)
    assert await here.whole.fence.count_changes() == 6
    assert (await VerifyOrdersUseCase(here.other).execute()).problems == []


async def test_only_the_mover_writes_to_a_fenced_store(here: Opened) -> None:
    await writes_of(here.movers)
    await here.whole.fence.fence()
    for write in (await writes_of_again(here.movers))[:-1]:
        await write()
    with pytest.raises(StoreMoved):
        await here.other.save(small_order("order-6"))


async def writes_of_again(store: OrderStore) -> list[Callable[[], Awaitable[object]]]:
    """Return some ways to write to a store that `writes_of` filled."""
    records, keys = whole(store).records, whole(store).keys
    assert records is not None
    assert keys is not None
    return [
        lambda: store.save(small_order("order-2")),
        lambda: keys.revoke("k1", SINCE),
        lambda: records.write_records([Record("kind", "r2", "{}")]),
        lambda: store.save(small_order("order-9")),
    ]


async def test_writes_that_run_meanwhile_are_either_kept_or_rejected(here: Opened) -> None:
    async def write(number: int) -> bool:
        try:
            await here.other.save(small_order(f"order-{number}"))
        except StoreMoved:
            return False
        return True

    async def write_many(first: int) -> int:
        return sum([await write(number) for number in range(first, first + 40)])

    await here.other.save(small_order("order-0"))
    writers = [asyncio.create_task(write_many(1_000 * writer)) for writer in range(1, 5)]
    await asyncio.sleep(0.02)
    await here.whole.fence.fence()
    fixed = await here.whole.fence.count_changes()
    kept = sum(await asyncio.gather(*writers))
    assert await here.whole.fence.count_changes() == fixed == kept + 1


def move(source: Opened, target: Opened) -> MoveStoreUseCase:
    async def no_sleep(_: float) -> None:
        await asyncio.sleep(0.01)

    return MoveStoreUseCase(source.whole, whole(target.movers), sleep=no_sleep)


async def test_a_shop_moves_there_and_back(here: Opened, there: Opened) -> None:
    await Shop(here.store).open_for_business()
    await settled(here.store, 19)
    moved = await move(here, there).execute()
    assert (moved.has_moved, moved.position, moved.api_keys, moved.compared.orders) == (True, 19, 2, 7)
    assert moved.compared.differences == []
    with pytest.raises(StoreMoved):
        await Shop(here.other).place(8)
    assert (await Shop(there.store).place(1)).replayed
    await Shop(there.store).place(9)
    await settled(there.store, 20)
    assert (await move(here, there).execute()).was_moved
    back = await move(there, here).execute()
    assert (back.has_moved, back.position, back.compared.differences) == (True, 20, [])
    with pytest.raises(StoreMoved):
        await Shop(there.other).place(10)
    assert (await Shop(here.other).place(9)).replayed
    await Shop(here.other).place(11)
    await settled(here.store, 21)
    assert await end_of_feed(there.store) == 20
    await move(there, here).finish()
    with pytest.raises(CannotMove, match="moved for good"):
        await move(here, there).execute()
    for store in (here.store, there.store):
        assert (await VerifyOrdersUseCase(store).execute()).problems == []
