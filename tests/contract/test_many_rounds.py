"""The races that matter most, often enough to see what is rare: 100 rounds of 32 on each store."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.orders import small_order
from orderkeep.testing.races import RaceContract
from orderkeep.testing.saves import ConcurrencyContract, only_winner
from tests.contract.test_memory_store import PoliteStore
from tests.torture.histories import record_histories
from tests.torture.reads_under_writes import read_feed_beside_writers, walk_pages_under_writes
from tests.torture.watched_store import WatchedStore

ROUNDS = 100
AT_ONCE = 32


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], OrderStore]:
    if request.param == "memory":
        return PoliteStore
    if request.param == "sqlite":
        return lambda: SqliteOrderRepository(tmp_path / "orders.db")
    url = request.getfixturevalue("postgres_url")
    return lambda: PostgresOrderRepository(url)


@pytest.fixture
async def store(new_store: Callable[[], OrderStore]) -> AsyncIterator[OrderStore]:
    store = new_store()
    yield store
    await store.close()


class TestManyRaces(ConcurrencyContract, RaceContract):
    rounds = ROUNDS


async def test_page_walks_under_writes_see_what_matched_throughout_once(store: OrderStore) -> None:
    count = await walk_pages_under_writes(store, walks=8)
    assert count.walks == 32
    assert min(count.placed, count.moved) > 0


async def test_concurrent_histories_of_an_order_are_linearizable(store: OrderStore) -> None:
    count = await record_histories(WatchedStore(store), rounds=ROUNDS)
    assert (count.histories, min(count.answers.values()) > 0) == (ROUNDS, True)
    assert count.answers.keys() > {"done", "order_not_found", "idempotency_key_reused", "version_mismatch"}


async def test_readers_of_the_feed_beside_writers_get_every_change_once(store: OrderStore) -> None:
    count = await read_feed_beside_writers(store, writers=8, orders_each=20, readers=4)
    assert count.commits == 8 * 20 * 5


async def test_one_of_32_threads_that_cancel_and_ship_an_order_wins(store: OrderStore) -> None:
    for number in range(5):
        order_id = f"order-{number}"
        await store.save(small_order(order_id, status="processing"))
        do = build_use_cases(store)
        commands = [do.cancel_order.execute if contender % 2 else do.ship_order.execute for contender in range(AT_ONCE)]
        answers = await asyncio.to_thread(in_threads, commands, order_id)
        won = only_winner(answers, CommandRejected).order
        assert (await do.get_order.execute(order_id)).version == won.version == 2


Answer = CommandResult | BaseException


def in_threads(commands: Sequence[Callable[[str], Awaitable[CommandResult]]], order_id: str) -> list[Answer]:
    """Run each command in a thread with an event loop of its own, all at once, and return what each answered."""
    answers: list[Answer] = []
    start = threading.Barrier(len(commands))

    def run(command: Callable[[str], Awaitable[CommandResult]]) -> None:
        async def ask() -> None:
            answers.extend(await asyncio.gather(command(order_id), return_exceptions=True))

        start.wait()
        asyncio.run(ask())

    threads = [threading.Thread(target=run, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
