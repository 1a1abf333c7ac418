"""Creating the table, once, and looking at it: by whoever sets the service up, and not by the service."""

import asyncio
from dataclasses import dataclass

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import Json
from orderkeep.infrastructure.dynamo_repo.errors import NOT_SET_UP, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.keys import INDEXES
from orderkeep.infrastructure.dynamo_repo.stream import VIEWS
from orderkeep.infrastructure.dynamo_repo.table import OrdersTable, TableSettings

DEFAULT_SHARDS = 4
POLL_SECONDS = 0.5
MOST_POLLS = 600

TABLE_KEYS = ("pk", "sk")

_STREAM = {"StreamEnabled": True, "StreamViewType": VIEWS[0]}


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table as DynamoDB has it. `problems` says why it is not one that orders can be kept in."""

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
    """Creates and describes a table. Nothing here is done twice, and nothing is ever deleted."""

    def __init__(self, table_name: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        self._place = Endpoint.of("dynamodb", region, endpoint)
        self._table = OrdersTable(table_name, self._place)

    async def create(
        self,
        *,
        shards: int = DEFAULT_SHARDS,
        recovery: bool = False,
        deletion_protection: bool = False,
        stream: bool = False,
    ) -> TableDescription:
        """Create what is not there yet, and return what there is; options only ever add.

        Raises `StoreUnusable` where there is a table of that name for something else, or a stream of another kind.
        """
        try:
            await self._table.ask("CreateTable", _creation(deletion_protection))
        except DynamoError as error:
            if error.code != "ResourceInUseException":
                raise translated(error) from error
        await self._until_active()
        found = await self.describe()
        if found.problems not in ((), (NOT_SET_UP,)):
            raise StoreUnusable(f"the table {found.table} was made for something else: {'; '.join(found.problems)}")
        await self._keep_settings(shards)
        if deletion_protection and not found.deletion_protection:
            await self._table.call("UpdateTable", {"DeletionProtectionEnabled": True})
            await self._until_active()
        if recovery and not found.point_in_time_recovery:
            wanted = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
            await self._table.call("UpdateContinuousBackups", wanted)
        if stream:
            await self._switch_stream_on(found)
        return await self.describe()

    async def describe(self) -> TableDescription:
        """Return what there is. Raises `StoreUnusable` where there is no such table."""
        said = (await self._table.call("DescribeTable", {}))["Table"]
        indexes = said.get("GlobalSecondaryIndexes", [])
        problems = list(_problems(said, indexes))
        shards = None
        if not problems:
            try:
                shards = (await self._table.read_settings()).shards
            except StoreUnusable as error:
                problems.append(str(error))
        stream = said.get("StreamSpecification", {}).get("StreamViewType")
        return TableDescription(
            table=self._table.name,
            region=self._place.region,
            status=said["TableStatus"].lower(),
            shards=shards,
            indexes=tuple(sorted(index["IndexName"] for index in indexes)),
            deletion_protection=bool(said.get("DeletionProtectionEnabled")),
            point_in_time_recovery=await self._has_recovery(),
            stream=stream,
            stream_arn=said.get("LatestStreamArn") if stream else None,  # that of one that was switched off stays
            problems=tuple(problems),
        )

    async def check(self) -> None:
        """Raise `StoreUnusable` where orders cannot be kept in the table."""
        try:
            said = (await self._table.ask("DescribeTable", {}))["Table"]
        except DynamoError as error:
            if error.code != "AccessDeniedException":
                raise translated(error) from error
        else:  # who may not look at the keys and indexes learns of a wrong one by the first request that needs it
            if problems := "; ".join(_problems(said, said.get("GlobalSecondaryIndexes", []))):
                raise StoreUnusable(f"{problems}: name another table, and run `orderkeep table create` for it")
        await self._table.settings()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._table.close()

    async def _keep_settings(self, shards: int) -> None:
        wanted = {"Item": TableSettings(shards).item(), "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            await self._table.ask("PutItem", wanted)
        except DynamoError as error:
            if error.code != "ConditionalCheckFailedException":
                raise translated(error) from error

    async def _switch_stream_on(self, found: TableDescription) -> None:
        if found.stream is None:
            await self._table.call("UpdateTable", {"StreamSpecification": _STREAM})
            await self._until_active()
        elif found.stream not in VIEWS:
            raise StoreUnusable(f"the table's stream is one of {found.stream}: switch it off first, then do this again")

    async def _has_recovery(self) -> bool:
        try:
            said = await self._table.ask("DescribeContinuousBackups", {})
        except DynamoError as error:
            if error.code == "UnknownOperationException":  # DynamoDB Local has none
                return False
            raise translated(error) from error
        recovery = said["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")

    async def _until_active(self) -> None:
        for _ in range(MOST_POLLS):
            said = (await self._table.call("DescribeTable", {}))["Table"]
            indexes = said.get("GlobalSecondaryIndexes", [])
            if said["TableStatus"] == "ACTIVE" and all(index["IndexStatus"] == "ACTIVE" for index in indexes):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise StoreUnavailable("the table is still being created: run `orderkeep table describe` in a while")


def _creation(deletion_protection: bool) -> Json:
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


def _problems(said: Json, indexes: list[Json]) -> list[str]:
    problems = []
    if said["KeySchema"] != _schema(TABLE_KEYS):
        problems.append(f"its keys are not {' and '.join(TABLE_KEYS)}")
    found = {index["IndexName"]: index["KeySchema"] for index in indexes}
    problems += [f"it lacks the index {name}" for name, keys in INDEXES.items() if found.get(name) != _schema(keys)]
    return problems
