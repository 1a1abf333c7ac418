"""The DynamoDB store. Commits are transactions with conditions, reads of orders are consistent, lists may lag.

API keys are items of the same table, in no index of orders: each in a partition of its own, and all once more, by
time, in one partition that only lists read.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import (
    PAGE_BYTES,
    SEPARATOR,
    FeedEntry,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderStore,
    SnapshotPage,
    StoreAccess,
    StoredOrder,
)
from orderkeep.application.records import RecordStore
from orderkeep.application.store_copy import CopiedChange, Fence
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreMoved
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.aws import back_off
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.copies import commits_of, copies_of
from orderkeep.infrastructure.dynamo_repo import contents, copies, feed, fence, lists, saves
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable, settings_item
from orderkeep.infrastructure.dynamo_repo.errors import CONDITION_FAILED, CONFLICT, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import (
    API_KEY_LIST,
    LARGEST_VERSION,
    Item,
    api_key_key,
    can_be_a_key,
    change_key,
    change_of_item,
    change_record_of,
    change_sort,
    head_key,
    instant_key,
    moment_of,
    order_of_item,
    order_partition,
    personal_key,
    personal_row_of_item,
    placed_key,
    snapshot_of_item,
    texts,
)
from orderkeep.infrastructure.dynamo_repo.records import DynamoRecords
from orderkeep.infrastructure.personal_rows import personal_record_of
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    api_key_of,
    built,
    change_of,
    commit_of,
    mark_saved,
    record_of,
)

MOST_CHANGES = 1_000
"""How many changes are requested at once; DynamoDB ends a page at 1 MB anyway."""

_Built = TypeVar("_Built")


class DynamoOrderRepository(OrderStore):
    """Stores orders in a table that `orderkeep table create` created. Connects on first use.

    Region, endpoint and credentials default to those of the usual AWS environment variables. Raises
    `StoreUnavailable`, and its `StoreUnusable` if something must be fixed first.
    """

    def __init__(
        self,
        table_name: str,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        access: StoreAccess = StoreAccess.CREATE,
    ) -> None:
        where = Endpoint.of("dynamodb", region, endpoint)
        self._table = OrdersTable(table_name, where, passes_fence=access is StoreAccess.MOVE)

    async def get_by_id(self, order_id: str) -> Order | None:
        return await self._one(order_of_item, head_key(order_id))

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        commits = [commit_of(order) for order in orders]
        if commits:
            await saves.save(self._table, commits)
        return mark_saved(orders, commits)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await self._one(snapshot_of_item, head_key(order_id))

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        documents, position = await lists.read_page(self._table, where, after, limit)
        return SnapshotPage(SEPARATOR.join(documents), position)

    async def get_personal_data(self, order_ids: Sequence[str]) -> dict[str, PersonalRecord]:
        items = await self._table.get_all(
            [personal_key(each) for each in order_ids if can_be_a_key(order_partition(each))]
        )
        rows = built(personal_row_of_item, [item for item in items if item and "record" in item])  # others were erased
        return {row.order_id: personal_record_of(row.salt, row.record) for row in rows}

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        if not 1 <= version <= LARGEST_VERSION:
            return None
        return await self._one(change_of_item, change_key(order_id, version))

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        async for page in self._changes(order_id, 1, page_size=10, ScanIndexForward=False):
            for item in page:
                if item["at"]["S"] <= instant_key(instant):
                    return built(change_of_item, [item])[0]
        return None

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        page = _ChangePage(limit)
        async for items in self._changes(order_id, after_version + 1, limit):
            if not all(map(page.add, items)):
                break
        return page.changes()

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        records = await self._feed_page(after, limit)
        return FeedPage(tuple(built(change_of, records)), after + len(records))

    async def read_copies(self, after: int, limit: int) -> list[CopiedChange]:
        return await copies_of(self, await self._feed_page(after, limit))

    async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:
        await copies.write(self._table, after, await commits_of(self, changes))

    async def _feed_page(self, after: int, limit: int) -> list[ChangeRecord]:
        refs = await feed.read_refs(self._table, after, limit)
        page, read = _ChangePage(limit), 0
        while read < len(refs):
            batch = refs[read : read + lists.next_batch(len(page.records), page.size, limit)]
            items = await self._table.get_all([change_key(*ref) for ref in batch])
            if not all(page.add(item or {}) for item in items):
                break
            read += len(batch)
        return page.records

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        if not (1 <= version <= LARGEST_VERSION and can_be_a_key(order_partition(order_id))):
            return None
        return await feed.position_of(self._table, (order_id, version))

    def stored_keys(self) -> AsyncIterator[str]:
        return contents.stored_keys(self._table)

    async def stored_order(self, key: str) -> StoredOrder:
        return await contents.stored_order(self._table, key)

    def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        return contents.feed_entries(self._table, settled=settled)

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        await contents.add_checkpoint(self._table, recorded_at, content)

    async def last_checkpoint(self) -> str | None:
        return await contents.last_checkpoint(self._table)

    async def fence(self, state: Fence = Fence.MOVED, owner: str = "") -> Fence | None:
        return await fence.put_up(self._table, state, owner)

    async def lift_fence(self, owner: str = "") -> bool:
        return await fence.lift(self._table, owner)

    async def is_fenced_by(self, owner: str) -> bool:
        found = await fence.state_of(self._table)
        return found is not None and found[1] == owner

    async def fenced(self) -> Fence | None:
        found = await fence.state_of(self._table)
        return found[0] if found else None

    async def count_changes(self) -> int:
        return await contents.count_changes(self._table)

    async def ping(self) -> None:
        settings = settings_item(await self._table.read_shards())
        # It exists, so this changes nothing, but it fails with another error if the table cannot be written.
        again = {"Item": settings, "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            await fence.write(self._table, [("Put", again)])
        except StoreMoved:
            return
        except DynamoError as error:
            if error.reasons not in ((CONDITION_FAILED,), (CONFLICT,)):  # a conflict is with another check
                raise translated(error) from error

    async def close(self) -> None:
        await self._table.close()

    def api_keys(self) -> ApiKeyStore:
        return DynamoApiKeys(self._table)

    def records(self) -> RecordStore:
        return DynamoRecords(self._table)

    async def _one(self, build: Callable[[Item], _Built], item_key: Item) -> _Built | None:
        if not can_be_a_key(item_key["pk"]["S"]):
            return None
        item = await self._table.get(item_key)
        return None if item is None else built(build, [item])[0]

    async def _changes(
        self, order_id: str, first_version: int, page_size: int, **further: Any
    ) -> AsyncIterator[list[Item]]:
        if first_version > LARGEST_VERSION or not can_be_a_key(order_partition(order_id)):
            return
        condition = "pk = :order AND sk BETWEEN :first AND :last"
        span = {"first": change_sort(max(first_version, 1)), "last": change_sort(LARGEST_VERSION)}
        values = {"order": order_partition(order_id), **span}
        async for page in self._table.query(condition, values, min(page_size, MOST_CHANGES), **further):
            yield page


class _ChangePage:
    """The first changes of a page, up to `limit` and within `PAGE_BYTES`. Their items are unpacked one by one: many
    fit into a response of DynamoDB that are large without compression.
    """

    def __init__(self, limit: int) -> None:
        self.records, self.size, self._limit = list[ChangeRecord](), 0, limit

    def add(self, item: Item) -> bool:
        """Add the change of an item. Return False if the page is full, with or without this one."""
        [record] = built(change_record_of, [item])
        self.size += len(record.document)
        if self.records and self.size > PAGE_BYTES:
            return False
        self.records.append(record)
        return len(self.records) < self._limit

    def changes(self) -> list[ChangeDTO]:
        return built(change_of, self.records)


class DynamoApiKeys(ApiKeyStore):
    """The API keys of a table."""

    def __init__(self, table: OrdersTable) -> None:
        self._table = table

    async def add(self, key: ApiKey) -> bool:
        item = api_key_key(key.id) | texts(record_of(key, instant_key))
        listed = texts({"pk": API_KEY_LIST, "sk": placed_key(key.created_at, key.id)})
        try:
            is_new = {"ConditionExpression": "attribute_not_exists(pk)"}
            await fence.write(self._table, [("Put", {"Item": item, **is_new}), ("Put", {"Item": listed})])
        except DynamoError as error:
            found = await self.get(key.id)  # it may be this one, if the response was lost
            if found is None:
                raise translated(error) from error
            return found == key
        return True

    async def get(self, key_id: str) -> ApiKey | None:
        item = await self._table.get(api_key_key(key_id))
        return None if item is None else _api_key_of_item(item)

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        end = "~" if after is None else placed_key(after.created_at, after.id)
        values = {"list": API_KEY_LIST, "end": end}
        ids: list[str] = []
        async for page in self._table.query("pk = :list AND sk < :end", values, limit, ScanIndexForward=False):
            ids += [entry["sk"]["S"].partition("#")[2] for entry in page]
            if len(ids) >= limit:
                break
        items = await self._table.get_all([api_key_key(key_id) for key_id in ids[:limit]])
        return [_api_key_of_item(item or {}) for item in items]

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        update = "SET revoked_at = if_not_exists(revoked_at, :at)"
        return await self._update(key_id, at, update, "attribute_exists(pk)")

    async def note_use(self, key_id: str, at: datetime) -> None:
        is_later = "attribute_exists(pk) AND (attribute_not_exists(last_used_at) OR last_used_at < :at)"
        await self._update(key_id, at, "SET last_used_at = :at", is_later)

    async def _update(self, key_id: str, at: datetime, update: str, condition: str) -> ApiKey | None:
        """Return the updated key, or None if the condition does not hold. Idempotent: it may be sent twice."""
        action = {
            "Key": api_key_key(key_id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": texts({":at": instant_key(at)}),
        }
        attempt = 0
        while True:
            await back_off(attempt, saves.FIRST_PAUSE_SECONDS)
            attempt += 1
            try:
                await fence.write(self._table, [("Update", action)])
                return await self.get(key_id)
            except DynamoError as error:
                if error.reasons == (CONDITION_FAILED,):
                    return None
                if error.reasons != (CONFLICT,) or attempt == saves.ATTEMPTS:
                    raise translated(error) from error


def _api_key_of_item(item: Item) -> ApiKey:
    return api_key_of({name: value.get("S") for name, value in item.items()}, moment_of)
