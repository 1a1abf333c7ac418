"""The feed: one log of all changes, whose positions are assigned by the first reader.

A change is committed into an inbox, an index of the changes without a position. A reader that reaches the end of the
log appends the inbox to it, in one transaction that holds only if the log still ends where the reader saw it end. A
lagging index delays a change; it cannot make the feed skip or repeat one.
"""

import asyncio
import json
import random
from typing import Any

from orderkeep.application.errors import InvalidCursor
from orderkeep.infrastructure.dynamo_repo.client import (
    LARGEST_TRANSACTION,
    LONGEST_APPEND_PAUSE,
    SHORTEST_APPEND_PAUSE,
    Action,
    OrdersTable,
)
from orderkeep.infrastructure.dynamo_repo.errors import CANCELED, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import Item, Ref, change_key, key, number, ref_of

LOG = "F"
END_KEY = key(LOG, "END")
LAST_POSITION = 10**18 - 1
LOG_PAGE = 20
"""How many entries of the log are read at a time; each holds up to 98 changes."""

MOST_APPENDED = LARGEST_TRANSACTION - 2  # besides the end of the log and its new entry


async def read_refs(table: OrdersTable, after: int, limit: int) -> list[Ref]:
    """Return up to `limit` changes after a position, appending the inbox to the log if needed. Raises `InvalidCursor`
    if the log ends before the position.
    """
    if not 0 <= after < LAST_POSITION:
        raise InvalidCursor
    while True:
        found = await _read_log(table, after, limit)
        if len(found) == limit or not await _log_grew(table, after + len(found)):
            return found


async def position_of(table: OrdersTable, ref: Ref) -> int | None:
    """Return the position of a change, appending the inbox to the log if the change is in it."""
    item = await table.get(change_key(*ref))
    if item is not None and "inbox" in item:
        await append_inbox(table)
        item = await table.get(change_key(*ref))
    if item is None or "inbox" in item:  # the index lags
        return None
    if "position" in item:
        return int(item["position"]["N"])
    refs = await _read_log(table, 0, LAST_POSITION)  # earlier versions did not store the position in the change
    return refs.index(ref) + 1 if ref in refs else None


async def _read_log(table: OrdersTable, after: int, limit: int) -> list[Ref]:
    found: list[Ref] = []
    pages = table.query(
        "pk = :log AND sk BETWEEN :first AND :last",
        {"log": LOG, "first": _entry_sort(after + 1), "last": _entry_sort(LAST_POSITION)},
        LOG_PAGE,
    )
    async for page in pages:
        for entry in page:
            refs: list[Any] = json.loads(entry["refs"]["S"])
            first = int(entry["sk"]["S"][2:]) - len(refs) + 1
            found += [(order_id, version) for order_id, version in refs[max(after + 1 - first, 0) :]]
        if len(found) >= limit:
            break
    return found[:limit]


async def _log_grew(table: OrdersTable, seen: int) -> bool:
    """Append the inbox to the log; False if it is empty and the log still ends at `seen`."""
    inbox = await _read_inbox(table)
    end = await table.get(END_KEY)  # after the inbox: a change that is in neither was committed later
    position = int(end["position"]["N"]) if end else 0
    if position < seen:
        raise InvalidCursor  # a position of another table, or of one before it was restored
    if not inbox:
        return position > seen
    refs = _in_order(inbox)[:MOST_APPENDED]
    try:
        leave = (leave_inbox(ref, number) for number, ref in enumerate(refs, start=position + 1))
        await table.transact([*append_to_log(position, refs), *leave])
        table.append_pause = SHORTEST_APPEND_PAUSE
    except DynamoError as error:
        if error.code != CANCELED and not error.outcome_unknown:
            raise translated(error) from error
        await asyncio.sleep(random.uniform(0, table.append_pause))  # noqa: S311  # another reader appends them
        table.append_pause = min(2 * table.append_pause, LONGEST_APPEND_PAUSE)  # each cancelled one costs as much
    return True


async def _read_inbox(table: OrdersTable) -> dict[Ref, str]:
    """Return when each change without a position was committed, earlier changes of its order included."""
    shards = range(await table.shards())
    queries = [table.query("inbox = :shard", {"shard": str(n)}, MOST_APPENDED, IndexName="by_inbox") for n in shards]
    pages = await asyncio.gather(*(anext(query, []) for query in queries))
    listed = sorted((item for page in pages for item in page), key=lambda item: str(item["committed"]["S"]))
    wanted = {ref_of(item) for item in listed[:MOST_APPENDED]}
    found: dict[Ref, str] = {}
    while wanted:
        # The index lags: a change may be in the log already, or its predecessor may not be in the index yet.
        items = await table.get_all([change_key(*ref) for ref in wanted], ("inbox", "committed"))
        pending = {ref_of(item): item["committed"]["S"] for item in items if item and "inbox" in item}
        found |= pending
        wanted = {(order_id, version - 1) for order_id, version in pending if version > 1} - found.keys()
    return found


def _in_order(inbox: dict[Ref, str]) -> list[Ref]:
    """Return the changes in commit order, and those of one order by version even if clocks disagree."""
    latest: dict[str, str] = {}
    places = []
    for (order_id, version), committed in sorted(inbox.items()):
        latest[order_id] = max(latest.get(order_id, ""), committed)
        places.append((latest[order_id], order_id, version))
    return [(order_id, version) for _, order_id, version in sorted(places)]


def append_to_log(position: int, refs: list[Ref]) -> list[Action]:
    """Return what appends an entry to the log if it ends at `position`."""
    last = position + len(refs)
    end = {
        "Key": END_KEY,
        "UpdateExpression": "SET #position = :last",
        "ConditionExpression": "#position = :seen" if position else "attribute_not_exists(pk)",
        "ExpressionAttributeNames": {"#position": "position"},
        "ExpressionAttributeValues": {":last": number(last)} | ({":seen": number(position)} if position else {}),
    }
    entry = log_entry(last, refs)
    return [("Update", end), ("Put", {"Item": entry, "ConditionExpression": "attribute_not_exists(pk)"})]


def log_entry(last: int, refs: list[Ref]) -> Item:
    """Return the entry of the log whose last change has that position."""
    return key(LOG, _entry_sort(last)) | {"refs": {"S": json.dumps(refs, separators=(",", ":"))}}


def leave_inbox(ref: Ref, position: int) -> Action:
    """Return what takes a change out of the inbox if it is in it, and stores its position in the feed."""
    leave = {
        "UpdateExpression": "SET #position = :position REMOVE inbox",
        "ConditionExpression": "attribute_exists(inbox)",
        "ExpressionAttributeNames": {"#position": "position"},
        "ExpressionAttributeValues": {":position": number(position)},
    }
    return "Update", {"Key": change_key(*ref), **leave}


async def append_inbox(table: OrdersTable) -> None:
    """Append to the log what is in the inbox, from all orders."""
    end = await table.get(END_KEY)
    position = int(end["position"]["N"]) if end else 0
    while refs := await read_refs(table, position, MOST_APPENDED):
        position += len(refs)


def _entry_sort(last_position: int) -> str:
    return f"L#{last_position:018}"
