"""Consumers of the feed count each change exactly once, in every store; and so do the statistics."""

from collections.abc import AsyncIterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing import ProjectionContract
from orderkeep.testing.projections import records_in
from orderkeep.testing.stores import read_feed
from tests.torture.random_orders import RandomCommands
from tests.torture.recomputed_statistics import assert_equal, recomputed


@pytest.mark.parametrize("store_url", ["memory", "sqlite", "postgres", "dynamodb"], indirect=True)
class TestProjections(ProjectionContract):
    @pytest.fixture
    async def store(self, store_url: str) -> AsyncIterator[OrderStore]:
        store = open_store(store_url)
        yield store
        await store.close()

    async def test_statistics_equal_a_recomputation_and_a_rebuild(self, store: OrderStore) -> None:
        update = UpdateStatisticsUseCase(store, lambda: records_in(store))
        use_case, days = GetStatisticsUseCase(update), (date(2026, 2, 10), date(2026, 4, 20))
        commands = RandomCommands(store, seed=7)
        for _ in range(3):
            await commands.run(150)
            await update.execute()
        found = await use_case.execute(*days, timezone="Europe/Berlin")
        assert_equal(found, recomputed(await read_feed(store), *days, ZoneInfo("Europe/Berlin")))
        await update.rebuild()
        assert await use_case.execute(*days, timezone="Europe/Berlin") == found
