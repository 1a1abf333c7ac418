"""The SQL of each list: every allowed combination of filters reads one index, in its order, from the position on."""

from typing import Any

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.infrastructure.sqlite_repo.rows import SNAPSHOT_COLUMNS, microseconds

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_FILTERS = ("user_id", "status", "external_ref", "tag")


def _on_orders(index: str, *filters: str) -> str:
    # The index is named, so that no statistics in the file can lead the planner to another one and a sort.
    equal = "".join(f"o.{name} = ? AND " for name in filters)
    return f"""
        SELECT {SNAPSHOT_COLUMNS} FROM orders AS o INDEXED BY {index}
        WHERE {equal}o.created_at >= ? AND (o.created_at, o.id) < (?, ?)
        ORDER BY o.created_at DESC, o.id DESC LIMIT ?
    """  # noqa: S608  # nothing in it comes from outside


def _on_tags(index: str, *filters: str) -> str:
    equal = "".join(f"t.{name} = ? AND " for name in filters)
    return f"""
        SELECT {SNAPSHOT_COLUMNS} FROM order_tags AS t INDEXED BY {index}
        CROSS JOIN orders AS o INDEXED BY sqlite_autoindex_orders_1 ON o.id = t.order_id
        WHERE {equal}t.created_at >= ? AND (t.created_at, t.order_id) < (?, ?)
        ORDER BY t.created_at DESC, t.order_id DESC LIMIT ?
    """  # noqa: S608


LISTS: dict[tuple[str, ...], str] = {
    (): _on_orders("orders_by_time"),
    ("user_id",): _on_orders("orders_by_user", "user_id"),
    ("status",): _on_orders("orders_by_status", "status"),
    ("user_id", "status"): _on_orders("orders_by_user_status", "user_id", "status"),
    ("external_ref",): _on_orders("orders_by_ref", "external_ref"),
    ("user_id", "external_ref"): _on_orders("orders_by_user_ref", "user_id", "external_ref"),
    ("tag",): _on_tags("sqlite_autoindex_order_tags_1", "tag"),
    ("user_id", "tag"): _on_tags("order_tags_by_user", "user_id", "tag"),
}
"""By the filters that are given: the query."""


def list_query(where: OrderFilter, after: ListPosition | None, limit: int) -> tuple[str, tuple[Any, ...]]:
    """Return the query and its parameters.

    `created_to` and the position are both an end that the list stays before: the nearer one is asked for, so that
    the index is entered there and nothing is read in vain.
    """
    given = tuple(name for name in _FILTERS if getattr(where, name) is not None)
    start = _SMALLEST if where.created_from is None else microseconds(where.created_from)
    end = (_LARGEST, "") if where.created_to is None else (microseconds(where.created_to), "")
    if after is not None:
        end = min(end, (microseconds(after.created_at), after.id))
    return LISTS[given], (*(getattr(where, name) for name in given), start, *end, in_64_bits(limit))


def in_64_bits(number: int) -> int:
    """Return the number, or the nearest that SQLite takes: nothing is kept beyond."""
    return max(_SMALLEST, min(number, _LARGEST))
