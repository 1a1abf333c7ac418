"""Lists: the partitions of one index, queried concurrently and merged, newest first. Indexes lag, so the documents are
read from the orders themselves: a page never shows an order that no longer matches.
"""

import asyncio
from collections import deque

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.infrastructure.dynamo_repo.client import LARGEST_BATCH, OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import (
    HEAD_SORT,
    TABLE_KEYS,
    Item,
    Partitions,
    can_be_a_key,
    instant_key,
    key,
    moment_of,
    partitions_of,
    placed_key,
)

_FIRST, _LAST = "0", "9~"
SMALLEST_PAGE = 8
LONGEST_ID = 200
"""Longer ids, which only a forged cursor contains, are cut."""


async def read_page(
    table: OrdersTable, where: OrderFilter, after: ListPosition | None, limit: int
) -> tuple[list[Item], ListPosition | None]:
    """Return the documents of up to `limit` orders that match, newest first, and the position to continue from (None at
    the end). The items have the attributes `document` and `schema`.
    """
    partitions = partitions_of(where, await table.shards())
    low, high = _bounds(where, after)
    if low > high or not all(map(can_be_a_key, partitions.values)):
        return [], None
    shards = [_Shard(table, partitions, value, low, high, limit) for value in partitions.values]
    found: list[Item] = []
    while len(found) < limit:
        entries = await _newest(shards, min(limit - len(found), LARGEST_BATCH))
        if not entries:
            return found, None
        found += await _current(table, partitions, entries)
    return found, _position_of(entries[-1]) if await _newest(shards, 1) else None


async def _current(table: OrdersTable, partitions: Partitions, entries: list[Item]) -> list[Item]:
    """Return the heads of index entries, without orders that have left the partition since."""
    attribute = partitions.attribute
    keys = {entry["pk"]["S"]: key(entry["pk"]["S"], HEAD_SORT) for entry in entries}
    heads = await table.get_all(keys.values(), (*TABLE_KEYS, "document", "schema", attribute), consistent=False)
    found = []
    for entry in entries:
        head = heads.get((entry["pk"]["S"], HEAD_SORT))
        by_tag = entry["sk"]["S"] != HEAD_SORT  # tags never change
        if head and (by_tag or head.get(attribute) == entry[attribute]):
            found.append(head)
    return found


class _Shard:
    """One partition of an index, read page by page."""

    def __init__(self, table: OrdersTable, partitions: Partitions, value: str, low: str, high: str, limit: int) -> None:
        self.entries = deque[Item]()
        self._high, self._is_at_end = high, False
        shards = len(partitions.values)
        share = limit if shards == 1 else max(2 * limit // shards, SMALLEST_PAGE)
        self._pages = table.query(
            f"{partitions.attribute} = :value AND placed BETWEEN :low AND :high",
            {"value": value, "low": low, "high": high},
            page_size=min(share, limit) + 1,
            IndexName=partitions.index,
            ScanIndexForward=False,
        )

    @property
    def must_read_on(self) -> bool:
        return not self.entries and not self._is_at_end

    async def read_on(self) -> None:
        page = await anext(self._pages, None)
        self._is_at_end = page is None
        # BETWEEN includes the upper bound, which is the position to continue after.
        self.entries.extend(entry for entry in page or () if entry["placed"]["S"] < self._high)

    def first(self) -> str:
        return str(self.entries[0]["placed"]["S"]) if self.entries else ""


async def _newest(shards: list[_Shard], count: int) -> list[Item]:
    """Take up to `count` entries, the newest of all shards first."""
    found: list[Item] = []
    while len(found) < count:
        while waiting := [shard for shard in shards if shard.must_read_on]:
            await asyncio.gather(*(shard.read_on() for shard in waiting))
        newest = max(shards, key=_Shard.first)
        if not newest.entries:
            break
        found.append(newest.entries.popleft())
    return found


def _position_of(entry: Item) -> ListPosition:
    created_at, _, order_id = entry["placed"]["S"].partition("#")
    return ListPosition(moment_of(created_at), order_id)


def _bounds(where: OrderFilter, after: ListPosition | None) -> tuple[str, str]:
    low = _FIRST if where.created_from is None else f"{instant_key(where.created_from)}#"
    high = _LAST if where.created_to is None else f"{instant_key(where.created_to)}#"
    if after is not None:
        high = min(high, placed_key(after.created_at, after.id[:LONGEST_ID]))
    return low, high
