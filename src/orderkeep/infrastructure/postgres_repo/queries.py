"""The SQL of the PostgreSQL store: one statement for each save and each list, and the feed.

The feed is in the order of transaction numbers, and never goes past the oldest transaction that is still running.
Numbers are assigned when a transaction first writes, but transactions commit in another order: a reader that continued
after the highest number seen would skip what commits later with a lower one. All transactions below the snapshot's xmin
have ended, so the feed is complete below it. There, readers assign the positions 1, 2, 3 and so on, one reader at a
time: writers do nothing for it, and every reader would assign the same ones.
"""

from datetime import UTC, datetime
from typing import Any

from orderkeep.application.ports import PAGE_BYTES
from orderkeep.infrastructure.serialization import Commit
from orderkeep.infrastructure.sql_store import CHANGE_COLUMNS, STATUSES, Dialect


def _instant(stored: datetime) -> datetime:
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)  # asyncpg returns the first and last instant naive


_BOUNDED = f"""
    SELECT {{columns}} FROM (
        SELECT *, sum(octet_length(document)) OVER (ROWS UNBOUNDED PRECEDING) - octet_length(document) AS bytes_before
        FROM ({{query}}) AS page
    ) AS bounded WHERE bytes_before <= {PAGE_BYTES}
"""  # noqa: S608  # nothing here comes from outside
"""Ends a page in the database: to send all rows of large orders would take hundreds of megabytes here."""

_EDGE = "beginning_of_feed + pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
POSTGRES = Dialect(
    "$",
    "convert_to({0}::text, 'UTF8') AS {0}",
    lambda moment: moment,
    _instant,
    feed=("tx", "place"),
    settled=f"tx < (SELECT {_EDGE} FROM feed)",  # noqa: S608
    bounded=_BOUNDED,
    texts=list,
    any_of="= ANY($1::text[])",
)

_CHANGE = """
    INSERT INTO changes
        (order_id, version, document, hash, at, actor, key, request_id, events, previous_hash, place, schema,
        fingerprint, tx)
    SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, $15, (
        SELECT beginning_of_feed + pg_current_xact_id()::text::bigint FROM feed
    )
"""
# $1 to $15 are the same in all. None returns a row if it wrote nothing.
_PLACED = """
    WITH placed AS (
        INSERT INTO orders (id, version, document, seal, status, schema, requests, user_id, created_at, external_ref)
        VALUES ($1, $2, $3, $4, $12, $13, $14, $16, $17, $18)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), tagged AS (
        INSERT INTO order_tags (tag, created_at, order_id, user_id)
        SELECT tag, $17, id, $16 FROM placed, unnest($19::text[]) AS tag
    )
"""
INSERT_ORDER = f"{_PLACED} {_CHANGE} FROM placed RETURNING 1"
INSERT_ORDER_AND_PERSONAL_DATA = f"""
    {_PLACED}, personal AS (
        INSERT INTO personal_data (order_id, salt, record, label) SELECT id, $20, $21, $22 FROM placed
    )
    {_CHANGE} FROM placed RETURNING 1
"""  # noqa: S608  # nothing here comes from outside
UPDATE_ORDER = f"""
    WITH moved AS (
        UPDATE orders SET version = $2, document = $3, seal = $4, status = $12, schema = $13, requests = $14
        WHERE id = $1 AND version = $16
        RETURNING id
    )
    {_CHANGE} FROM moved RETURNING 1
"""  # noqa: S608
_MOVED = """
    WITH moved AS (
        UPDATE orders SET version = $2, document = $3, seal = $4, status = $12, schema = $13, requests = $14,
            external_ref = $17
        WHERE id = $1 AND version = $16
        RETURNING id, user_id, created_at
    ), tagged AS (
        INSERT INTO order_tags (tag, created_at, order_id, user_id)
        SELECT tag, created_at, id, user_id FROM moved, unnest($18::text[]) AS tag
    ), untagged AS (
        DELETE FROM order_tags AS t USING moved
        WHERE t.tag = ANY($19::text[]) AND t.created_at = moved.created_at AND t.order_id = moved.id
    )
"""
UPDATE_ORDER_AND_TAGS = f"{_MOVED} {_CHANGE} FROM moved RETURNING 1"
"""The same for an order whose tags, labels or external_ref change."""

UPDATE_ORDER_AND_PERSONAL_DATA = f"""
    {_MOVED}, replaced AS (
        INSERT INTO personal_data (order_id, salt, record, label)
        SELECT id, $20, $21, $22 FROM moved WHERE $20::text IS NOT NULL
        ON CONFLICT (order_id) DO UPDATE SET salt = excluded.salt, record = excluded.record, label = excluded.label
    ), erased AS (
        DELETE FROM personal_data AS p USING moved WHERE $20::text IS NULL AND p.order_id = moved.id
    ), unlabelled AS (
        DELETE FROM order_tags AS t USING moved JOIN personal_data AS p ON p.order_id = moved.id
        WHERE t.tag = p.label AND t.created_at = moved.created_at AND t.order_id = moved.id
            AND p.label IS DISTINCT FROM $22
    ), labelled AS (
        INSERT INTO order_tags (tag, created_at, order_id, user_id)
        SELECT $22, created_at, id, user_id FROM moved WHERE $22::text IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    {_CHANGE} FROM moved RETURNING 1
"""  # noqa: S608
"""The same for an order whose personal data changes: all parts of a statement see the state before it."""

PURGE = ("VACUUM personal_data", "VACUUM order_tags")

MOST_NUMBERED = 5_000
"""How many changes get a position in one transaction."""

LOCK_FEED = "SELECT pg_advisory_xact_lock(hashtextextended('orderkeep feed ' || current_schema(), 0))"
_FEED = f"""
    edge AS MATERIALIZED (
        SELECT {_EDGE} AS tx FROM feed
    ), numbered AS MATERIALIZED (
        SELECT coalesce(position, 0) AS position, coalesce(tx, 0) AS tx, coalesce(place, 0) AS place
        FROM (SELECT) AS one
        LEFT JOIN (SELECT * FROM feed_positions ORDER BY position DESC LIMIT 1) AS newest ON true
    )
"""  # noqa: S608
"""The transaction below which the feed is complete, and the last change that has a position."""

_UNNUMBERED = """
    FROM changes
    WHERE (changes.tx, changes.place) > (numbered.tx, numbered.place) AND changes.tx < edge.tx
"""
NUMBER_CHANGES = f"""
    WITH {_FEED}
    INSERT INTO feed_positions (position, tx, place)
    SELECT numbered.position + row_number() OVER (ORDER BY found.tx, found.place), found.tx, found.place
    FROM edge CROSS JOIN numbered CROSS JOIN LATERAL (
        SELECT changes.tx, changes.place {_UNNUMBERED} ORDER BY changes.tx, changes.place LIMIT {MOST_NUMBERED}
    ) AS found
"""  # noqa: S608
"""Assigns the next positions. To run while `LOCK_FEED` is held, as a statement of its own: it must see what the reader
before assigned.
"""

_FEED_COLUMNS = f"position, {CHANGE_COLUMNS}"
_AFTER_POSITION = f"""
    SELECT {_FEED_COLUMNS} FROM feed_positions AS p
    LEFT JOIN LATERAL (SELECT * FROM changes WHERE tx = p.tx AND place = p.place LIMIT 1) AS change ON true
    WHERE position > $1 ORDER BY position LIMIT $2
"""  # noqa: S608
READ_CHANGES = f"""
    WITH {_FEED}, state AS MATERIALIZED (
        SELECT edge.tx AS edge, (SELECT max(tx) FROM changes) AS newest, numbered.position, numbered.tx,
            (SELECT changes.tx {_UNNUMBERED} ORDER BY changes.tx, changes.place LIMIT 1) IS NOT NULL AS has_more,
            current_setting('transaction_read_only')::boolean AS is_read_only
        FROM edge CROSS JOIN numbered
    )
    SELECT state.*, found.* FROM state
    LEFT JOIN LATERAL ({POSTGRES.page(_FEED_COLUMNS, _AFTER_POSITION)}) AS found ON true
    ORDER BY found.position
"""  # noqa: S608
"""Each row: the transaction below which the feed is complete, the newest visible one, the last position and its
transaction, whether changes in the feed have no position yet, whether none can be assigned, then a change (or nulls).
"""

_AFTER_NUMBERED = f"""
    SELECT {CHANGE_COLUMNS} {_UNNUMBERED} AND numbered.position <= $1
    ORDER BY changes.tx, changes.place LIMIT $2 OFFSET greatest($1 - numbered.position, 0)
"""
READ_UNNUMBERED = f"""
    WITH {_FEED}, skipped AS MATERIALIZED (
        SELECT (SELECT count(*) FROM (
            SELECT {_UNNUMBERED} ORDER BY changes.tx, changes.place LIMIT greatest($1 - numbered.position, 0)
        ) AS page) FROM edge CROSS JOIN numbered
    )
    SELECT numbered.position, skipped.*, found.* FROM skipped CROSS JOIN edge CROSS JOIN numbered
    LEFT JOIN LATERAL ({POSTGRES.page(CHANGE_COLUMNS, _AFTER_NUMBERED)}) AS found ON true
"""  # noqa: S608
"""Each row: the last position, the number of changes without one up to the given position, then one after it or nulls:
the same changes as after they got positions. For readers that cannot write; the cost depends on the number.
"""

POSITION_OF_CHANGE = f"""
    WITH {_FEED}
    SELECT changes.tx < edge.tx, coalesce(p.position, CASE
        WHEN current_setting('transaction_read_only')::boolean AND changes.tx < edge.tx THEN numbered.position + (
            SELECT count(*) FROM (
                SELECT FROM changes AS earlier
                WHERE (earlier.tx, earlier.place) > (numbered.tx, numbered.place)
                    AND (earlier.tx, earlier.place) <= (changes.tx, changes.place)
                ORDER BY earlier.tx, earlier.place
            ) AS page
        ) END)
    FROM changes CROSS JOIN edge CROSS JOIN numbered
    LEFT JOIN feed_positions AS p ON p.tx = changes.tx AND p.place = changes.place
    WHERE changes.order_id = $1 AND changes.version = CAST($2 AS bigint)
"""  # noqa: S608
"""Whether the feed is complete up to a change, and its position; if none can be assigned, the one that it will get."""

POSITIONS = """
    SELECT changes.tx, changes.place, position
    FROM changes LEFT JOIN feed_positions AS p ON p.tx = changes.tx AND p.place = changes.place
    WHERE (changes.tx, changes.place) > ($1, $2) ORDER BY changes.tx, changes.place LIMIT 5000
"""
NUMBER_OF_POSITIONS = "SELECT count(*), coalesce(max(position), 0) FROM feed_positions"

_GIVEN = "unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS given (kind, id, version, content)"
_IS_GIVEN = "r.kind = given.kind AND r.id = given.id AND r.version = given.version"
LOCK_RECORDS = f"""
    SELECT FROM (SELECT * FROM {_GIVEN} ORDER BY kind, id) AS given
    CROSS JOIN LATERAL (
        SELECT FROM records AS r WHERE r.kind = given.kind AND r.id = given.id LIMIT 1 FOR UPDATE
    ) AS locked
"""  # noqa: S608
"""In the order of their keys, so that two transactions cannot deadlock. The records are looked up one by one: a plain
join in that order would read all records instead of sorting the given ones.
"""

WRITE_RECORDS = f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM {_GIVEN}
    ), added AS (
        INSERT INTO records (kind, id, version, content)
        SELECT kind, id, 1, content FROM given WHERE version = 0 ORDER BY kind, id
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), replaced AS (
        UPDATE records AS r SET version = r.version + 1, content = given.content
        FROM given WHERE {_IS_GIVEN} AND given.content IS NOT NULL
        RETURNING 1
    ), deleted AS (
        DELETE FROM records AS r USING given WHERE {_IS_GIVEN} AND given.content IS NULL
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM added) + (SELECT count(*) FROM replaced) + (SELECT count(*) FROM deleted)
"""  # noqa: S608
"""Writes the records with a content and deletes those without; returns how many had the given version."""

CHECK_WRITABLE = """
    SELECT current_setting('transaction_read_only')::boolean,
        has_table_privilege('orders', 'INSERT') AND has_table_privilege('changes', 'INSERT')
    FROM (SELECT count(*) FROM (SELECT FROM orders LIMIT 1) AS one_order) AS readable
"""
"""Whether the server is read-only, such as a standby, and whether this user may write."""
BEGINNING_OF_FEED = """
    SELECT beginning_of_feed = 0 OR EXISTS (SELECT FROM changes WHERE tx = beginning_of_feed) FROM feed
"""
"""One row, which is true: the beginning is 0, or the last transaction that a restored dump contained."""


def _parameters(filters: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the parameters of a list: those of the filters, then the start and the end of the range, and the limit."""
    numbered = [f"${number}" for number in range(1, len(filters) + 5)]
    return numbered[:-4], numbered[-4:]


def _range(filters: tuple[str, ...], given: list[str], range_: list[str], id: str) -> str:
    # Filters are part of the range and of the order instead of equations: so only one index gives that order, and no
    # statistics can lead the planner to another one and a filter.
    columns = (*filters, "created_at", id)
    start, end, end_id, limit = range_
    return f"""
        ({", ".join(columns)}) >= ({", ".join((*given, start))}, '')
        AND ({", ".join(columns)}) < ({", ".join((*given, end, end_id))})
        {"AND external_ref IS NOT NULL" if "external_ref" in filters else ""}
        ORDER BY {", ".join(f"{name} DESC" for name in columns)} LIMIT {limit}
    """


_COLUMNS = "schema, {document}"


def _on_orders(*filters: str) -> str:
    return f"SELECT {_COLUMNS} FROM orders WHERE {_range(filters, *_parameters(filters), 'id')}"  # noqa: S608


def _on_statuses(*filters: str) -> str:
    # One range of the index for each status. Of their first keys, a page of each, the newest are looked up one by one.
    given, range_ = _parameters(filters)
    user, first = given[: filters.index("status")], filters.index("status")
    columns = filters[: first + 1]
    ranges = [
        f"(SELECT created_at, id FROM orders WHERE {_range(columns, [*user, status], range_, 'id')})"  # noqa: S608
        for status in given[first:]
    ]
    return f"""
        SELECT o.* FROM (
            SELECT id FROM ({" UNION ALL ".join(ranges)}) AS found ORDER BY created_at DESC, id DESC LIMIT {range_[-1]}
        ) AS page
        CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM orders WHERE id = page.id LIMIT 1) AS o
    """  # noqa: S608


def _on_tags(*filters: str) -> str:
    # The orders are looked up one by one, in the order of their tags; in a plain join the planner might sort instead.
    return f"""
        SELECT o.* FROM (
            SELECT order_id FROM order_tags WHERE {_range(filters, *_parameters(filters), "order_id")}
        ) AS t
        CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM orders WHERE id = t.order_id LIMIT 1) AS o
    """  # noqa: S608


def _list(filters: tuple[str, ...]) -> str:
    if filters.count("status") > 1:
        return POSTGRES.page(_COLUMNS, _on_statuses(*filters))
    return POSTGRES.page(_COLUMNS, (_on_tags if "tag" in filters else _on_orders)(*filters))


LISTS = {
    filters: _list(filters)
    for of_orders in ((), *STATUSES, ("external_ref",), ("tag",))
    for filters in (of_orders, ("user_id", *of_orders))
}
"""The statement of each combination of filters: it reads one index, in its order, from the position on."""


def write_of(commit: Commit, place: int = 0) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that writes the commit, and its parameters; `place` numbers the orders of a save."""
    order, change = commit.order, commit.change
    by = (change.at, change.actor, change.key, change.request_id)
    entry = (order.document.decode(), order.seal, *by, change.events.decode(), change.previous_hash, place)
    both = (
        order.id,
        order.version,
        *entry,
        str(order.status),
        order.schema,
        order.requests.decode(),
        change.fingerprint,
    )
    personal = commit.personal
    row = (personal.salt, personal.record, personal.label) if personal else (None, None, None)
    if commit.expected_version:
        changed = (commit.expected_version, order.external_ref, commit.added, commit.removed)
        if commit.sets_personal:
            return UPDATE_ORDER_AND_PERSONAL_DATA, (*both, *changed, *row)
        if commit.added or commit.removed or commit.sets_ref:
            return UPDATE_ORDER_AND_TAGS, (*both, *changed)
        return UPDATE_ORDER, (*both, commit.expected_version)
    new = (order.user_id, order.created_at, order.external_ref)
    if personal is not None:
        tags = (*order.tags, personal.label) if personal.label else order.tags
        return INSERT_ORDER_AND_PERSONAL_DATA, (*both, *new, tags, *row)
    return INSERT_ORDER, (*both, *new, order.tags)
