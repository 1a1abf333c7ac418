"""The DynamoDB store: commits are transactions with conditions, reads that decide are consistent, lists may lag."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, OrderSnapshot, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.dynamo_repo import feed, lists, saves
from orderkeep.infrastructure.dynamo_repo.client import Place
from orderkeep.infrastructure.dynamo_repo.errors import UNREADABLE
from orderkeep.infrastructure.dynamo_repo.items import (
    Item,
    built,
    change_key,
    change_of_item,
    head_key,
    order_of_item,
    snapshot_of_item,
)
from orderkeep.infrastructure.dynamo_repo.keys import (
    LARGEST_VERSION,
    can_be_a_key,
    change_sort,
    instant_key,
    order_key,
)
from orderkeep.infrastructure.dynamo_repo.table import OrdersTable
from orderkeep.infrastructure.serialization import commit_of

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKeyStore

MOST_CHANGES = 1_000
"""How many changes are asked for at once; DynamoDB ends a page at 1 MB anyway."""

LONGEST_POSITION = 17

_CHANGES = "pk = :order AND sk BETWEEN :first AND :last"
_NEWEST_FIRST = 10

_Built = TypeVar("_Built")


class DynamoOrderRepository(OrderStore):
    """Keeps orders in a table that `orderkeep table create` made. Connects by itself when first used.

    Region, endpoint and credentials are those of the usual AWS environment variables where they are not given.
    Raises `StoreUnavailable`, and its `StoreUnusable` where somebody must mend something first.
    """

    def __init__(self, table_name: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        self._table = OrdersTable(table_name, Place.of(region, endpoint))

    async def get_by_id(self, order_id: str) -> Order | None:
        return await self._one(order_of_item, head_key(order_id), order_id)

    async def get_own(self, order_id: str, user_id: str) -> Order | None:
        return await self._one(order_of_item, head_key(order_id), order_id, user_id)

    async def save(self, *orders: Order) -> None:
        commits = [commit_of(order) for order in orders]
        if not commits:
            return
        await saves.save(self._table, commits)
        for order, commit in zip(orders, commits, strict=True):
            order.mark_saved(commit.order.seal)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await self._one(snapshot_of_item, head_key(order_id), order_id)

    async def get_own_snapshot(self, order_id: str, user_id: str) -> OrderSnapshot | None:
        return await self._one(snapshot_of_item, head_key(order_id), order_id, user_id)

    async def list_snapshots(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderSnapshot]:
        return built(snapshot_of_item, await lists.list_heads(self._table, where, after, limit))

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        if not 1 <= version <= LARGEST_VERSION:
            return None
        return await self._one(change_of_item, change_key(order_id, version), order_id)

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        async for page in self._changes(order_id, 1, _NEWEST_FIRST, ScanIndexForward=False):
            for item in page:
                if item["at"]["S"] <= instant_key(instant):
                    return built(change_of_item, [item])[0]
        return None

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        items: list[Item] = []
        async for page in self._changes(order_id, after_version + 1, limit):
            items += page
            if len(items) >= limit:
                break
        return built(change_of_item, items[:limit])

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        start = 0 if after is None else _feed_position(after)
        refs = await feed.read_refs(self._table, start, limit)
        kept = await self._table.get_all(change_key(*ref) for ref in refs)
        try:
            items = [kept[order_key(order_id), change_sort(version)] for order_id, version in refs]
        except KeyError as error:
            raise StoreUnusable(UNREADABLE) from error
        return FeedPage(tuple(built(change_of_item, items)), str(start + len(refs)))

    async def ping(self) -> None:
        await self._table.read_settings()

    async def close(self) -> None:
        await self._table.close()

    def api_keys(self) -> "ApiKeyStore":
        """Return the API keys that the table keeps beside the orders."""
        from orderkeep.infrastructure.dynamo_repo.api_keys import DynamoApiKeys  # here: most processes need none

        return DynamoApiKeys(self._table)

    async def _one(
        self, build: Callable[[Item], _Built], item_key: Item, order_id: str, user_id: str | None = None
    ) -> _Built | None:
        if not can_be_a_key(order_key(order_id)):
            return None
        item = await self._table.get(item_key)
        if item is None or (user_id is not None and item["user_id"]["S"] != user_id):
            return None
        return built(build, [item])[0]

    async def _changes(
        self, order_id: str, first_version: int, largest_page: int, **further: Any
    ) -> AsyncIterator[list[Item]]:
        if first_version > LARGEST_VERSION or not can_be_a_key(order_key(order_id)):
            return
        span = {"first": change_sort(max(first_version, 1)), "last": change_sort(LARGEST_VERSION)}
        values = {"order": order_key(order_id), **span}
        async for page in self._table.query(_CHANGES, values, largest_page=min(largest_page, MOST_CHANGES), **further):
            yield page


def _feed_position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_POSITION):
        raise InvalidCursor
    return int(text)
