"""The DynamoDB store's own requests on a plain `aiodynamo` client, for stores.py: no retries, no objects."""

import asyncio
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiodynamo.client import Client
from aiodynamo.credentials import Credentials, Key, StaticCredentials
from aiodynamo.http.aiohttp import AIOHTTP
from yarl import URL

from orderkeep.application.ports import OrderFilter
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.items import head_key, key
from orderkeep.infrastructure.dynamo_repo.keys import HEAD_SORT, partitions_of
from orderkeep.infrastructure.dynamo_repo.lists import LEAST_PAGE
from orderkeep.infrastructure.dynamo_repo.saves import _actions
from orderkeep.infrastructure.dynamo_repo.table import OrdersTable
from orderkeep.infrastructure.serialization import Commit

Json = dict[str, Any]


class Driver:
    """A client for the store's table, with a session of its own."""

    def __init__(self, url: str) -> None:
        parts, options = urlsplit(url), parse_qs(urlsplit(url).query)
        self.table = parts.netloc
        self.region, self.endpoint = (options.get(name, [""])[0] for name in ("region", "endpoint"))
        self.shards = 0

    async def open(self) -> None:
        table = OrdersTable(self.table, Endpoint.of("dynamodb", self.region or None, self.endpoint or None))
        self.shards = (await table.settings()).shards
        await table.close()
        self.session = aiohttp.ClientSession()
        keys = StaticCredentials(Key("local", "local")) if self.endpoint else Credentials.auto()
        endpoint = URL(self.endpoint) if self.endpoint else None
        self.client = Client(AIOHTTP(self.session), keys, self.region, endpoint)

    def prepare(self, commit: Commit) -> tuple[str, list[Json]]:
        actions = _actions(commit, uuid.uuid4().hex, f"{uuid.uuid4().int % 10**18:018}", self.shards)
        return commit.order.id, [{name: {"TableName": self.table, **action}} for name, action in actions]

    async def get(self, order_id: str) -> object:
        return await self._ask("GetItem", {"Key": head_key(order_id), "ConsistentRead": True})

    async def page(self, size: int) -> int:
        partitions = partitions_of(OrderFilter(), self.shards)
        limit = max(2 * (size + 1) // len(partitions.values), LEAST_PAGE) + 1
        read = (self._query(partitions.index, partitions.attribute, value, limit) for value in partitions.values)
        entries = [entry for page in await asyncio.gather(*read) for entry in page]
        entries.sort(key=lambda entry: str(entry["placed"]["S"]), reverse=True)
        keys = [key(entry["pk"]["S"], HEAD_SORT) for entry in entries[: size + 1]]
        asked = {"RequestItems": {self.table: {"Keys": keys, "ConsistentRead": False}}}
        answer = await self.client.send_request(action="BatchGetItem", payload=asked)
        return len(answer["Responses"][self.table]) - 1

    async def place(self, prepared: tuple[str, list[Json]]) -> None:
        payload = {"TransactItems": prepared[1], "ClientRequestToken": str(uuid.uuid4())}
        await self.client.send_request(action="TransactWriteItems", payload=payload)

    async def cancel(self, prepared: tuple[str, list[Json]]) -> None:
        await self.get(prepared[0])
        await self.place(prepared)

    async def close(self) -> None:
        await self.session.close()

    async def _query(self, index: str, attribute: str, value: str, limit: int) -> list[Json]:
        answer = await self._ask(
            "Query",
            {
                "KeyConditionExpression": f"{attribute} = :value AND placed BETWEEN :low AND :high",
                "ExpressionAttributeValues": {":value": {"S": value}, ":low": {"S": "0"}, ":high": {"S": "9~"}},
                "IndexName": index,
                "ScanIndexForward": False,
                "Limit": limit,
            },
        )
        found: list[Json] = answer["Items"]
        return found

    async def _ask(self, operation: str, payload: Json) -> Json:
        answer: Json = await self.client.send_request(action=operation, payload={"TableName": self.table, **payload})
        return answer
