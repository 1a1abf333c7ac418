"""Two processes race on one store: exactly one wins, a repeated key has one effect, and none is rejected in error."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from tests.faults import store_process
from tests.faults.store_process import PLACED, TASKS
from tests.servers.dynamodb import Server

ROUNDS = {"sqlite": 60, "postgres": 40, "dynamodb": 10}
"""How many races on each store. Of the order "key first, state second" about one in three rounds shows the error."""

PROCESSES = 2


class Racers:
    """Processes that do the same work on the same store at the same time."""

    def __init__(self, store: str, stack: ExitStack) -> None:
        command = [sys.executable, store_process.__file__, "race", store]
        self.processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(PROCESSES)
        ]
        for process in self.processes:
            stack.callback(process.kill)

    def race(self, **work: str) -> list[dict[str, Any]]:
        """Return what each of the tasks was told."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(work) + "\n")
            process.stdin.flush()
        outcomes = []
        for process in self.processes:
            assert process.stdout is not None
            outcomes += json.loads(process.stdout.readline())
        assert len(outcomes) == PROCESSES * TASKS
        return outcomes


@pytest.fixture(params=ROUNDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    if kind == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    server: Server = request.getfixturevalue("dynamodb")
    return asyncio.run(server.new_url())


@pytest.fixture
def rounds(kind: str) -> int:
    return ROUNDS[kind]


@pytest.fixture
def racers(url: str) -> Iterator[Racers]:
    with ExitStack() as stack:
        yield Racers(url, stack)


@pytest.fixture
async def use_cases(url: str) -> AsyncIterator[UseCases]:
    use_cases = bootstrap(url)
    yield use_cases
    report = await use_cases.verify_orders.execute()
    assert report.problems == []
    await use_cases.close()


async def test_one_of_cancel_and_ship_wins(racers: Racers, use_cases: UseCases, rounds: int) -> None:
    for _ in range(rounds):
        order_id = (await use_cases.place_order.execute(PLACED)).order.id
        await use_cases.confirm_order.execute(order_id)
        told = Counter(outcome.get("refused", "won") for outcome in racers.race(what="cancel or ship", id=order_id))

        assert told["won"] == 1
        assert told["won"] + told["cannot_cancel_order"] + told["cannot_ship_order"] == PROCESSES * TASKS
        assert [change.version for change in (await use_cases.get_order_history.execute(order_id)).changes] == [1, 2, 3]


def assert_one_effect(outcomes: list[dict[str, Any]]) -> None:
    assert [outcome for outcome in outcomes if "refused" in outcome] == []
    assert len({outcome["answer"] for outcome in outcomes}) == 1
    assert Counter(outcome["replayed"] for outcome in outcomes) == {False: 1, True: PROCESSES * TASKS - 1}


async def test_cancel_repeated_with_its_key_has_one_effect_and_one_response(
    racers: Racers, use_cases: UseCases, rounds: int
) -> None:
    for number in range(rounds):
        order_id = (await use_cases.place_order.execute(PLACED)).order.id
        assert_one_effect(racers.race(what="cancel", id=order_id, key=f"key-{number}"))
        assert len((await use_cases.get_order_history.execute(order_id)).changes) == 2


async def test_an_order_placed_repeatedly_with_one_key_is_one_order(
    racers: Racers, use_cases: UseCases, rounds: int
) -> None:
    for number in range(rounds):
        assert_one_effect(racers.race(what="place", key=f"key-{number}"))

    assert (await use_cases.verify_orders.execute()).orders == rounds
