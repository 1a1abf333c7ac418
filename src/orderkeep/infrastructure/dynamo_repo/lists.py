"""Lists: the partitions of one index, queried concurrently and merged, newest first. Indexes lag, so the documents are
read from the orders themselves: a page never shows an order that no longer matches.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from orderkeep.application.ports import PAGE_BYTES, ListPosition, OrderFilter
from orderkeep.infrastructure.dynamo_repo.client import LARGEST_BATCH, OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import (
    HEAD_SORT,
    INDEXES,
    PERSONAL_SORT,
    Item,
    can_be_a_key,
    document_of_item,
    instant_key,
    key,
    moment_of,
    partitions_of,
    placed_key,
)
from orderkeep.infrastructure.personal_rows import is_email_label
from orderkeep.infrastructure.serialization import built, tags_in

SMALLEST_PAGE = 8
FIRST_BATCH = 20
"""How many documents are read at first. One has up to 400 KB, so that these are within 8 MB."""

LONGEST_ID = 200
"""Longer ids, which only a forged cursor contains, are cut."""


async def read_page(
    table: OrdersTable, where: OrderFilter, after: ListPosition | None, limit: int
) -> tuple[list[bytes], ListPosition | None]:
    """Return the documents of up to `limit` orders that match, newest first and within `PAGE_BYTES`, and the position
    to continue from (None at the end).
    """
    index, partitions = partitions_of(where, await table.shards())
    low, high = _bounds(where, after)
    if low > high or not all(map(can_be_a_key, partitions)):
        return [], None
    attribute = INDEXES[index][0]
    share = limit if len(partitions) == 1 else max(2 * limit // len(partitions), SMALLEST_PAGE)
    queries = [
        table.query(
            f"{attribute} = :value AND placed BETWEEN :low AND :high",
            {"value": partition, "low": low, "high": high},
            min(share, limit) + 1,
            IndexName=index,
            ScanIndexForward=False,
        )
        for partition in partitions
    ]
    tag = None if where.tag is None or is_email_label(where.tag) else where.tag
    listed, found, size = _newest_first(queries, high), list[bytes](), 0
    position: ListPosition | None = None
    while len(found) < limit:
        entries = await _take(listed, next_batch(len(found), size, limit))
        if not entries:
            return found, None
        for entry, head in zip(entries, await _current(table, attribute, entries, partitions), strict=True):
            document = b"".join(built(document_of_item, [head] if head else []))
            if tag is not None and document and tag not in built(tags_in, [document])[0]:
                document = b""  # the tag was removed since
            size += len(document)
            if found and size > PAGE_BYTES:
                return found, position
            found += [document] if document else []
            position = _position_of(entry)
    return found, position if await _take(listed, 1) else None


def next_batch(found: int, size: int, limit: int) -> int:
    """Return how many documents to read after those found, which have that size together: as many as fit on the page if
    they are as large, but at most twice as many, because they may be larger.
    """
    fit = min(2 * found, (PAGE_BYTES - size) * found // size + 1) if found else FIRST_BATCH
    return min(fit, limit - found, LARGEST_BATCH)


def _position_of(entry: Item) -> ListPosition:
    created_at, _, order_id = entry["placed"]["S"].partition("#")
    return ListPosition(moment_of(created_at), order_id)


async def _current(table: OrdersTable, attribute: str, entries: list[Item], partitions: list[str]) -> list[Item | None]:
    """Return the head of each index entry, or None if the order has left the partitions since. The entry of a tag or
    an e-mail address is of an item of its own.
    """
    keys = [key(entry["pk"]["S"], HEAD_SORT) for entry in entries]
    heads = await table.get_all(keys, ("document", "schema", attribute), consistent=False)
    if any(entry["sk"]["S"] == PERSONAL_SORT for entry in entries):
        personal = await table.get_all([key(entry["pk"]["S"], PERSONAL_SORT) for entry in entries], (attribute,))
        listed = [each is not None and each.get(attribute, {}).get("S") in partitions for each in personal]
        return [head if is_listed else None for head, is_listed in zip(heads, listed, strict=True)]
    return [
        head if head and (entry["sk"]["S"] != HEAD_SORT or head.get(attribute, {}).get("S") in partitions) else None
        for entry, head in zip(entries, heads, strict=True)
    ]


async def _newest_first(queries: list[AsyncIterator[list[Item]]], high: str) -> AsyncIterator[Item]:
    """Yield the entries of all queries, each order once; the queries are read page by page and concurrently."""
    pages = {query: deque[Item]() for query in queries}
    last = ""
    while pages:
        waiting = [query for query, page in pages.items() if not page]
        if not waiting:
            entry = max(pages.values(), key=lambda page: str(page[0]["placed"]["S"])).popleft()
            if entry["placed"]["S"] != last:  # an order is in two partitions while its status changes
                last = entry["placed"]["S"]
                yield entry
            continue
        read = await asyncio.gather(*(anext(query, None) for query in waiting))
        for query, page in zip(waiting, read, strict=True):
            if page is None:
                del pages[query]
            else:  # BETWEEN includes the upper bound, which is the position to continue after
                pages[query].extend(entry for entry in page if entry["placed"]["S"] < high)


async def _take(entries: AsyncIterator[Item], count: int) -> list[Item]:
    return [entry for _ in range(count) if (entry := await anext(entries, None))]


def _bounds(where: OrderFilter, after: ListPosition | None) -> tuple[str, str]:
    low = "0" if where.created_from is None else f"{instant_key(where.created_from)}#"
    high = "9~" if where.created_to is None else f"{instant_key(where.created_to)}#"
    if after is not None:
        high = min(high, placed_key(after.created_at, after.id[:LONGEST_ID]))
    return low, high
