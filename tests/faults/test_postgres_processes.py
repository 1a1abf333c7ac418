"""Two processes race on one PostgreSQL database: exactly one wins, and a repeated key has one effect."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from tests.faults.sqlite_process import PLACED, TASKS
from tests.faults.test_sqlite_two_processes import PROCESSES, Racers, assert_one_effect

ROUNDS = 100


@pytest.fixture
def racers(postgres_url: str) -> Iterator[Racers]:
    with ExitStack() as stack:
        yield Racers(postgres_url, stack)


@pytest.fixture
async def use_cases(postgres_url: str) -> AsyncIterator[UseCases]:
    use_cases = bootstrap(postgres_url)
    yield use_cases
    report = await use_cases.verify_orders.execute()
    assert report.problems == []
    await use_cases.close()


async def test_one_of_32_that_cancel_and_ship_in_two_processes_wins(racers: Racers, use_cases: UseCases) -> None:
    for _ in range(ROUNDS):
        order_id = (await use_cases.place_order.execute(PLACED)).order.id
        await use_cases.confirm_order.execute(order_id)
        told = Counter(outcome.get("refused", "won") for outcome in racers.race(what="cancel or ship", id=order_id))

        assert told["won"] == 1
        assert told["won"] + told["cannot_cancel_order"] + told["cannot_ship_order"] == PROCESSES * TASKS
        assert [change.version for change in (await use_cases.get_order_history.execute(order_id)).changes] == [1, 2, 3]


async def test_a_cancel_repeated_in_two_processes_has_one_effect_and_one_answer(
    racers: Racers, use_cases: UseCases
) -> None:
    for number in range(ROUNDS):
        order_id = (await use_cases.place_order.execute(PLACED)).order.id
        assert_one_effect(racers.race(what="cancel", id=order_id, key=f"key-{number}"))
        assert len((await use_cases.get_order_history.execute(order_id)).changes) == 2


async def test_an_order_placed_repeatedly_in_two_processes_is_one_order(racers: Racers, use_cases: UseCases) -> None:
    for number in range(ROUNDS):
        assert_one_effect(racers.race(what="place", key=f"key-{number}"))

    assert (await use_cases.verify_orders.execute()).orders == ROUNDS
