"""The most important races on DynamoDB, with more rounds than the contract, in tasks and in threads."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.testing.orders import small_order
from orderkeep.testing.races import RaceContract
from orderkeep.testing.saves import ConcurrencyContract, only_winner
from tests.contract.test_many_rounds import in_threads
from tests.servers.dynamodb import Server

ROUNDS = 10


@pytest.fixture
async def store(dynamodb: Server) -> AsyncIterator[OrderStore]:
    store = open_store(await dynamodb.new_url())
    yield store
    await store.close()


class TestManyDynamoRaces(ConcurrencyContract, RaceContract):
    rounds = ROUNDS


async def test_one_of_16_threads_with_own_loops_wins(store: OrderStore) -> None:
    for number in range(3):
        order_id = f"order-{number}"
        await store.save(small_order(order_id, status="processing"))
        do = build_use_cases(store)
        commands = [do.cancel_order.execute if contender % 2 else do.ship_order.execute for contender in range(16)]
        won = only_winner(await asyncio.to_thread(in_threads, commands, order_id), CommandRejected).order
        assert (await do.get_order.execute(order_id)).version == won.version == 2
