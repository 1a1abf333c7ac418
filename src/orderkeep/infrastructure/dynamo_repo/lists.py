"""Lists: partitions of one index, read side by side and merged, newest first. What is shown comes from the orders
themselves, so that a page never shows an order that no longer matches.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.infrastructure.dynamo_repo.items import Item, key
from orderkeep.infrastructure.dynamo_repo.keys import (
    HEAD_SORT,
    Partitions,
    can_be_a_key,
    instant_key,
    partitions_of,
    placed_key,
)
from orderkeep.infrastructure.dynamo_repo.table import LARGEST_BATCH, OrdersTable

_FIRST, _LAST = "0", "9~"
LEAST_PAGE = 8
LONGEST_ID = 200
"""Longer ones, which a cursor might be made up with, are cut: no order's id comes near."""


async def list_heads(table: OrdersTable, where: OrderFilter, after: ListPosition | None, limit: int) -> list[Item]:
    """Return the heads of up to `limit` orders that match, newest first, those behind `after`."""
    partitions = partitions_of(where, (await table.settings()).shards)
    low, high = _bounds(where, after)
    if low > high or not all(map(can_be_a_key, partitions.values)):
        return []
    page = limit if len(partitions.values) == 1 else max(2 * limit // len(partitions.values), LEAST_PAGE)
    shards = [_Shard(table, partitions, value, low, high, min(page + 1, limit + 1)) for value in partitions.values]
    heads: list[Item] = []
    entries = _merged(shards)
    while len(heads) < limit:
        wanted = [entry async for entry in _some(entries, min(limit - len(heads), LARGEST_BATCH))]
        if not wanted:
            break
        heads += await _matching(table, partitions, wanted)
    return heads


async def _matching(table: OrdersTable, partitions: Partitions, entries: list[Item]) -> list[Item]:
    keys = {entry["pk"]["S"]: key(entry["pk"]["S"], HEAD_SORT) for entry in entries}
    found = await table.get_all(keys.values(), consistent=False)
    heads = []
    for entry in entries:
        head = found.get((entry["pk"]["S"], HEAD_SORT))
        # An index lags behind: the order may have left the partition meanwhile. A tag is for ever.
        by_tag = entry["sk"]["S"] != HEAD_SORT
        if head and (by_tag or head.get(partitions.attribute) == entry[partitions.attribute]):
            heads.append(head)
    return heads


class _Shard:
    """One partition of an index, read page by page."""

    def __init__(self, table: OrdersTable, partitions: Partitions, value: str, low: str, high: str, page: int) -> None:
        self._high, self._waiting = high, deque[Item]()
        self._is_at_end = False
        self._pages = table.query(
            f"{partitions.attribute} = :value AND placed BETWEEN :low AND :high",
            {"value": value, "low": low, "high": high},
            largest_page=page,
            IndexName=partitions.index,
            ScanIndexForward=False,
        )

    @property
    def lacks(self) -> bool:
        """Tell whether it must be read on before it can be compared."""
        return not self._waiting and not self._is_at_end

    async def read_on(self) -> None:
        page = await anext(self._pages, None)
        self._is_at_end = page is None
        # The upper bound is a place to go on behind, but BETWEEN includes it.
        self._waiting.extend(entry for entry in page or () if entry["placed"]["S"] < self._high)

    def first(self) -> str:
        return str(self._waiting[0]["placed"]["S"]) if self._waiting else ""

    def take(self) -> Item:
        return self._waiting.popleft()


async def _merged(shards: list[_Shard]) -> AsyncIterator[Item]:
    while True:
        while lacking := [shard for shard in shards if shard.lacks]:
            await asyncio.gather(*(shard.read_on() for shard in lacking))
        newest = max(shards, key=_Shard.first)
        if not newest.first():
            return
        yield newest.take()


async def _some(entries: AsyncIterator[Item], count: int) -> AsyncIterator[Item]:
    for _ in range(count):
        entry = await anext(entries, None)
        if entry is None:
            return
        yield entry


def _bounds(where: OrderFilter, after: ListPosition | None) -> tuple[str, str]:
    low = _FIRST if where.created_from is None else f"{instant_key(where.created_from)}#"
    high = _LAST if where.created_to is None else f"{instant_key(where.created_to)}#"
    if after is not None:
        high = min(high, placed_key(after.created_at, after.id[:LONGEST_ID]))
    return low, high
