"""The statistics equal a computation from the history of all orders."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase, Statistics
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.stores import read_feed
from tests.torture.random_orders import RandomCommands
from tests.torture.recomputed_statistics import assert_equal, recomputed

FIRST, LAST = date(2026, 2, 10), date(2026, 4, 20)


async def statistics(store: InMemoryOrderRepository, zone: str = "UTC", **values: object) -> Statistics:
    use_case = GetStatisticsUseCase(UpdateStatisticsUseCase(store, store.records))
    return await use_case.execute(FIRST, LAST, timezone=zone, **values)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
async def test_statistics_equal_a_recomputation_after_random_commands(zone: str) -> None:
    store = InMemoryOrderRepository()
    await RandomCommands(store, seed=1).run(4_000)
    found = await statistics(store, zone)
    feed = await read_feed(store)
    assert (found.exact, found.position) == (True, len(feed))
    assert_equal(found, recomputed(feed, FIRST, LAST, ZoneInfo(zone)))
