"""The SQL of the SQLite store: one covering index for each list, and the statements that write an order."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orderkeep.application.records import Record
from orderkeep.infrastructure.serialization import Commit
from orderkeep.infrastructure.sql_store import CHANGE_COLUMNS, STATUSES, Dialect, Row

APPLICATION_ID = int.from_bytes(b"ordk", "big")
"""Identifies the file as ours in its header (`file orders.db` shows it)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return the instant as stored, exact for any year."""
    return (moment - _EPOCH) // _MICROSECOND


def _instant(stored: int) -> datetime:
    return _EPOCH + stored * _MICROSECOND


SQLITE = Dialect(
    "?",
    "CAST({} AS BLOB)",
    microseconds,
    _instant,
    feed=("position",),
    settled="true",
    texts=json.dumps,
    any_of="IN (SELECT value FROM json_each($1))",
)

INSERT_ORDER = """
    INSERT INTO orders (id, version, user_id, status, created_at, external_ref, schema, document, requests, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING
"""
UPDATE_ORDER = """
    UPDATE orders SET version = ?, status = ?, schema = ?, document = ?, requests = ?, seal = ?
    WHERE id = ? AND version = ?
"""
UPDATE_ORDER_AND_REF = UPDATE_ORDER.replace("SET ", "SET external_ref = ?, ")
INSERT_TAG = "INSERT INTO order_tags (tag, created_at, order_id, user_id) VALUES (?, ?, ?, ?)"
DELETE_TAG = "DELETE FROM order_tags WHERE tag = ? AND created_at = ? AND order_id = ?"
_INSERT_PERSONAL_DATA = "INSERT INTO personal_data (order_id, salt, record, label) VALUES (?, ?, ?, ?)"
_DELETE_PERSONAL_DATA = "DELETE FROM personal_data WHERE order_id = ?"
_DELETE_EMAIL_LABEL = """
    DELETE FROM order_tags
    WHERE tag = (SELECT label FROM personal_data WHERE order_id = ?) AND created_at = ? AND order_id = ?
"""
INSERT_CHANGE = """
    INSERT INTO changes (
        order_id, version, at, actor, key, request_id, events, document, previous_hash, hash, schema, fingerprint
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

INSERT_RECORD = "INSERT INTO records (kind, id, version, content) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
UPDATE_RECORD = "UPDATE records SET version = version + 1, content = ? WHERE kind = ? AND id = ? AND version = ?"
DELETE_RECORD = "DELETE FROM records WHERE kind = ? AND id = ? AND version = ?"

READ_CHANGES = SQLITE.sql(
    f"SELECT {CHANGE_COLUMNS} FROM changes WHERE position > $1 ORDER BY position LIMIT $2"  # noqa: S608
)
POSITION_OF_CHANGE = "SELECT position FROM changes WHERE order_id = ? AND version = ?"
PING = "SELECT 1 FROM orders LIMIT 1"
PROBE = f"PRAGMA application_id = {APPLICATION_ID}"
"""Writes one page and changes nothing."""

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM changes"


def _on_orders(index: str, *filters: str) -> str:
    # The index is named, so that no statistics in the file can lead the planner to another one and a sort. Each status
    # is one range of the index; SQLite merges the ranges and reads no further than the end of the page.
    start, end, end_id, limit = (f"${len(filters) + number}" for number in range(1, 5))
    given = [(name, f"{name} = ${number} AND ") for number, name in enumerate(filters, start=1)]
    shared = "".join(equal for name, equal in given if name != "status")
    ranges = [shared + equal for name, equal in given if name == "status"] or [shared]
    columns = "schema, {document}"
    if len(ranges) > 1:  # a union can be sorted by columns of its result only
        columns += ", created_at, id"
    selects = [
        f"""
        SELECT {columns} FROM orders INDEXED BY {index}
        WHERE {equal}created_at >= {start} AND (created_at, id) < ({end}, {end_id})
        """  # noqa: S608  # nothing in it comes from outside
        for equal in ranges
    ]
    return SQLITE.sql(f"{' UNION ALL '.join(selects)} ORDER BY created_at DESC, id DESC LIMIT {limit}")


def _on_tags(index: str, *filters: str) -> str:
    equal = "".join(f"t.{name} = ? AND " for name in filters)
    return SQLITE.sql(f"""
        SELECT schema, {{document}} FROM order_tags AS t INDEXED BY {index}
        CROSS JOIN orders AS o INDEXED BY sqlite_autoindex_orders_1 ON o.id = t.order_id
        WHERE {equal}t.created_at >= ? AND (t.created_at, t.order_id) < (?, ?)
        ORDER BY t.created_at DESC, t.order_id DESC LIMIT ?
    """)  # noqa: S608


LISTS: dict[tuple[str, ...], str] = {
    (): _on_orders("orders_by_time"),
    ("user_id",): _on_orders("orders_by_user", "user_id"),
    **{statuses: _on_orders("orders_by_status", *statuses) for statuses in STATUSES},
    **{("user_id", *statuses): _on_orders("orders_by_user_status", "user_id", *statuses) for statuses in STATUSES},
    ("external_ref",): _on_orders("orders_by_ref", "external_ref"),
    ("user_id", "external_ref"): _on_orders("orders_by_user_ref", "user_id", "external_ref"),
    ("tag",): _on_tags("sqlite_autoindex_order_tags_1", "tag"),
    ("user_id", "tag"): _on_tags("order_tags_by_user", "user_id", "tag"),
}
"""The statement of each combination of filters: it reads one index, in its order, from the position on."""


@dataclass(slots=True)
class Write:
    """What the writer thread runs for one order: a statement that must change one row, then the change, the tags and
    labels, and what replaces personal data. An API key or a record has none of these.
    """

    order_id: str
    statement: str
    parameters: Row
    change: Row = ()
    tags: tuple[Row, ...] = ()
    removed_tags: tuple[Row, ...] = ()
    personal: tuple[tuple[str, Row], ...] = ()


def write_of(commit: Commit) -> Write:
    """Return what writes the commit."""
    order, change = commit.order, commit.change
    document, requests = order.document.decode(), order.requests.decode()
    status = str(order.status)  # sqlite3 binds plain text faster than an enum's
    moment, events = microseconds(change.at), change.events.decode()
    by = (change.actor, change.key, change.request_id)
    proof = (change.previous_hash, change.hash, change.schema, change.fingerprint)
    change_row = (change.order_id, change.version, moment, *by, events, document, *proof)
    state = (order.schema, document, requests, order.seal)
    if commit.expected_version:
        update = (order.version, status, *state, order.id, commit.expected_version)
        write = Write(order.id, UPDATE_ORDER, update, change_row)
        if commit.sets_ref:
            write.statement, write.parameters = UPDATE_ORDER_AND_REF, (order.external_ref, *update)
    else:
        created_at = microseconds(order.created_at)
        row = (order.id, order.version, order.user_id, status, created_at, order.external_ref, *state)
        write = Write(order.id, INSERT_ORDER, row, change_row)
    if commit.added or commit.removed:
        created_at = microseconds(order.created_at)
        write.tags = tuple([(tag, created_at, order.id, order.user_id) for tag in commit.added])
        write.removed_tags = tuple([(tag, created_at, order.id) for tag in commit.removed])
    if commit.sets_personal:
        write.personal = tuple(_personal_writes(commit))
    return write


def write_of_record(record: Record) -> Write:
    """Return what writes the record."""
    if record.version:
        return Write(record.id, UPDATE_RECORD, (record.content, record.kind, record.id, record.version))
    return Write(record.id, INSERT_RECORD, (record.kind, record.id, record.content))


def deletion_of(record: Record) -> Write:
    """Return what deletes the record."""
    return Write(record.id, DELETE_RECORD, (record.kind, record.id, record.version))


def _personal_writes(commit: Commit) -> Iterator[tuple[str, Row]]:
    order, personal = commit.order, commit.personal
    created_at = microseconds(order.created_at)
    if commit.expected_version:
        yield _DELETE_EMAIL_LABEL, (order.id, created_at, order.id)
        yield _DELETE_PERSONAL_DATA, (order.id,)
    if personal is not None:
        yield _INSERT_PERSONAL_DATA, (order.id, personal.salt, personal.record, personal.label)
        if personal.label is not None:
            yield INSERT_TAG, (personal.label, created_at, order.id, order.user_id)
