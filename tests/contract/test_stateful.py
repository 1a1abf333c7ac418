"""A store and the in-memory reference, driven side by side by whatever Hypothesis thinks of."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from tests.contract import broken_reads, broken_saves
from tests.contract.side_by_side import SideBySide
from tests.servers.dynamodb import Server
from tests.servers.schemas import a_schema_of_its_own


class SqliteBesideMemory(SideBySide):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()

    def open_store(self) -> OrderStore:
        return SqliteOrderRepository(Path(self.folder.name) / "orders.db")

    async def reopened(self, store: OrderStore) -> OrderStore:
        await store.close()
        return self.open_store()

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


@pytest.fixture
def postgres_beside_memory(postgres_server: str) -> type[SideBySide]:
    class PostgresBesideMemory(SideBySide):
        def __init__(self) -> None:
            super().__init__()
            self.schema = ExitStack()
            self.url = self.schema.enter_context(a_schema_of_its_own(postgres_server))

        def open_store(self) -> OrderStore:
            return PostgresOrderRepository(self.url)

        def teardown(self) -> None:
            with self.schema:
                super().teardown()

    return PostgresBesideMemory


def test_postgres_behaves_like_memory(postgres_beside_memory: type[SideBySide]) -> None:
    run_state_machine_as_test(postgres_beside_memory, settings=settings(max_examples=40, stateful_step_count=40))


def test_sqlite_behaves_like_memory() -> None:
    run_state_machine_as_test(SqliteBesideMemory, settings=settings(max_examples=120, stateful_step_count=40))


def test_dynamodb_behaves_like_memory(dynamodb: Server) -> None:
    class DynamoBesideMemory(SideBySide):
        finds_prefixes = False

        def open_store(self) -> OrderStore:
            self.url = self.runner.run(dynamodb.new_url())
            return open_store(self.url)

        async def reopened(self, store: OrderStore) -> OrderStore:
            await store.close()
            return open_store(self.url)

    run_state_machine_as_test(DynamoBesideMemory, settings=settings(max_examples=25, stateful_step_count=30))


def without_shrinking(store: type[InMemoryOrderRepository], max_examples: int) -> None:
    class BesideMemory(SideBySide):
        def open_store(self) -> OrderStore:
            return store()

    run_state_machine_as_test(
        BesideMemory,
        settings=settings(max_examples=max_examples, phases=[Phase.generate], derandomize=True, database=None),
    )


@pytest.mark.parametrize(
    "broken",
    [
        broken_saves.LosesRequestKeys,
        broken_saves.Upserts,
        broken_saves.SavesOneByOne,
        broken_reads.UnorderedTies,
        broken_reads.IncludesTheLastInstant,
        broken_reads.FiltersByTheFirstStatus,
        broken_reads.ListsOneStatusOfSeveral,
        broken_reads.FindsOneOfAPrefix,
        broken_reads.GivesTheFirstOfAnInstant,
        broken_reads.SkipsEveryFifthChange,
    ],
)
def test_finds_a_store_that_does_not(broken: type[InMemoryOrderRepository]) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)):
        without_shrinking(broken, 500)


def test_finds_nothing_in_a_sound_store() -> None:
    without_shrinking(InMemoryOrderRepository, 50)
