"""The keys: of items in the table, and of orders in its indexes.

All indexes of lists have the sort key `placed`: when an order was created, then its id, which is how lists sort.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orderkeep.application.ports import OrderFilter
from orderkeep.infrastructure.serialization import OrderRecord

HEAD_SORT = "O"
LARGEST_VERSION = 10**10 - 1
LONGEST_KEY = 2_048

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

INDEXES = {
    "by_time": ("time_shard", "placed"),
    "by_status": ("status_shard", "placed"),
    "by_user": ("user_id", "placed"),
    "by_user_status": ("user_status", "placed"),
    "by_label": ("label", "placed"),
    "by_user_label": ("user_label", "placed"),
    "by_inbox": ("inbox", "committed"),
}
"""Each index, and the attributes it has as keys. None holds more than keys: what is shown comes from the table."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """Where a list stands: an index, and the partitions of it that are to be merged."""

    index: str
    values: tuple[str, ...]

    @property
    def attribute(self) -> str:
        """The attribute that the index is partitioned by."""
        return INDEXES[self.index][0]


def order_key(order_id: str) -> str:
    """Return the partition that all of an order stands in."""
    return f"O#{order_id}"


def id_of(key: str) -> str:
    """Return the order whose partition it is."""
    return key[2:]


def change_sort(version: int) -> str:
    """Return the sort key of a change."""
    return f"C#{version:010}"


def is_change_key(partition: str, sort: str) -> bool:
    """Tell whether it is the key of a change, and not of anything else in the table."""
    return partition.startswith("O#") and sort.startswith("C#")


def tag_sort(tag: str) -> str:
    """Return the sort key of the item that makes an order found by a tag."""
    return f"T#{tag}"


def can_be_a_key(text: str) -> bool:
    """Tell whether DynamoDB would take it: nothing else can be there either."""
    try:
        return 0 < len(text.encode()) <= LONGEST_KEY
    except UnicodeEncodeError:
        return False


def instant_key(moment: datetime) -> str:
    """Return the instant so that it sorts as text, exact for any year."""
    return f"{(moment - _BEGINNING) // _MICROSECOND:018}"


def placed_key(created_at: datetime, order_id: str) -> str:
    """Return the place of an order in lists."""
    return f"{instant_key(created_at)}#{order_id}"


def moment_of(text: str) -> datetime:
    """Return the instant that a place, or any such text, begins with."""
    return _BEGINNING + int(text[:18]) * _MICROSECOND


def shard_of(order_id: str, shards: int) -> int:
    """Return which shard an order stands in, for ever."""
    return zlib.crc32(order_id.encode()) % shards


def state_keys(order: OrderRecord, shards: int) -> dict[str, str]:
    """Return the index keys that change with an order's status."""
    return {
        "status_shard": f"{order.status!s}#{shard_of(order.id, shards)}",
        "user_status": f"{order.status!s}#{order.user_id}",
    }


def placing_keys(order: OrderRecord, shards: int) -> dict[str, str]:
    """Return the index keys that an order gets when it is placed and keeps."""
    keys = {
        "placed": placed_key(order.created_at, order.id),
        "time_shard": str(shard_of(order.id, shards)),
        "user_id": order.user_id,
    }
    if order.external_ref:
        keys["label"] = f"R#{order.external_ref}"
        keys["user_label"] = _with_user("R", order.external_ref, order.user_id)
    return keys


def tag_keys(order: OrderRecord, tag: str, shards: int) -> dict[str, str]:
    """Return the index keys of the item that makes an order found by a tag."""
    return {
        "placed": placed_key(order.created_at, order.id),
        "label": f"T#{shard_of(order.id, shards)}#{tag}",
        "user_label": _with_user("T", tag, order.user_id),
    }


def partitions_of(where: OrderFilter, shards: int) -> Partitions:
    """Return where the orders of a filter stand: every filter has one index that holds them and nothing else."""
    user, every = where.user_id, range(shards)
    if where.tag is not None:
        if user is not None:
            return Partitions("by_user_label", (_with_user("T", where.tag, user),))
        return Partitions("by_label", tuple(f"T#{shard}#{where.tag}" for shard in every))
    if where.external_ref is not None:
        if user is not None:
            return Partitions("by_user_label", (_with_user("R", where.external_ref, user),))
        return Partitions("by_label", (f"R#{where.external_ref}",))
    if where.status is not None:
        if user is not None:
            return Partitions("by_user_status", (f"{where.status}#{user}",))
        return Partitions("by_status", tuple(f"{where.status}#{shard}" for shard in every))
    if user is not None:
        return Partitions("by_user", (user,))
    return Partitions("by_time", tuple(map(str, every)))


def _with_user(kind: str, label: str, user_id: str) -> str:
    return f"{kind}#{len(label)}#{label}#{user_id}"  # the length, so that no two pairs make one key
