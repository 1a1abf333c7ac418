"""The SQL of each list: every allowed combination of filters reads one index, in its order, from the position on."""

from datetime import UTC, datetime
from typing import Any

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.infrastructure.postgres_repo.rows import SNAPSHOT_COLUMNS

_FIRST = datetime.min.replace(tzinfo=UTC)
_BEHIND_ALL = (datetime.max.replace(tzinfo=UTC), "\U0010ffff")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_FILTERS = ("user_id", "status", "external_ref", "tag")


def _range(filters: tuple[str, ...], id: str) -> str:
    # The filters come first, then where the range starts, where it ends, and how many are asked for. They are part of
    # the range and of the order, not equations: so one index alone gives that order, and whatever statistics say, the
    # planner cannot prefer to walk another one and to filter.
    columns = (*filters, "created_at", id)
    given = [f"${number}" for number in range(1, len(filters) + 1)]
    start, end, end_id, limit = (f"${len(filters) + number}" for number in range(1, 5))
    return f"""
        ({", ".join(columns)}) >= ({", ".join((*given, start))}, '')
        AND ({", ".join(columns)}) < ({", ".join((*given, end, end_id))})
        {"AND external_ref IS NOT NULL" if "external_ref" in filters else ""}
        ORDER BY {", ".join(f"{name} DESC" for name in columns)} LIMIT {limit}
    """


def _on_orders(*filters: str) -> str:
    return f"SELECT {SNAPSHOT_COLUMNS} FROM orders WHERE {_range(filters, 'id')}"  # noqa: S608  # nothing from outside


def _on_tags(*filters: str) -> str:
    # The orders are looked up one by one, in the order of their tags: in a plain join the planner might sort instead.
    return f"""
        SELECT o.* FROM (SELECT order_id FROM order_tags WHERE {_range(filters, "order_id")}) AS t
        CROSS JOIN LATERAL (SELECT {SNAPSHOT_COLUMNS} FROM orders WHERE id = t.order_id LIMIT 1) AS o
    """  # noqa: S608


LISTS: dict[tuple[str, ...], str] = {
    (): _on_orders(),
    ("user_id",): _on_orders("user_id"),
    ("status",): _on_orders("status"),
    ("user_id", "status"): _on_orders("user_id", "status"),
    ("external_ref",): _on_orders("external_ref"),
    ("user_id", "external_ref"): _on_orders("user_id", "external_ref"),
    ("tag",): _on_tags("tag"),
    ("user_id", "tag"): _on_tags("user_id", "tag"),
}
"""By the filters that are given: the query."""


def list_query(where: OrderFilter, after: ListPosition | None, limit: int) -> tuple[str, tuple[Any, ...]]:
    """Return the query and its parameters.

    `created_to` and the position are both an end that the list stays before: the nearer one is asked for, so that
    the index is entered there and nothing is read in vain.
    """
    given = tuple(name for name in _FILTERS if getattr(where, name) is not None)
    end = _BEHIND_ALL if where.created_to is None else (where.created_to, "")
    if after is not None:
        end = min(end, (after.created_at, after.id))
    return LISTS[given], (
        *(getattr(where, name) for name in given),
        where.created_from or _FIRST,
        *end,
        in_64_bits(limit),
    )


def in_64_bits(number: int) -> int:
    """Return the number, or the nearest that PostgreSQL takes: nothing is kept beyond."""
    return max(_SMALLEST, min(number, _LARGEST))
