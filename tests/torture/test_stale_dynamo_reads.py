"""Reads of DynamoDB that are not consistent may be old. Behind a proxy that sees to it that they are, a store that
decides on them is found; ours asks for consistent ones, and is not.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.dynamo_repo.items import Item
from orderkeep.infrastructure.dynamo_repo.table import SETTINGS_KEY, OrdersTable
from orderkeep.testing.violation import ContractViolation
from orderkeep.testing.workloads import record_histories
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import Asked, DynamoProxy, Json

ROUNDS = 10
LAG = 4


class ServesStaleReads:
    """Answers each read that is not consistent as it stood some reads before."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Json]] = defaultdict(lambda: [{}] * LAG)
        self.served = 0

    def __call__(self, asked: Asked) -> Json:
        if asked.operation != "GetItem" or asked.payload["Key"] == SETTINGS_KEY:
            return asked.answer
        if asked.payload.get("ConsistentRead"):
            return asked.answer
        self.served += 1
        answers = self.seen[json.dumps(asked.payload["Key"], sort_keys=True)]
        answers.append(asked.answer)
        return answers[-1 - LAG]


@pytest.fixture
def rule() -> ServesStaleReads:
    return ServesStaleReads()


@pytest.fixture
async def store(dynamodb: Server, rule: ServesStaleReads) -> AsyncIterator[OrderStore]:
    table = await dynamodb.new_table()
    async with DynamoProxy(dynamodb.endpoint, REGION, after=rule) as proxy:
        store = open_store(proxy.url_of(table))
        yield store
        await store.close()


async def test_histories_hold_where_all_reads_that_decide_are_consistent(
    store: OrderStore, rule: ServesStaleReads
) -> None:
    await record_histories(store, rounds=ROUNDS)
    assert rule.served == 0


async def test_histories_find_a_store_that_reads_what_may_be_old(
    store: OrderStore, rule: ServesStaleReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(self: OrdersTable, item_key: Item) -> Item | None:
        answer = await self.call("GetItem", {"Key": item_key, "ConsistentRead": False})
        item: Item | None = answer.get("Item")
        return item

    monkeypatch.setattr(OrdersTable, "get", get)
    with pytest.raises(ContractViolation, match=r"answers can follow one another|answered were"):
        await record_histories(store, rounds=3 * ROUNDS)
    assert rule.served > 0
