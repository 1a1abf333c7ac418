"""All that a table contains, to be verified: every item but those of API keys, records and checkpoints is compared with
the item that the changes require, attribute by attribute. Compressed texts are compared as texts.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import FeedEntry, StoredOrder
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.dynamo_repo import feed, fence
from orderkeep.infrastructure.dynamo_repo.client import SETTINGS_KEY, OrdersTable, settings_item
from orderkeep.infrastructure.dynamo_repo.items import (
    API_KEY_LIST,
    HEAD_SORT,
    LARGEST_PLAIN,
    PERSONAL_SORT,
    RECORD_PREFIX,
    TABLE_KEYS,
    Item,
    Ref,
    change_item,
    change_key,
    change_record_of,
    head_item,
    key,
    number,
    packed,
    personal_item,
    personal_row_of_item,
    tag_item,
    texts,
    unpacked,
)
from orderkeep.infrastructure.personal_rows import personal_rows
from orderkeep.infrastructure.serialization import OrderRecord, Recomputed, built, row_name

CHECKPOINTS = "V"
_PAGE = 200
_PACKED = ("document", "requests", "events", "record")
_ALTERED = "an entry of the feed's log was altered; restore a backup"


async def stored_keys(table: OrdersTable) -> AsyncIterator[str]:
    """Yield the partitions of the table, without those of API keys, records and checkpoints."""
    await table.read_shards()  # what the client remembers may be gone
    last = ""
    async for page in table.scan("pk"):
        for item in page:
            partition = item["pk"]["S"]
            if partition != last and not _is_beside_orders(partition):
                yield partition
            last = partition


async def count_changes(table: OrdersTable) -> int:
    """Return the number of changes in the table, which is read as a whole: no index can miss one."""
    number = 0
    async for page in table.scan("sk"):
        number += sum(item["sk"]["S"].startswith("C#") for item in page)
    return number


def _is_beside_orders(partition: str) -> bool:
    return partition in (API_KEY_LIST, CHECKPOINTS) or partition.startswith(("K#", RECORD_PREFIX, fence.PREFIX))


async def stored_order(table: OrdersTable, partition: str) -> StoredOrder:
    """Return the items of a partition, and those that there should be."""
    if partition == feed.LOG:
        return await _end_of_log(table)
    recomputed, found = Recomputed(), dict[str, Item]()
    shards = await table.shards()
    async for page in table.query("pk = :partition", {"partition": partition}, _PAGE):
        for item in page:
            sort = item["sk"]["S"]
            if partition.startswith("O#") and sort.startswith("C#"):
                built(lambda item: _add(recomputed, item, shards), [item])
            elif item.keys() != set(TABLE_KEYS) or not (sort.startswith("T#") or sort == PERSONAL_SORT):  # or removed
                found[_name(partition, sort)] = item
    if partition == SETTINGS_KEY["pk"]["S"]:
        return StoredOrder("", (), found, {"settings": settings_item(shards)}, None)
    if not partition.startswith("O#"):
        return StoredOrder("", (), found, {}, None)
    found = dict(zip(found, built(_readable, found.values()), strict=True))
    head = found.get("order", {})
    requests = head.get("requests", {})
    [(record, order)] = built(lambda _: (recomputed.record(None, _text(requests).encode()), recomputed.order()), [None])
    expected: dict[str, Item] = {}
    if record is not None:
        expected["order"] = _readable(head_item(record, packed(record.document), shards))
        expected |= {row_name(tag): tag_item(record, tag, shards) for tag in record.tags}
        _compare_personal_data(found, expected, record, order, shards)
    return StoredOrder(partition[2:], recomputed.changes, found, expected, order)


def _compare_personal_data(
    found: dict[str, Item], expected: dict[str, Item], record: OrderRecord, order: OrderDTO | None, shards: int
) -> None:
    """Add the commitment of the stored personal data to what is found, and the whole item to what is expected."""
    item, row, due = found.get("personal data"), None, Item()
    if item is not None:
        [row] = built(personal_row_of_item, [item])
    found_data, expected_data = personal_rows(row, order)
    if item is not None:
        item["commitment"] = found_data["commitment"]
    if row is not None and expected_data:
        due = _readable(personal_item(record, replace(row, label=expected_data["label"]), shards))
    if expected_data:
        expected["personal data"] = due | {"commitment": expected_data["commitment"]}


async def feed_entries(table: OrdersTable, *, settled: bool) -> AsyncIterator[FeedEntry]:
    """Yield the changes in the log. Raises `StoreUnusable` if an entry of it was altered."""
    if settled:
        await feed.append_inbox(table)
    span = {"log": feed.LOG, "prefix": "L#"}
    async for page in table.query("pk = :log AND begins_with(sk, :prefix)", span, feed.LOG_PAGE):
        for refs, last in built(_refs_of, page):
            items = await table.get_all([change_key(*ref) for ref in refs])
            for position, (ref, item) in enumerate(zip(refs, items, strict=True), start=last - len(refs) + 1):
                item = item or {}
                commit = _commit(item, position if "position" in item else None)
                yield FeedEntry(*ref, item.get("hash", {}).get("S", ""), (position,), commit)


async def last_checkpoint(table: OrdersTable) -> str | None:
    """Return the content of the last checkpoint."""
    span = {"checkpoints": CHECKPOINTS}
    async for page in table.query("pk = :checkpoints", span, 1, ScanIndexForward=False):
        for item in page:
            return str(item["content"]["S"])
    return None


async def add_checkpoint(table: OrdersTable, recorded_at: str, content: str) -> None:
    """Store a checkpoint."""
    item = key(CHECKPOINTS, recorded_at) | texts({"content": content})
    await table.call("PutItem", {"Item": item})


async def _end_of_log(table: OrdersTable) -> StoredOrder:
    """Return the items of the log that are not entries, and the end that the last entry requires."""
    found, last = dict[str, Item](), 0
    for condition, bound in (("sk < :bound", "L#"), ("sk > :bound", "L#~")):
        async for page in table.query(f"pk = :log AND {condition}", {"log": feed.LOG, "bound": bound}, _PAGE):
            found |= {f"{item['sk']['S']} of the feed": item for item in page}
    span = {"log": feed.LOG, "prefix": "L#"}
    async for page in table.query("pk = :log AND begins_with(sk, :prefix)", span, 1, ScanIndexForward=False):
        last = built(_refs_of, page)[0][1] if page else 0
        break
    expected = {"END of the feed": feed.END_KEY | {"position": number(last)}} if last else {}
    return StoredOrder("", (), found, expected, None)


def _refs_of(entry: Item) -> tuple[list[Ref], int]:
    refs = [(str(order_id), int(version)) for order_id, version in json.loads(entry["refs"]["S"])]
    last = int(entry["sk"]["S"][2:])
    if not refs or entry != feed.log_entry(last, refs):
        raise StoreUnusable(_ALTERED)
    return refs, last


def _add(recomputed: Recomputed, item: Item, shards: int) -> None:
    change = change_record_of(item)
    expected = change_item(change, packed(change.document), item["token"]["S"], item["committed"]["S"], shards)
    in_feed, position = "inbox" not in item, None
    if in_feed:
        del expected["inbox"]
        if "position" in item:  # a change that got its position from an older version does not contain it
            position = int(item["position"]["N"])
            expected["position"] = number(position)
    where = () if position is None else (position,)
    entry = FeedEntry(change.order_id, change.version, change.hash, where, _commit(item, position))
    recomputed.add(change, entry, as_written=_readable(item) == _readable(expected), in_feed=in_feed)


def _commit(item: Item, position: int | None) -> str:
    """Return what the store wrote at the commit, and the position if the change contains it."""
    written = (item.get(name, {}).get("S", "") for name in ("token", "committed"))
    return " ".join((*written, "" if position is None else str(position)))


def _name(partition: str, sort: str) -> str:
    if partition == SETTINGS_KEY["pk"]["S"] and sort == SETTINGS_KEY["sk"]["S"]:
        return "settings"
    if partition.startswith("O#"):
        if sort == HEAD_SORT:
            return "order"
        if sort == PERSONAL_SORT:
            return "personal data"
        if sort.startswith("T#"):
            return row_name(sort[2:])
    return f"item {partition} {sort}"


def _readable(item: Item) -> Item:
    """Return the item with packed texts unpacked: another compression of the same text is as good."""
    values: dict[str, Any] = {}
    for name, value in item.items():
        text = unpacked(value) if name in _PACKED else b""
        is_packed = "B" in value and len(text) > LARGEST_PLAIN
        values[name] = {"S": text.decode()} if is_packed else value
    return values


def _text(value: dict[str, Any]) -> str:
    return str(value.get("S", "{}"))
