"""The most important races on DynamoDB, with more rounds than the contract, in tasks and in threads."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing.orders import small_order
from orderkeep.testing.workloads import race_cancel_against_ship, race_saves, retry_with_one_key
from orderkeep.testing.workloads.writes import judge_race
from tests.contract.test_many_rounds import AT_ONCE, in_threads
from tests.servers.dynamodb import Server

ROUNDS = 20


@pytest.fixture
async def store(dynamodb: Server) -> AsyncIterator[OrderStore]:
    store = open_store(await dynamodb.new_url())
    yield store
    await store.close()


async def test_one_of_32_tasks_cancelling_and_shipping_wins(store: OrderStore) -> None:
    count = await race_cancel_against_ship(store, rounds=ROUNDS, at_once=AT_ONCE)
    assert count.winners.total() == ROUNDS


async def test_one_of_20_concurrent_saves_wins(store: OrderStore) -> None:
    await race_saves(store, rounds=ROUNDS)


async def test_retries_with_one_key_have_one_effect_and_one_result(store: OrderStore) -> None:
    count = await retry_with_one_key(store, rounds=ROUNDS, at_once=10)
    assert (count.requests, count.replayed) == (2 * ROUNDS * 10, 2 * ROUNDS * 9)


async def test_one_of_16_threads_with_own_loops_wins(store: OrderStore) -> None:
    for number in range(3):
        order_id = f"order-{number}"
        await store.save(small_order(order_id, status="processing"))
        do = build_use_cases(store)
        commands = [do.cancel_order.execute if contender % 2 else do.ship_order.execute for contender in range(16)]
        won = judge_race(await asyncio.to_thread(in_threads, commands, order_id))
        assert (await do.get_order.execute(order_id)).version == won.version == 2
