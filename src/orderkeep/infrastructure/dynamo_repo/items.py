"""The layout of the table: keys, index keys, and how orders and changes are mapped to items in DynamoDB's JSON.

Unknown attributes are ignored. All list indexes have the sort key `placed`: the order's creation time, then its id,
which is how lists sort.
"""

import base64
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderFilter
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.personal_rows import PersonalRow
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    OrderRecord,
    built,
    change_of,
    document_of,
    order_of,
    snapshot_of,
)

Item = dict[str, dict[str, Any]]

Ref = tuple[str, int]
"""A change: order id and version."""

TABLE_KEYS = ("pk", "sk")

INDEXES = {
    "by_time": ("time_shard", "placed"),
    "by_status": ("status_shard", "placed"),
    "by_user": ("user_id", "placed"),
    "by_user_status": ("user_status", "placed"),
    "by_label": ("label", "placed"),
    "by_user_label": ("user_label", "placed"),
    "by_inbox": ("inbox", "committed"),
}
"""Each index and its key attributes. Indexes hold keys only: documents are read from the table."""

HEAD_SORT = "O"
PERSONAL_SORT = "P"
API_KEY_SORT = "K"
API_KEY_LIST = "K"
RECORD_PREFIX = "R#"
"""Begins both keys of a record."""

TAG_ATTRIBUTES = ("placed", "label", "user_label")
"""The attributes of the item of a tag or label, besides its key. A removed one has only its key: it is in no index."""

PERSONAL_ATTRIBUTES = ("salt", "record", *TAG_ATTRIBUTES)
"""The attributes of the item of personal data, which lists the order under its e-mail address. An erased one has only
its key, which is the same for all orders.
"""

LARGEST_VERSION = 10**10 - 1
LONGEST_KEY = 2_048
LONGEST_SORT = 1_024

LARGEST_PLAIN = 1_024
"""Longer texts, in bytes, are compressed: DynamoDB bills capacity by the kilobyte."""

STREAM_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
"""The view types of a table's stream that contain whole changes."""

NOT_OURS = "this record is not of a table of orders"
NO_IMAGE = "this record does not contain the change: the table's stream must have new images (NEW_IMAGE)"
ALTERED = "this change does not match its hash: it was not written by orderkeep, or was altered"

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


# Keys of items


def key(partition: str, sort: str) -> Item:
    """Return the key of an item."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def head_key(order_id: str) -> Item:
    """Return the key of an order's head: the item with its current state."""
    return key(order_partition(order_id), HEAD_SORT)


def change_key(order_id: str, version: int) -> Item:
    """Return the key of a change."""
    return key(order_partition(order_id), change_sort(version))


def tag_key(order_id: str, tag: str) -> Item:
    """Return the key of the item that lists an order under a tag or label."""
    return key(order_partition(order_id), f"T#{tag}")


def personal_key(order_id: str) -> Item:
    """Return the key of the item with the personal data of an order."""
    return key(order_partition(order_id), PERSONAL_SORT)


def api_key_key(key_id: str) -> Item:
    """Return the key of the item with an API key. Each has a partition of its own, so that none is hot."""
    return key(f"K#{key_id}", API_KEY_SORT)


def record_key(kind: str, id: str) -> Item:
    """Return the key of a record."""
    return key(f"{RECORD_PREFIX}{kind}", f"{RECORD_PREFIX}{id}")


def order_partition(order_id: str) -> str:
    """Return the partition of an order's items."""
    return f"O#{order_id}"


def change_sort(version: int) -> str:
    """Return the sort key of a change."""
    return f"C#{version:010}"


def ref_of(item: Item) -> Ref:
    """Return the order and the version of a change, from its key."""
    return item["pk"]["S"][2:], int(item["sk"]["S"][2:])


def can_be_a_key(text: str) -> bool:
    """Return whether DynamoDB accepts the text as a key; if not, no item has it."""
    try:
        return 0 < len(text.encode()) <= LONGEST_KEY
    except UnicodeEncodeError:
        return False


def instant_key(moment: datetime) -> str:
    """Return the instant as text that sorts by time, exact for any year."""
    return f"{(moment - _BEGINNING) // _MICROSECOND:018}"


def placed_key(created_at: datetime, id: str) -> str:
    """Return the sort key of an order (or API key) in lists."""
    return f"{instant_key(created_at)}#{id}"


def moment_of(text: str) -> datetime:
    """Return the instant that a sort key, or any such text, begins with."""
    return _BEGINNING + int(text[:18]) * _MICROSECOND


# Keys of orders in indexes


def partitions_of(where: OrderFilter, shards: int) -> tuple[str, list[str]]:
    """Return an index, and those of its partitions that together hold a filter's orders and no others."""
    user, every = where.user_id, range(shards)
    if where.tag is not None:
        name, own, of_all = "label", [_with_user("T", where.tag, user)], [f"T#{shard}#{where.tag}" for shard in every]
    elif where.external_ref is not None:
        name, own, of_all = "label", [_with_user("R", where.external_ref, user)], [f"R#{where.external_ref}"]
    elif where.statuses:
        own = [f"{status}#{user}" for status in where.statuses]
        name, of_all = "status", [f"{status}#{shard}" for status in where.statuses for shard in every]
    elif user is not None:
        return "by_user", [user]
    else:
        return "by_time", list(map(str, every))
    return (f"by_{name}", of_all) if user is None else (f"by_user_{name}", own)


def _shard_of(order_id: str, shards: int) -> int:
    return zlib.crc32(order_id.encode()) % shards


def _with_user(kind: str, label: str, user_id: str | None) -> str:
    return f"{kind}#{len(label)}#{label}#{user_id}"  # the length keeps the keys of different pairs apart


# Items


def head_state(order: OrderRecord, document: dict[str, str], shards: int) -> Item:
    """Return the attributes that every save writes to an order's head. `document` is packed."""
    return {
        "version": number(order.version),
        "schema": number(order.schema),
        "document": document,
        "requests": packed(order.requests),
        "seal": {"S": order.seal},
        "status_shard": {"S": f"{order.status!s}#{_shard_of(order.id, shards)}"},
        "user_status": {"S": f"{order.status!s}#{order.user_id}"},
    }


def head_item(order: OrderRecord, document: dict[str, str], shards: int) -> Item:
    """Return the head of a new order. `document` is packed."""
    never_changed = {
        "placed": placed_key(order.created_at, order.id),
        "time_shard": str(_shard_of(order.id, shards)),
        "user_id": order.user_id,
    }
    return head_key(order.id) | head_state(order, document, shards) | texts(never_changed) | ref_state(order)


def ref_state(order: OrderRecord) -> Item:
    """Return the attributes of a head that list the order under its external reference, if it has one."""
    if not (ref := order.external_ref):
        return {}
    return texts({"label": f"R#{ref}", "user_label": _with_user("R", ref, order.user_id)})


def tag_item(order: OrderRecord, tag: str, shards: int) -> Item:
    """Return the item that lists an order under a tag or label."""
    keys = {
        "placed": placed_key(order.created_at, order.id),
        "label": f"T#{_shard_of(order.id, shards)}#{tag}",
        "user_label": _with_user("T", tag, order.user_id),
    }
    return tag_key(order.id, tag) | texts(keys)


def personal_item(order: OrderRecord, personal: PersonalRow, shards: int) -> Item:
    """Return the item with the personal data of an order, which lists the order under its e-mail address."""
    listed = {} if personal.label is None else tag_item(order, personal.label, shards)
    return {
        **listed,
        **personal_key(order.id),
        "salt": {"S": personal.salt},
        "record": packed(personal.record.encode()),
    }


def personal_row_of_item(item: Item) -> PersonalRow:
    """Return the personal data that an item contains, with the label that it is listed under."""
    listed, label = item.get("label"), None
    if listed is not None:
        _, _, label = listed["S"].removeprefix("T#").partition("#")
    return PersonalRow(item["pk"]["S"][2:], item["salt"]["S"], unpacked(item["record"]).decode(), label)


def change_item(change: ChangeRecord, document: dict[str, str], token: str, committed: str, shards: int) -> Item:
    """Return a change. `document` is packed, `token` identifies the save and `committed` its time; the change is in
    the `inbox` until it has a `position` in the feed.
    """
    values = {
        "at": instant_key(change.at),
        "actor": change.actor,
        "key": change.key,
        "request_id": change.request_id,
        "previous_hash": change.previous_hash,
        "hash": change.hash,
        "fingerprint": change.fingerprint,
        "token": token,
        "committed": committed,
        "inbox": str(_shard_of(change.order_id, shards)),
    }
    return {
        **change_key(change.order_id, change.version),
        **texts(values),
        "schema": number(change.schema or 0),
        "events": packed(change.events),
        "document": document,
    }


def order_of_item(item: Item) -> Order:
    """Return the order that a head contains."""
    return order_of(unpacked(item["document"]), unpacked(item["requests"]), item["seal"]["S"])


def snapshot_of_item(item: Item) -> OrderSnapshot:
    """Return the snapshot of the order that a head contains."""
    return snapshot_of(
        item["pk"]["S"][2:],
        item["user_id"]["S"],
        moment_of(item["placed"]["S"]),
        int(item["version"]["N"]),
        int(item["schema"]["N"]),
        unpacked(item["document"]),
    )


def document_of_item(item: Item) -> bytes:
    """Return the JSON of the order that a head contains."""
    return document_of(int(item["schema"]["N"]), unpacked(item["document"]))


def change_of_item(item: Item) -> ChangeDTO:
    """Return the change that an item contains."""
    return change_of(change_record_of(item))


def change_record_of(item: Item) -> ChangeRecord:
    """Return the record of the change that an item contains."""
    order_id, version = ref_of(item)
    by = (item["actor"]["S"], item.get("key", {}).get("S"), item.get("request_id", {}).get("S"))
    content = (unpacked(item["events"]), unpacked(item["document"]))
    hashes = (item["previous_hash"]["S"], item["hash"]["S"])
    proof = (int(item["schema"]["N"]), item.get("fingerprint", {}).get("S"))
    return ChangeRecord(order_id, version, moment_of(item["at"]["S"]), *by, *content, *hashes, *proof)


def change_of_record(record: Mapping[str, Any]) -> ChangeDTO | None:
    """Return the new change in a record of the table's stream (DynamoDB Streams); None if the record is about another
    item, or about a change that got its position in the feed. Raises `StoreUnusable` if it cannot be read.
    """
    try:
        name, data = record["eventName"], record["dynamodb"]
        partition, sort = data["Keys"]["pk"]["S"], data["Keys"]["sk"]["S"]
        is_new_change = name == "INSERT" and partition.startswith("O#") and sort.startswith("C#")
    except (LookupError, TypeError, AttributeError) as error:
        raise StoreUnusable(NOT_OURS) from error
    if not is_new_change:
        return None
    if "NewImage" not in data:
        raise StoreUnusable(NO_IMAGE)
    change = built(change_of_item, [data["NewImage"]])[0]
    if not change.intact:
        raise StoreUnusable(ALTERED)
    return change


# Attributes


def number(value: int) -> dict[str, str]:
    """Return a whole number as an attribute: as text, never as a float."""
    return {"N": str(value)}


def texts(values: Mapping[str, str | None]) -> Item:
    """Return texts as attributes; None is left out."""
    return {name: {"S": value} for name, value in values.items() if value is not None}


def packed(text: bytes) -> dict[str, str]:
    """Return JSON text as an attribute: readable in the AWS console if it is short, else compressed."""
    if len(text) <= LARGEST_PLAIN:
        return {"S": text.decode()}
    return {"B": base64.b64encode(zlib.compress(text)).decode()}


def unpacked(value: dict[str, Any]) -> bytes:
    """Return the JSON text of an attribute."""
    if "S" in value:
        text: str = value["S"]
        return text.encode()
    return zlib.decompress(base64.b64decode(value["B"]))
