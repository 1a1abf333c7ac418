"""The AWS client: operations by name with DynamoDB's JSON, sent once by `DynamoClient`, with retries by `OrdersTable`.

Clients are shared: one for each event loop, region and endpoint, closed with the last store that uses it or with its
loop. So creating a repository for each request does not open a connection for each request.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any
from weakref import WeakSet

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws import AwsError, AwsHttp, Json, JsonService, back_off, open_http
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.errors import (
    CLOSED,
    NEWER,
    NOT_SET_UP,
    SETTINGS_ALTERED,
    DynamoError,
    translated,
)
from orderkeep.infrastructure.dynamo_repo.items import TABLE_KEYS, Item, key, number

Action = tuple[str, Json]
"""One item of a transaction: the operation (Put, Update, Delete, ConditionCheck) and its parameters."""

ATTEMPTS = 4
"""How often a request is sent while DynamoDB cannot be reached, fails, or limits the rate."""

FIRST_PAUSE_SECONDS = 0.05
SHORTEST_APPEND_PAUSE, LONGEST_APPEND_PAUSE = 0.02, 0.32
LARGEST_TRANSACTION = 100
LARGEST_WRITE = LARGEST_TRANSACTION - 1
"""The largest transaction that the fence can reject: it checks an item more."""

LARGEST_BATCH = 100

LAYOUT = 1
"""The version of the table's layout: keys and indexes. A table with a newer layout is not used."""

SETTINGS_KEY = key("M", "M")

_NAME = re.compile(r"[A-Za-z0-9._-]{3,255}")


def settings_item(shards: int) -> Item:
    """Return the item with what is decided when a table is created: the number of shards of its busy indexes."""
    return SETTINGS_KEY | {"layout": number(LAYOUT), "shards": number(shards)}


class DynamoClient:
    """Sends each request once, for the tables that use it. Another AWS client replaces this class."""

    def __init__(self, endpoint: Endpoint, http: AwsHttp) -> None:
        self._service = JsonService("dynamodb", endpoint, "application/x-amz-json-1.0", http)
        self.users: WeakSet[OrdersTable] = WeakSet()
        self.shards: dict[str, int] = {}
        """The number of shards of each table, by name."""

    async def call(self, operation: str, payload: Json) -> Json:
        """Send a request and return the response. Raises `DynamoError`; the caller decides whether to retry."""
        try:
            return await self._service.call(f"DynamoDB_20120810.{operation}", payload)
        except AwsError as error:
            reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())]
            raise DynamoError(error.code, error.message, reasons) from error


_Key = tuple[asyncio.AbstractEventLoop, Endpoint]
_open: dict[_Key, tuple[DynamoClient, AsyncGenerator[DynamoClient]]] = {}


async def _lifetime(key: _Key) -> AsyncGenerator[DynamoClient]:
    # A generator: asyncio.run closes generators before the loop, and so the client if no user released it.
    http = open_http()
    try:
        yield DynamoClient(key[1], http)
    finally:
        del _open[key]
        await http.aclose()


class OrdersTable:
    """Sends requests about one table, with retries. All reads but those of indexes are consistent."""

    def __init__(self, name: str, endpoint: Endpoint, *, passes_fence: bool = False) -> None:
        if not _NAME.fullmatch(name):
            raise StoreUnusable(
                "the name of a DynamoDB table consists of 3 to 255 letters, digits, dots, hyphens and underscores"
            )
        self.name, self.endpoint, self._closed, self.passes_fence = name, endpoint, False, passes_fence
        self.append_pause = SHORTEST_APPEND_PAUSE
        """How long a reader of the feed waits at most after another one was first to append to the log."""

    async def client(self) -> DynamoClient:
        """Return the running loop's client, open until all users close or the loop ends. Raises `StoreUnavailable`
        after `close`.
        """
        if self._closed:
            raise StoreUnavailable(CLOSED)
        key = asyncio.get_running_loop(), self.endpoint
        if key not in _open:
            lifetime = _lifetime(key)
            _open[key] = await anext(lifetime), lifetime
        client = _open[key][0]
        client.users.add(self)
        return client

    async def close(self) -> None:
        """Release the client. Later requests are rejected."""
        self._closed = True
        key = asyncio.get_running_loop(), self.endpoint
        if key in _open:
            client, lifetime = _open[key]
            client.users.discard(self)
            if not client.users:
                await lifetime.aclose()

    async def shards(self) -> int:
        """Return the number of shards of the busy indexes, which is read once."""
        known = (await self.client()).shards
        if self.name not in known:
            known[self.name] = await self.read_shards()
        return known[self.name]

    async def read_shards(self) -> int:
        """Read the settings. Raises `StoreUnusable` if the table is missing, not set up, or of a newer layout."""
        item = await self.get(SETTINGS_KEY)
        if item is None:
            raise StoreUnusable(NOT_SET_UP)
        try:
            layout, shards = int(item["layout"]["N"]), int(item["shards"]["N"])
        except (LookupError, ValueError) as error:
            raise StoreUnusable(SETTINGS_ALTERED) from error
        if shards < 1:
            raise StoreUnusable(SETTINGS_ALTERED)
        if layout > LAYOUT:
            raise StoreUnusable(NEWER)
        return shards

    async def get(self, item_key: Item) -> Item | None:
        item: Item | None = (await self.call("GetItem", {"Key": item_key, "ConsistentRead": True})).get("Item")
        return item

    async def get_all(
        self, keys: Sequence[Item], attributes: Sequence[str] = (), *, consistent: bool = True
    ) -> list[Item | None]:
        """Return an item, or None, for each key; if any attributes are given, with these and the key only."""
        request: Json = {"ConsistentRead": consistent}
        if attributes:
            names = (*TABLE_KEYS, *attributes)
            request["ProjectionExpression"] = ", ".join(f"#{name}" for name in names)
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
        found: dict[tuple[str, str], Item] = {}
        remaining, attempt = list(keys), 0
        while remaining:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            batch = request | {"Keys": remaining[:LARGEST_BATCH]}
            response = await self._call("BatchGetItem", {"RequestItems": {self.name: batch}})
            found |= {_place(item): item for item in response["Responses"].get(self.name, [])}
            unprocessed = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            attempt = attempt + 1 if unprocessed else 0
            if attempt == ATTEMPTS:
                raise translated(DynamoError("ThrottlingException"))
            remaining = unprocessed + remaining[LARGEST_BATCH:]
        return [found.get(_place(key)) for key in keys]

    async def query(
        self, condition: str, values: dict[str, str], page_size: int, **further: Any
    ) -> AsyncIterator[list[Item]]:
        """Yield pages of the items whose keys match the condition, in the order of their sort keys."""
        payload: Json = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {f":{name}": {"S": value} for name, value in values.items()},
            "ConsistentRead": "IndexName" not in further,
            "Limit": page_size,
            **further,
        }
        while True:
            response = await self.call("Query", payload)
            yield response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            payload["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    async def scan(self, attributes: str) -> AsyncIterator[list[Item]]:
        """Yield pages of all items, with these attributes; the items of a partition follow one another."""
        payload: Json = {"ProjectionExpression": attributes, "ConsistentRead": True}
        while True:
            response = await self.call("Scan", payload)
            yield response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            payload["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    async def transact(self, actions: Sequence[Action]) -> None:
        """Carry out all actions or none, once even if the request is sent again. Raises `DynamoError`."""
        items = [{operation: {"TableName": self.name, **action}} for operation, action in actions]
        payload = {"TransactItems": items, "ClientRequestToken": str(uuid.uuid4())}
        await self.send("TransactWriteItems", payload)

    async def call(self, operation: str, payload: Json, *, expected: str = "") -> Json:
        """Send a request about this table. The response is empty if it fails with the code `expected`. Raises
        `StoreUnavailable` for other errors.
        """
        return await self._call(operation, {"TableName": self.name, **payload}, expected)

    async def _call(self, operation: str, payload: Json, expected: str = "") -> Json:
        try:
            return await self.send(operation, payload)
        except DynamoError as error:
            if error.code == expected:
                return {}
            raise translated(error) from error

    async def send(self, operation: str, payload: Json) -> Json:
        """Send a request, again while that may help, and return the response. Raises `DynamoError`."""
        attempt, outcome_unknown = 0, False
        while True:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            attempt += 1
            client = await self.client()
            try:
                return await client.call(operation, payload)
            except DynamoError as error:
                outcome_unknown = error.outcome_unknown = error.outcome_unknown or outcome_unknown
                if attempt == ATTEMPTS or not error.is_retryable:
                    raise


def _place(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
