"""Eventually consistent reads may be stale. A proxy makes them stale: a store that decides on such reads is detected,
and ours, which requests consistent reads, passes.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.dynamo_repo.client import SETTINGS_KEY, OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import Item
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange, Json
from tests.torture.histories import record_histories
from tests.torture.watched_store import ContractViolation

ROUNDS = 10
LAG = 4


class ServesStaleReads:
    """Responds to each eventually consistent read with an older state."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Json]] = defaultdict(lambda: [{}] * LAG)
        self.served = 0

    def __call__(self, exchange: Exchange) -> Json:
        if exchange.operation != "GetItem" or exchange.payload["Key"] == SETTINGS_KEY:
            return exchange.response
        if exchange.payload.get("ConsistentRead"):
            return exchange.response
        self.served += 1
        responses = self.seen[json.dumps(exchange.payload["Key"], sort_keys=True)]
        responses.append(exchange.response)
        return responses[-1 - LAG]


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


async def test_histories_are_linearizable_with_consistent_reads(store: OrderStore, rule: ServesStaleReads) -> None:
    await record_histories(store, rounds=ROUNDS)
    assert rule.served == 0


async def test_histories_detect_a_store_with_stale_reads(
    store: OrderStore, rule: ServesStaleReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(self: OrdersTable, item_key: Item) -> Item | None:
        response = await self.call("GetItem", {"Key": item_key, "ConsistentRead": False})
        item: Item | None = response.get("Item")
        return item

    monkeypatch.setattr(OrdersTable, "get", get)
    with pytest.raises(ContractViolation, match=r"responses can follow one another|not the stored changes"):
        await record_histories(store, rounds=3 * ROUNDS)
    assert rule.served > 0
