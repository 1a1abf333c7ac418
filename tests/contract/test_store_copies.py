"""A copy of a store has the same changes at the same positions, and responds to the same requests in the same way: for
every pair of stores.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from orderkeep.application.dtos import CommandResult
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.compare_stores import CompareStoresUseCase
from orderkeep.application.use_cases.copy_store import CopyStoreUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.store_copy import whole
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing.orders import place_command
from tests.contract.copied_shop import Shop, with_key
from tests.servers.schemas import a_schema_of_its_own

STORES = ("memory", "sqlite", "postgres", "dynamodb")


def urls_of(kind: str, request: pytest.FixtureRequest, file: Path) -> Iterator[str]:
    if kind == "postgres":
        with a_schema_of_its_own(request.getfixturevalue("postgres_server")) as url:
            yield url
    elif kind == "dynamodb":
        yield asyncio.run(request.getfixturevalue("dynamodb").new_url())
    else:
        yield "memory://" if kind == "memory" else f"sqlite:///{file}"


@pytest.fixture(params=STORES)
def source_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from urls_of(request.param, request, tmp_path / "source.db")


@pytest.fixture(params=STORES)
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from urls_of(request.param, request, tmp_path / "target.db")


@pytest_asyncio.fixture
async def source(source_url: str) -> AsyncIterator[OrderStore]:
    store = open_store(source_url)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def target(target_url: str) -> AsyncIterator[OrderStore]:
    store = open_store(target_url)
    yield store
    await store.close()


async def settled(store: OrderStore, position: int) -> None:
    """Wait until the feed ends there: on PostgreSQL, transactions of other tests hold positions back."""
    while await end_of_feed(store) < position:  # noqa: ASYNC110  # nothing here signals it
        await asyncio.sleep(0.01)


async def test_a_copy_is_equal_and_responds_equally(source: OrderStore, target: OrderStore) -> None:
    shop, copied = Shop(source), Shop(target)
    await shop.open_for_business()
    await settled(source, 19)
    copy = CopyStoreUseCase(whole(source), whole(target))
    report = await copy.execute()
    assert (report.position, report.changes, report.api_keys) == (19, 19, 2)
    await settled(target, report.position)
    compare = CompareStoresUseCase(whole(source), whole(target))
    comparison = await compare.execute()
    assert (comparison.orders, comparison.changes, comparison.differences) == (7, 19, [])
    assert (await VerifyOrdersUseCase(target).execute()).problems == []
    assert (await target.read_changes(0, 100)).changes == (await source.read_changes(0, 100)).changes
    ours, theirs = await shop.responses(), await copied.responses()
    assert ours == theirs
    assert len(ours) >= 50
    assert all(each.replayed for each in theirs if isinstance(each, CommandResult))
    with pytest.raises(IdempotencyKeyReused):
        await copied.do.place_order.execute(place_command(8), with_key("place-1"))
    placed = await copied.place(9)
    await settled(target, report.position + 1)
    assert await target.position_of_change(placed.order_id, 1) == report.position + 1


async def test_a_copy_that_was_interrupted_is_continued(source: OrderStore, target: OrderStore) -> None:
    shop = Shop(source)
    await shop.open_for_business()
    await settled(source, 19)
    first = await whole(source).changes.read_copies(0, 8)
    await whole(target).changes.write_copies(0, first)
    await settled(target, 8)
    report = await CopyStoreUseCase(whole(source), whole(target)).execute()
    assert (report.position, report.changes) == (19, 11)
    await shop.place(7)
    await settled(source, 20)
    await settled(target, 19)
    report = await CopyStoreUseCase(whole(source), whole(target)).execute()
    assert (report.position, report.changes) == (20, 1)
    await settled(target, 20)
    assert (await CompareStoresUseCase(whole(source), whole(target)).execute()).differences == []
    assert (await VerifyOrdersUseCase(target).execute()).problems == []
