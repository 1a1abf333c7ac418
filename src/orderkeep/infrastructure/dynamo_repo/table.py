"""The table as the store asks it: each request sent again where that helps, answers page by page, its settings."""

import asyncio
import random
import re
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import Json, SharedClient, let_go, shared_client
from orderkeep.infrastructure.dynamo_repo.errors import (
    CLOSED,
    NEWER,
    NOT_SET_UP,
    DynamoError,
    translated,
)
from orderkeep.infrastructure.dynamo_repo.items import Item, key, number

ATTEMPTS = 4
"""How often a request is sent while DynamoDB cannot be reached, fails, or limits the rate."""

FIRST_PAUSE_SECONDS = 0.05
LARGEST_TRANSACTION = 100
LARGEST_BATCH = 100

LAYOUT = 1
"""The number of the table's layout: keys and indexes. A table of a larger one is not touched."""

SETTINGS_KEY = key("M", "M")

_NAME = re.compile(r"[A-Za-z0-9._-]{3,255}")


@dataclass(frozen=True, slots=True)
class TableSettings:
    """What was decided when the table was created: how many shards its busy indexes have."""

    shards: int

    def item(self) -> Item:
        """Return the item that keeps the settings."""
        return SETTINGS_KEY | {"layout": number(LAYOUT), "shards": number(self.shards)}


class OrdersTable:
    """One table. All reads but those of indexes are consistent."""

    def __init__(self, name: str, place: Endpoint) -> None:
        if not _NAME.fullmatch(name):
            raise StoreUnusable(
                "a DynamoDB table has a name of 3 to 255 letters, digits, dots, hyphens and underscores"
            )
        self.name, self._place, self._closed = name, place, False

    async def close(self) -> None:
        """Let go of the connection. Whatever is asked afterwards is refused."""
        if not self._closed:
            self._closed = True
            await let_go(self._place, self)

    async def settings(self) -> TableSettings:
        """Return the table's settings, which are read once."""
        shared = await self._shared()
        if self.name not in shared.settings:
            shared.settings[self.name] = await self.read_settings()
        found: TableSettings = shared.settings[self.name]
        return found

    async def read_settings(self) -> TableSettings:
        """Read the settings. Raises `StoreUnusable` where the table is missing, not set up, or of a newer layout."""
        item = await self.get(SETTINGS_KEY)
        if item is None:
            raise StoreUnusable(NOT_SET_UP)
        if int(item["layout"]["N"]) > LAYOUT:
            raise StoreUnusable(NEWER)
        return TableSettings(int(item["shards"]["N"]))

    async def get(self, item_key: Item) -> Item | None:
        """Return an item, or None."""
        answer = await self.call("GetItem", {"Key": item_key, "ConsistentRead": True})
        item: Item | None = answer.get("Item")
        return item

    async def get_all(
        self, keys: Iterable[Item], attributes: Sequence[str] = (), *, consistent: bool = True
    ) -> dict[tuple[str, str], Item]:
        """Return the items that are there, by partition and sort key; `attributes` are all that is needed of them."""
        found: dict[tuple[str, str], Item] = {}
        waiting = iter(keys)
        while batch := list(islice(waiting, LARGEST_BATCH)):
            async for item in self._batch(batch, attributes, consistent):
                found[item["pk"]["S"], item["sk"]["S"]] = item
        return found

    async def query(
        self, where: str, values: dict[str, str], *, largest_page: int | None = None, **further: Any
    ) -> AsyncIterator[list[Item]]:
        """Yield the pages of items whose keys fit the condition, in the order of their sort keys."""
        payload: Json = {
            "KeyConditionExpression": where,
            "ExpressionAttributeValues": {f":{name}": {"S": value} for name, value in values.items()},
            "ConsistentRead": "IndexName" not in further,
            **further,
        }
        if largest_page is not None:
            payload["Limit"] = largest_page
        while True:
            answer = await self.call("Query", payload)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def transact(self, actions: Sequence[tuple[str, Json]]) -> None:
        """Do all of the actions or none. Raises `DynamoError`, for the caller to see which was refused."""
        items = [{operation: {"TableName": self.name, **action}} for operation, action in actions]
        payload = {"TransactItems": items, "ClientRequestToken": str(uuid.uuid4())}
        await self._patiently("TransactWriteItems", payload)

    async def call(self, operation: str, payload: Json) -> Json:
        """Ask DynamoDB about this table. Raises `StoreUnavailable`."""
        try:
            return await self.ask(operation, payload)
        except DynamoError as error:
            raise translated(error) from error

    async def ask(self, operation: str, payload: Json) -> Json:
        """Ask DynamoDB about this table. Raises `DynamoError`, for the caller to see which."""
        return await self._patiently(operation, {"TableName": self.name, **payload})

    async def _batch(self, batch: list[Item], attributes: Sequence[str], consistent: bool) -> AsyncIterator[Item]:
        asked: Json = {"Keys": batch, "ConsistentRead": consistent}
        if attributes:
            asked["ProjectionExpression"] = ", ".join(f"#{name}" for name in attributes)
            asked["ExpressionAttributeNames"] = {f"#{name}": name for name in attributes}
        for attempt in range(ATTEMPTS):
            await _pause(attempt)
            try:
                answer = await self._patiently("BatchGetItem", {"RequestItems": {self.name: asked}})
            except DynamoError as error:
                raise translated(error) from error
            items = answer["Responses"].get(self.name, [])
            for item in items:
                yield item
            if self.name not in answer.get("UnprocessedKeys", {}):
                return
            asked = answer["UnprocessedKeys"][self.name]
        raise translated(DynamoError("ThrottlingException"))

    async def _patiently(self, operation: str, payload: Json) -> Json:
        unclear = False
        for attempt in range(1, ATTEMPTS + 1):
            shared = await self._shared()
            try:
                return await shared.client.call(operation, payload)
            except DynamoError as error:
                unclear = error.unclear = error.unclear or unclear
                if attempt == ATTEMPTS or not error.is_passing:
                    raise
            await _pause(attempt)
        raise AssertionError("unreachable")

    async def _shared(self) -> SharedClient:
        if self._closed:
            raise StoreUnavailable(CLOSED)
        return await shared_client(self._place, self)


async def _pause(attempt: int) -> None:
    if attempt:
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
