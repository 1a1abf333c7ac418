"""Processes on one table: racing each other, and killed (SIGKILL) at random moments under eight writers."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from tests.faults.sqlite_process import PLACED, TASKS
from tests.faults.test_kill_server import SEED, write_and_kill
from tests.faults.test_sqlite_two_processes import PROCESSES, Racers, assert_one_effect
from tests.servers.dynamodb import Server

ROUNDS = 10
KILLS = 5


@pytest.fixture
async def url(dynamodb: Server) -> str:
    return await dynamodb.new_url()


@pytest.fixture
async def use_cases(url: str) -> AsyncIterator[UseCases]:
    use_cases = bootstrap(url)
    yield use_cases
    assert (await use_cases.verify_orders.execute()).problems == []
    await use_cases.close()


async def test_one_of_the_cancels_and_shipments_of_two_processes_wins(url: str, use_cases: UseCases) -> None:
    with ExitStack() as stack:
        racers = Racers(url, stack)
        for _ in range(ROUNDS):
            order_id = (await use_cases.place_order.execute(PLACED)).order.id
            await use_cases.confirm_order.execute(order_id)
            told = Counter(outcome.get("refused", "won") for outcome in racers.race(what="cancel or ship", id=order_id))
            assert told["won"] == 1
            assert told["won"] + told["cannot_cancel_order"] + told["cannot_ship_order"] == PROCESSES * TASKS


async def test_an_order_placed_by_two_processes_with_one_key_is_one_order(url: str, use_cases: UseCases) -> None:
    with ExitStack() as stack:
        racers = Racers(url, stack)
        for number in range(ROUNDS):
            assert_one_effect(racers.race(what="place", key=f"key-{number}"))
    assert (await use_cases.verify_orders.execute()).orders == ROUNDS


async def test_a_service_that_is_killed_loses_and_doubles_nothing_it_acknowledged(url: str, tmp_path: Path) -> None:
    journal, found = await write_and_kill(tmp_path, KILLS, store=url)
    said = f"seed {SEED}: {len(journal.acknowledged)} answers, {journal.lost} lost, {journal.replayed} given again"
    assert found == [], said
    assert journal.lost > 0, f"no kill came between a request and its answer; {said}"
