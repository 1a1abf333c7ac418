"""The example of a store of your own passes the contract suite and the stress test."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import pytest_asyncio

from examples.sqlalchemy_store.store import SqlAlchemyStore
from orderkeep.application.ports import OrderStore
from orderkeep.testing import OrderStoreContract
from tests.torture.torture import torture

FOLDER = Path(__file__).parents[2] / "examples" / "sqlalchemy_store"


class TestSqlAlchemyStore(OrderStoreContract):
    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[OrderStore]:
        store = SqlAlchemyStore(str(tmp_path / "orders.db"))
        yield store
        await store.close()


async def test_passes_the_stress_test(tmp_path: Path) -> None:
    store = SqlAlchemyStore(str(tmp_path / "orders.db"))
    report = await torture(store, rounds=3)
    await store.close()
    assert (report.violations, report.undecided) == (0, 0), report


def test_is_at_most_365_lines_in_all() -> None:
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in FOLDER.glob("*.*")) <= 365


def test_is_tested_with_the_version_that_it_pins() -> None:
    assert f"sqlalchemy=={version('sqlalchemy')}\n" in (FOLDER / "requirements.txt").read_text(encoding="utf-8")
