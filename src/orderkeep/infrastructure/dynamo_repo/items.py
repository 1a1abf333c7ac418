"""How an order and its changes lie in items: DynamoDB's JSON, read attribute by attribute, unknown ones ignored."""

import base64
import zlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderSnapshot
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.dynamo_repo.errors import UNREADABLE
from orderkeep.infrastructure.dynamo_repo.keys import (
    HEAD_SORT,
    change_sort,
    id_of,
    instant_key,
    moment_of,
    order_key,
    placing_keys,
    shard_of,
    state_keys,
    tag_keys,
    tag_sort,
)
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    Commit,
    OrderRecord,
    change_of,
    order_of,
    snapshot_of,
)

Item = dict[str, dict[str, Any]]

_Built = TypeVar("_Built")

LARGEST_PLAIN = 1_024
"""Texts of more bytes than this are compressed: DynamoDB counts capacity by the kilobyte."""


def key(partition: str, sort: str) -> Item:
    """Return the key of an item."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def head_key(order_id: str) -> Item:
    """Return the key of an order's head."""
    return key(order_key(order_id), HEAD_SORT)


def change_key(order_id: str, version: int) -> Item:
    """Return the key of a change."""
    return key(order_key(order_id), change_sort(version))


def state_attributes(order: OrderRecord, shards: int) -> Item:
    """Return what each save writes to an order's head."""
    return {
        "version": number(order.version),
        "schema": number(order.schema),
        "document": packed(order.document),
        "requests": packed(order.requests),
        "seal": {"S": order.seal},
        **texts(state_keys(order, shards)),
    }


def head_item(order: OrderRecord, shards: int) -> Item:
    """Return the head of an order that is new."""
    return head_key(order.id) | state_attributes(order, shards) | texts(placing_keys(order, shards))


def tag_item(order: OrderRecord, tag: str, shards: int) -> Item:
    """Return what makes an order found by a tag."""
    return key(order_key(order.id), tag_sort(tag)) | texts(tag_keys(order, tag, shards))


def change_item(commit: Commit, token: str, committed: str, shards: int) -> Item:
    """Return a change. `token` says whose save it was, `committed` when; in the `inbox` it waits for its position."""
    change = commit.change
    said = {
        "at": instant_key(change.at),
        "actor": change.actor,
        "key": change.key,
        "request_id": change.request_id,
        "previous_hash": change.previous_hash,
        "hash": change.hash,
        "token": token,
        "committed": committed,
        "inbox": str(shard_of(change.order_id, shards)),
    }
    return {
        **change_key(change.order_id, change.version),
        **texts({name: value for name, value in said.items() if value is not None}),
        "schema": number(commit.order.schema),
        "events": packed(change.events),
        "document": packed(change.document),
    }


def order_of_item(item: Item) -> Order:
    """Return the order that a head holds."""
    return order_of(unpacked(item["document"]), unpacked(item["requests"]), item["seal"]["S"])


def snapshot_of_item(item: Item) -> OrderSnapshot:
    """Return the order that a head holds, for reading."""
    return snapshot_of(
        id_of(item["pk"]["S"]),
        item["user_id"]["S"],
        moment_of(item["placed"]["S"]),
        int(item["version"]["N"]),
        int(item["schema"]["N"]),
        unpacked(item["document"]),
    )


def change_of_item(item: Item) -> ChangeDTO:
    """Return the change that an item holds."""
    return change_of(
        ChangeRecord(
            order_id=id_of(item["pk"]["S"]),
            version=version_of(item),
            at=moment_of(item["at"]["S"]),
            actor=item["actor"]["S"],
            key=_optional(item, "key"),
            request_id=_optional(item, "request_id"),
            events=unpacked(item["events"]),
            document=unpacked(item["document"]),
            previous_hash=item["previous_hash"]["S"],
            hash=item["hash"]["S"],
        )
    )


def built(build: Callable[[Item], _Built], items: Iterable[Item]) -> list[_Built]:
    """Return what the items hold. Raises `StoreUnusable` where one is not as we write it."""
    try:
        return [build(item) for item in items]
    except (
        msgspec.MsgspecError,
        zlib.error,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        raise StoreUnusable(UNREADABLE) from error


def version_of(item: Item) -> int:
    """Return the version that a change made, from its key."""
    return int(item["sk"]["S"][2:])


def number(value: int) -> dict[str, str]:
    """Return a whole number as DynamoDB takes it: as text, never as a float."""
    return {"N": str(value)}


def texts(values: dict[str, str]) -> Item:
    """Return texts as attributes."""
    return {name: {"S": value} for name, value in values.items()}


def packed(text: bytes) -> dict[str, str]:
    """Return JSON text as an attribute: as it is, so that it can be read in the console, or compressed."""
    if len(text) <= LARGEST_PLAIN:
        return {"S": text.decode()}
    return {"B": base64.b64encode(zlib.compress(text)).decode()}


def unpacked(value: dict[str, Any]) -> bytes:
    """Return the JSON text that an attribute holds."""
    if "S" in value:
        text: str = value["S"]
        return text.encode()
    return zlib.decompress(base64.b64decode(value["B"]))


def _optional(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None
