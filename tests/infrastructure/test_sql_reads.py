"""Reads that all SQL stores have in common: exact times, and no result for values that cannot exist."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderkeep.application.ports import ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.sql_store import in_64_bits
from orderkeep.testing.orders import pending_order

FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
NOTHING = SnapshotPage(b"", None)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('path')}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[OrderStore]:
    store = open_store(url)
    await store.save(pending_order(1))
    yield store
    await store.close()


async def test_finds_by_an_instant_of_another_time_zone(store: OrderStore) -> None:
    created = pending_order(1).created_at
    there = created.astimezone(timezone(timedelta(hours=-9, minutes=-30)))

    assert await store.get_change_at("order-1", pending_order(1).updated_at.astimezone(there.tzinfo)) is not None
    assert len((await store.list_page(OrderFilter(created_from=there), None, 9)).documents) == 1
    assert await store.list_page(OrderFilter(created_to=there), None, 9) == NOTHING


def test_only_numbers_beyond_64_bits_are_replaced() -> None:
    numbers = (-(2**63) - 1, -(2**63), 0, 2**63 - 1, 2**63)
    assert [in_64_bits(number) for number in numbers] == [-(2**63), -(2**63), 0, 2**63 - 1, 2**63 - 1]


@pytest.mark.parametrize("number", [10**30, -(10**30)])
async def test_numbers_beyond_64_bits_find_nothing_beyond(store: OrderStore, number: int) -> None:
    changes = [1] if number < 0 else []

    assert await store.get_change("order-1", number) is None
    assert [change.version for change in await store.list_changes("order-1", number, 10**30)] == changes
    assert len((await store.read_changes(0, 10**30)).changes) == 1
    assert len((await store.list_page(OrderFilter(), None, 10**30)).documents) == 1


@pytest.mark.parametrize("id", ["half \ud800", "", "order-1\x00", "order-1' OR '1'='1", "x" * 100_000])
async def test_a_list_goes_on_behind_an_id_that_no_order_can_have(store: OrderStore, id: str) -> None:
    assert await store.list_page(OrderFilter(), ListPosition(FIRST_MOMENT, id), 9) == NOTHING
