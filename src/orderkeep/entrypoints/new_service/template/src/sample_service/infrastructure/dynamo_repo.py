"""The DynamoDB store, with Amazon's client, whose calls wait in threads. An operator creates the table."""

import asyncio
import heapq
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import ListPosition, SampleItemStore
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.infrastructure.serialization import next_document, sample_item_of

TABLE: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "status", "AttributeType": "S"},
        {"AttributeName": "placed", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_status",
            "KeySchema": [
                {"AttributeName": "status", "KeyType": "HASH"},
                {"AttributeName": "placed", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
"""The table, and the index of its lists. `placed` is the time of creation and the ID, as text that sorts."""

CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,  # as many as asyncio has threads at most
)

LONGEST_KEY = 2_048
LONGEST_ID = 200
"""Longer IDs, which only a forged cursor contains, are cut."""

_NAME = re.compile(r"[A-Za-z0-9._-]{3,255}")
_LAST = "~"
"""Sorts after every time."""

_UNUSABLE = {
    "AccessDeniedException": "these AWS credentials lack a permission: allow GetItem, PutItem and Query on the table",
    "NoCredentialsError": "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role",
    "NoRegionError": "no AWS region was found: set AWS_DEFAULT_REGION",
    "ResourceNotFoundException": "the table does not exist in this region: run make create-table, or correct the URL",
    "UnrecognizedClientException": "DynamoDB rejects these AWS credentials: use others",
    "ValidationException": "DynamoDB rejects the request: the table has other keys, or an item is above 400 KB",
}
"""By DynamoDB's or the client's name of an error: what an operator must fix."""


class DynamoSampleItemRepository(SampleItemStore):
    """Stores sample items in a table that any number of processes use. Region, credentials and endpoint are those
    of AWS's own settings. Lists are read from an index, which follows a save after some milliseconds.
    """

    def __init__(self, table: str) -> None:
        self._table, self._closed = table, False
        with _errors_translated():
            self._client = boto3.client("dynamodb", config=CONFIG)

    @classmethod
    def of_url(cls, url: str) -> "DynamoSampleItemRepository":
        """Return the store of a URL such as `dynamodb://table`. Raises `InvalidStoreURL`, `StoreUnusable`."""
        parts = urlsplit(url)
        if url != f"dynamodb://{parts.netloc}" or not _NAME.fullmatch(parts.netloc):
            raise InvalidStoreURL("the URL of a DynamoDB store is dynamodb:// and the name of a table")
        return cls(parts.netloc)

    async def create_table(self) -> None:
        """Create the table unless it exists, and return when it can be used. Raises `StoreUnavailable`."""

        def create() -> None:
            with suppress(self._client.exceptions.ResourceInUseException):
                self._client.create_table(TableName=self._table, **TABLE)
            waiter = self._client.get_waiter("table_exists")
            waiter.wait(TableName=self._table, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

        await self._in_thread(create)

    async def get_by_id(self, sample_item_id: str) -> SampleItem | None:
        def get() -> dict[str, Any]:
            key = {"id": {"S": sample_item_id}}
            found: dict[str, Any] = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
            return found

        if not can_be_a_key(sample_item_id):
            return None
        item = (await self._in_thread(get)).get("Item")
        return None if item is None else sample_item_of(item["document"]["S"])

    async def save(self, sample_item: SampleItem) -> None:
        item = {
            "id": {"S": sample_item.id},
            "version": {"N": str(sample_item.version + 1)},
            "status": {"S": sample_item.status},
            "placed": {"S": _placed(sample_item.created_at, sample_item.id)},
            "document": {"S": next_document(sample_item)},
            "save": {"S": uuid.uuid4().hex},
        }
        await self._in_thread(lambda: self._put(item, sample_item.version))
        sample_item.version += 1

    def _put(self, item: dict[str, Any], loaded: int) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if loaded:
            values = {":loaded": {"N": str(loaded)}}
            condition = {"ConditionExpression": "version = :loaded", "ExpressionAttributeValues": values}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            stored = error.response.get("Item")
            if stored is not None and stored["save"] == item["save"]:
                return  # the response to this save was lost, and the client sent it again
            attempts = error.response["ResponseMetadata"]["RetryAttempts"]
            if stored is not None and attempts and int(stored["version"]["N"]) > loaded + 1:
                raise StoreUnavailable("the response to a save was lost, and others were saved since") from error
            raise ConcurrentUpdate(item["id"]["S"]) from error

    async def list_page(
        self,
        status: SampleItemStatus | None,
        after: ListPosition | None,
        limit: int,
    ) -> list[SampleItem]:
        end = _LAST if after is None else _placed(after.created_at, after.id[:LONGEST_ID])
        lists = [self._entries(each, end, limit) for each in SampleItemStatus if status in (None, each)]
        documents = await self._in_thread(lambda: newest_documents(lists, limit))
        return [sample_item_of(document) for document in documents]

    def _entries(self, status: str, end: str, limit: int) -> Iterator[dict[str, Any]]:
        """Yield the entries of a status before a position, newest first; each page is read when it is needed."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_status",
            KeyConditionExpression="#status = :status AND placed < :end",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}, ":end": {"S": end}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": limit},
        )
        for page in pages:
            yield from page["Items"]

    async def ping(self) -> None:
        await self.get_by_id("ping")

    async def close(self) -> None:
        self._closed = True
        self._client.close()

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        with _errors_translated():
            return await asyncio.to_thread(call)


def can_be_a_key(text: str) -> bool:
    """Return whether DynamoDB accepts the text as a key; if not, no item has it."""
    try:
        return 0 < len(text.encode()) <= LONGEST_KEY
    except UnicodeEncodeError:
        return False


def newest_documents(lists: Iterable[Iterable[dict[str, Any]]], limit: int) -> list[str]:
    """Return the documents of at most `limit` entries of lists that are sorted newest first. While its status changes,
    a sample item may be in two of them: its later version is returned.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in heapq.merge(*lists, key=lambda entry: entry["placed"]["S"], reverse=True):
        known = found.get(entry["placed"]["S"])
        if known is None and len(found) == limit:
            break
        if known is None or int(known["version"]["N"]) < int(entry["version"]["N"]):
            found[entry["placed"]["S"]] = entry
    return [entry["document"]["S"] for entry in found.values()]


def _placed(created_at: datetime, id: str) -> str:
    return f"{created_at.astimezone(UTC).isoformat(timespec='microseconds')}#{id}"


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Raise `StoreUnavailable` for any error of DynamoDB or of its client."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        if code in _UNUSABLE:
            raise StoreUnusable(f"{_UNUSABLE[code]} ({code})") from error
        raise StoreUnavailable(f"DynamoDB cannot be used: check the endpoint and its limits ({code})") from error
