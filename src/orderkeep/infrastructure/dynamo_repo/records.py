"""Records: each kind is a partition of the table, which no index contains."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from orderkeep.application.ports import PAGE_BYTES
from orderkeep.application.records import Record, RecordStore, check_write
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.infrastructure.aws import back_off
from orderkeep.infrastructure.dynamo_repo import fence
from orderkeep.infrastructure.dynamo_repo.client import Action, OrdersTable
from orderkeep.infrastructure.dynamo_repo.errors import CONDITION_FAILED, CONFLICT, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import (
    LONGEST_SORT,
    RECORD_PREFIX,
    Item,
    can_be_a_key,
    number,
    packed,
    record_key,
    unpacked,
)
from orderkeep.infrastructure.serialization import built

ATTEMPTS = 6
"""How often a transaction is tried while DynamoDB cancels it because another one is writing the same records."""

FIRST_PAUSE_SECONDS = 0.01


class DynamoRecords(RecordStore):
    """The records of a table. Several are read in one transaction; more than 4 MB of them, in several."""

    def __init__(self, table: OrdersTable) -> None:
        self._table = table

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        keys = [record_key(kind, id) for id in sorted({*ids}) if _can_exist(kind, id)]
        items = [await self._table.get(keys[0])] if len(keys) == 1 else await self._get_together(keys)
        return built(_record_of, [item for item in items if item is not None])

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        if not _can_exist(kind, after):
            return []
        found, size = list[Record](), 0
        start = record_key(kind, after)
        values = {"kind": start["pk"]["S"], "after": start["sk"]["S"]}
        async for page in self._table.query("pk = :kind AND sk > :after", values, min(limit, 1_000)):
            for record in built(_record_of, page):
                size += len(record.content.encode())
                if found and size > PAGE_BYTES:
                    return found
                found.append(record)
                if len(found) == limit:
                    return found
        return found

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        check_write(records, deleted)
        token, attempt, both = uuid.uuid4().hex, 0, [*records, *deleted]
        actions = [*(put_record(record, token) for record in records), *map(_delete, deleted)]
        while actions:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            attempt += 1
            try:
                await fence.write(self._table, actions)
                break
            except DynamoError as error:
                if error.outcome_unknown and records and await self._wrote(records[0], token):
                    break
                rejection = next((reason for reason in (CONDITION_FAILED, CONFLICT) if reason in error.reasons), None)
                if rejection is None:
                    raise translated(error) from error
                if rejection == CONDITION_FAILED or attempt == ATTEMPTS:
                    raise ConcurrentUpdate(both[error.reasons.index(rejection)].id) from error
        return [replace(record, version=record.version + 1) for record in records]

    async def _get_together(self, keys: Sequence[Item]) -> list[Item | None]:
        """Return an item, or None, for each key, all as of one time."""
        if not keys:
            return []
        gets = [{"Get": {"TableName": self._table.name, "Key": key}} for key in keys]
        attempt = 0
        while True:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            attempt += 1
            try:
                responses = (await self._table.send("TransactGetItems", {"TransactItems": gets}))["Responses"]
                return [response.get("Item") for response in responses]
            except DynamoError as error:
                if error.code == "ValidationException" and len(keys) > 1:  # they are too large together
                    half = len(keys) // 2
                    return [*await self._get_together(keys[:half]), *await self._get_together(keys[half:])]
                if CONFLICT not in error.reasons or attempt == ATTEMPTS:
                    raise translated(error) from error

    async def _wrote(self, record: Record, token: str) -> bool:
        item = await self._table.get(record_key(record.kind, record.id))
        return item is not None and item.get("token") == {"S": token}


def _can_exist(kind: str, id: str) -> bool:
    partition, sort = f"{RECORD_PREFIX}{kind}", f"{RECORD_PREFIX}{id}"
    return can_be_a_key(partition) and can_be_a_key(sort) and len(sort.encode()) <= LONGEST_SORT


def put_record(record: Record, token: str) -> Action:
    """Return what writes the record. `token` identifies the transaction."""
    item = {
        **record_key(record.kind, record.id),
        "version": number(record.version + 1),
        "content": packed(record.content.encode()),
        "token": {"S": token},
    }
    if not record.version:
        return "Put", {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    return "Put", {"Item": item, **_if_unchanged(record)}


def _delete(record: Record) -> Action:
    return "Delete", {"Key": record_key(record.kind, record.id), **_if_unchanged(record)}


def _if_unchanged(record: Record) -> dict[str, object]:
    return {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": number(record.version)},
    }


def _record_of(item: Item) -> Record:
    kind, id = (item[name]["S"].removeprefix(RECORD_PREFIX) for name in ("pk", "sk"))
    return Record(kind, id, unpacked(item["content"]).decode(), int(item["version"]["N"]))
