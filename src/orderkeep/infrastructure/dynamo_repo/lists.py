"""Lists: the partitions of one index, queried concurrently and merged, newest first. Indexes lag, so the documents are
read from the orders themselves: a page never shows an order that no longer matches.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.infrastructure.dynamo_repo.client import LARGEST_BATCH, OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import (
    HEAD_SORT,
    INDEXES,
    Item,
    can_be_a_key,
    instant_key,
    key,
    moment_of,
    partitions_of,
    placed_key,
)

SMALLEST_PAGE = 8
LONGEST_ID = 200
"""Longer ids, which only a forged cursor contains, are cut."""


async def read_page(
    table: OrdersTable, where: OrderFilter, after: ListPosition | None, limit: int
) -> tuple[list[Item], ListPosition | None]:
    """Return the documents of up to `limit` orders that match, newest first, and the position to continue from (None at
    the end). The items have the attributes `document` and `schema`.
    """
    index, partitions = partitions_of(where, await table.shards())
    low, high = _bounds(where, after)
    if low > high or not all(map(can_be_a_key, partitions)):
        return [], None
    attribute = INDEXES[index][0]
    share = limit if len(partitions) == 1 else max(2 * limit // len(partitions), SMALLEST_PAGE)
    shards = [
        _Shard(
            table.query(
                f"{attribute} = :value AND placed BETWEEN :low AND :high",
                {"value": partition, "low": low, "high": high},
                min(share, limit) + 1,
                IndexName=index,
                ScanIndexForward=False,
            ),
            high,
        )
        for partition in partitions
    ]
    found: list[Item] = []
    while len(found) < limit:
        entries = await _newest(shards, min(limit - len(found), LARGEST_BATCH))
        if not entries:
            return found, None
        found += await _current(table, attribute, entries)
    created_at, _, order_id = entries[-1]["placed"]["S"].partition("#")
    return found, ListPosition(moment_of(created_at), order_id) if await _newest(shards, 1) else None


async def _current(table: OrdersTable, attribute: str, entries: list[Item]) -> list[Item]:
    """Return the heads of index entries, without orders that have left the partition since."""
    keys = [key(entry["pk"]["S"], HEAD_SORT) for entry in entries]
    heads = await table.get_all(keys, ("document", "schema", attribute), consistent=False)
    return [
        head
        for entry, head in zip(entries, heads, strict=True)
        # An order's tags never change.
        if head and (entry["sk"]["S"] != HEAD_SORT or head.get(attribute) == entry[attribute])
    ]


@dataclass
class _Shard:
    """One partition of an index, read page by page."""

    pages: AsyncIterator[list[Item]]
    high: str
    entries: deque[Item] = field(default_factory=deque)
    is_at_end: bool = False

    async def read_on(self) -> None:
        page = await anext(self.pages, None)
        self.is_at_end = page is None
        # BETWEEN includes the upper bound, which is the position to continue after.
        self.entries.extend(entry for entry in page or () if entry["placed"]["S"] < self.high)

    def first(self) -> str:
        return str(self.entries[0]["placed"]["S"]) if self.entries else ""


async def _newest(shards: list[_Shard], count: int) -> list[Item]:
    """Take up to `count` entries, the newest of all shards first."""
    found: list[Item] = []
    while len(found) < count:
        while waiting := [shard for shard in shards if not shard.entries and not shard.is_at_end]:
            await asyncio.gather(*(shard.read_on() for shard in waiting))
        newest = max(shards, key=_Shard.first)
        if not newest.entries:
            break
        found.append(newest.entries.popleft())
    return found


def _bounds(where: OrderFilter, after: ListPosition | None) -> tuple[str, str]:
    low = "0" if where.created_from is None else f"{instant_key(where.created_from)}#"
    high = "9~" if where.created_to is None else f"{instant_key(where.created_to)}#"
    if after is not None:
        high = min(high, placed_key(after.created_at, after.id[:LONGEST_ID]))
    return low, high
