"""Creates and describes the table: run once by an administrator, not by the service."""

import asyncio
from dataclasses import dataclass

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws import Json
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable, settings_item
from orderkeep.infrastructure.dynamo_repo.errors import NOT_SET_UP
from orderkeep.infrastructure.dynamo_repo.items import INDEXES, STREAM_VIEWS, TABLE_KEYS

DEFAULT_SHARDS = 4
POLL_SECONDS = 0.5
MOST_POLLS = 600

STREAM = {"StreamEnabled": True, "StreamViewType": STREAM_VIEWS[0]}


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table as DynamoDB describes it. `problems` says why it cannot store orders."""

    table: str
    region: str
    status: str
    shards: int | None
    indexes: tuple[str, ...]
    deletion_protection: bool
    point_in_time_recovery: bool
    stream: str | None
    stream_arn: str | None
    problems: tuple[str, ...]


class TableSetup:
    """Creates and describes a table. Every step is idempotent, and nothing is ever deleted."""

    def __init__(self, table_name: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        self._table = OrdersTable(table_name, Endpoint.of("dynamodb", region, endpoint))

    async def create(
        self,
        *,
        shards: int | None = None,
        recovery: bool = False,
        deletion_protection: bool = False,
        stream: bool = False,
    ) -> TableDescription:
        """Create what is missing, and return the table's description. Options are only ever switched on.

        Raises `StoreUnusable` if the table has other keys or indexes, another number of shards than the given one, or
        a stream of another view type.
        """
        await self._table.call("CreateTable", creation(deletion_protection), expected="ResourceInUseException")
        await self._until_active()
        found = await self.describe()
        if found.problems not in ((), (NOT_SET_UP,)):
            raise StoreUnusable(f"the table {found.table} has another purpose: {'; '.join(found.problems)}")
        if None not in (shards, found.shards) and shards != found.shards:
            raise StoreUnusable(
                f"the table {found.table} has {found.shards} shards, which cannot be changed: omit the number, or "
                "create another table"
            )
        settings = {"Item": settings_item(shards or DEFAULT_SHARDS), "ConditionExpression": "attribute_not_exists(pk)"}
        await self._table.call("PutItem", settings, expected="ConditionalCheckFailedException")
        if deletion_protection and not found.deletion_protection:
            await self._update({"DeletionProtectionEnabled": True})
        if recovery and not found.point_in_time_recovery:
            wanted = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
            await self._table.call("UpdateContinuousBackups", wanted)
        if stream and found.stream is None:
            await self._update({"StreamSpecification": STREAM})
        elif stream and found.stream not in STREAM_VIEWS:
            raise StoreUnusable(f"the table's stream has the view type {found.stream}: disable it, then run this again")
        return await self.describe()

    async def describe(self) -> TableDescription:
        """Return the table's description. Raises `StoreUnusable` if it does not exist."""
        found = (await self._table.call("DescribeTable", {}))["Table"]
        problems = _problems(found)
        shards = None
        if not problems:
            try:
                shards = await self._table.read_shards()
            except StoreUnusable as error:
                problems.append(str(error))
        stream = found.get("StreamSpecification", {}).get("StreamViewType")
        # DynamoDB Local does not know the operation.
        backups = await self._table.call("DescribeContinuousBackups", {}, expected="UnknownOperationException")
        recovery = backups.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
        return TableDescription(
            table=self._table.name,
            region=self._table.endpoint.region,
            status=found["TableStatus"].lower(),
            shards=shards,
            indexes=tuple(sorted(index["IndexName"] for index in found.get("GlobalSecondaryIndexes", []))),
            deletion_protection=bool(found.get("DeletionProtectionEnabled")),
            point_in_time_recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
            stream=stream,
            stream_arn=found.get("LatestStreamArn") if stream else None,  # DynamoDB keeps that of a former stream
            problems=tuple(problems),
        )

    async def check(self) -> None:
        """Raise `StoreUnusable` if the table cannot store orders."""
        found = await self._table.call("DescribeTable", {}, expected="AccessDeniedException")
        # Without that permission, the first request that needs a missing index fails.
        if found and (problems := "; ".join(_problems(found["Table"]))):
            raise StoreUnusable(f"{problems}: use another table, and run `orderkeep table create` for it")
        await self._table.shards()

    async def close(self) -> None:
        await self._table.close()

    async def _update(self, change: Json) -> None:
        await self._table.call("UpdateTable", change)
        await self._until_active()

    async def _until_active(self) -> None:
        for _ in range(MOST_POLLS):
            found = (await self._table.call("DescribeTable", {}))["Table"]
            indexes_active = all(index["IndexStatus"] == "ACTIVE" for index in found.get("GlobalSecondaryIndexes", []))
            if found["TableStatus"] == "ACTIVE" and indexes_active:
                return
            await asyncio.sleep(POLL_SECONDS)
        raise StoreUnavailable("the table is still being created: run `orderkeep table describe` later")


def creation(deletion_protection: bool) -> Json:
    """Return the parameters of `CreateTable`."""
    names = {*TABLE_KEYS, *(name for keys in INDEXES.values() for name in keys)}
    wanted: Json = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)],
        "KeySchema": _schema(TABLE_KEYS),
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _schema(keys), "Projection": {"ProjectionType": "KEYS_ONLY"}}
            for name, keys in INDEXES.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return wanted | ({"DeletionProtectionEnabled": True} if deletion_protection else {})


def _schema(keys: tuple[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=True)]


def _problems(table: Json) -> list[str]:
    problems = []
    if table["KeySchema"] != _schema(TABLE_KEYS):
        problems.append(f"its keys are not {' and '.join(TABLE_KEYS)}")
    found = {index["IndexName"]: index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])}
    problems += [f"it lacks the index {name}" for name, keys in INDEXES.items() if found.get(name) != _schema(keys)]
    return problems
