"""The feed: one log of all changes, whose positions are given by whoever reads first.

A change is committed into an inbox, an index of the changes that have no position yet. A reader that comes to the end
of the log moves what is in the inbox behind it, in one transaction that holds only while the log ends where it was
seen to end. An index that lags delays a change; it cannot make the feed skip one, or give one twice.
"""

import asyncio
import json
import random
from typing import Any

from orderkeep.application.errors import InvalidCursor
from orderkeep.infrastructure.dynamo_repo.errors import CANCELED, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import Item, change_key, key, number, version_of
from orderkeep.infrastructure.dynamo_repo.keys import change_sort, id_of, order_key
from orderkeep.infrastructure.dynamo_repo.saves import Action
from orderkeep.infrastructure.dynamo_repo.table import LARGEST_TRANSACTION, OrdersTable

Ref = tuple[str, int]
"""A change: order id and version."""

LOG = "F"
END_KEY = key(LOG, "END")
LOG_PAGE = 20
"""How many entries of the log are read at a time; each holds up to 98 changes."""

MOST_MOVED = LARGEST_TRANSACTION - 2  # beside the end of the log and its new entry
PAUSE_SECONDS = 0.02

_NEEDED = ("pk", "sk", "inbox", "committed")


async def read_refs(table: OrdersTable, after: int, limit: int) -> list[Ref]:
    """Return up to `limit` changes behind a position, moving into the log what waits for a position if need be."""
    while True:
        found = await _read_log(table, after, limit)
        if len(found) == limit or not await _log_grew(table, after + len(found)):
            return found


async def _read_log(table: OrdersTable, after: int, limit: int) -> list[Ref]:
    found: list[Ref] = []
    pages = table.query(
        "pk = :log AND sk BETWEEN :first AND :last",
        {"log": LOG, "first": _entry_sort(after + 1), "last": _entry_sort(10**18 - 1)},
        largest_page=LOG_PAGE,
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
    """Move waiting changes into the log; False where none waits and the log still ends where it was seen to end."""
    waiting = await _waiting(table)
    end = await table.get(END_KEY)  # after the inbox: what is in neither was committed later
    position = int(end["position"]["N"]) if end else 0
    if position < seen:
        raise InvalidCursor  # the log never came there: another table's, or one that was restored
    if not waiting:
        return position > seen
    refs = _in_order(waiting)[:MOST_MOVED]
    try:
        await table.transact([*_grow_log(position, refs), *(_leave_inbox(ref) for ref in refs)])
    except DynamoError as error:
        if error.code != CANCELED and not error.unclear:
            raise translated(error) from error
        await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311  # another reader moves them
    return True


async def _waiting(table: OrdersTable) -> list[Item]:
    """Return changes without a position, and with each of them those of its order that came before it."""
    shards = (await table.settings()).shards
    pages = await asyncio.gather(*(_inbox_page(table, str(shard)) for shard in range(shards)))
    listed = sorted((item for page in pages for item in page), key=lambda item: str(item["committed"]["S"]))
    asked = {_ref(item) for item in listed[:MOST_MOVED]}
    found: dict[Ref, Item] = {}
    while asked:
        # What the index says is looked up: it may be in the log already, or lack its predecessor.
        items = await table.get_all((change_key(*ref) for ref in asked), _NEEDED)
        still = {ref: items[_place(ref)] for ref in asked if "inbox" in items.get(_place(ref), {})}
        found |= still
        asked = {(order_id, version - 1) for order_id, version in still if version > 1} - found.keys()
    return list(found.values())


async def _inbox_page(table: OrdersTable, shard: str) -> list[Item]:
    async for page in table.query("inbox = :shard", {"shard": shard}, largest_page=MOST_MOVED, IndexName="by_inbox"):
        return page
    return []


def _in_order(waiting: list[Item]) -> list[Ref]:
    """Return the changes in the order of their commits, and those of one order by version whatever clocks say."""
    latest: dict[str, str] = {}
    places = []
    for item in sorted(waiting, key=_ref):
        order_id, version = _ref(item)
        latest[order_id] = max(latest.get(order_id, ""), item["committed"]["S"])
        places.append((latest[order_id], order_id, version))
    return [(order_id, version) for _, order_id, version in sorted(places)]


def _grow_log(position: int, refs: list[Ref]) -> list[Action]:
    last = position + len(refs)
    values = {":last": number(last), ":seen": number(position)}
    end = {
        "Key": END_KEY,
        "UpdateExpression": "SET #position = :last",
        "ConditionExpression": "#position = :seen" if position else "attribute_not_exists(pk)",
        "ExpressionAttributeNames": {"#position": "position"},
        "ExpressionAttributeValues": values if position else {":last": number(last)},
    }
    entry = key(LOG, _entry_sort(last)) | {"refs": {"S": json.dumps(refs, separators=(",", ":"))}}
    return [("Update", end), ("Put", {"Item": entry, "ConditionExpression": "attribute_not_exists(pk)"})]


def _leave_inbox(ref: Ref) -> Action:
    leave = {"UpdateExpression": "REMOVE inbox", "ConditionExpression": "attribute_exists(inbox)"}
    return "Update", {"Key": change_key(*ref), **leave}


def _entry_sort(last_position: int) -> str:
    return f"L#{last_position:018}"


def _ref(item: Item) -> Ref:
    return id_of(item["pk"]["S"]), version_of(item)


def _place(ref: Ref) -> tuple[str, str]:
    return order_key(ref[0]), change_sort(ref[1])
