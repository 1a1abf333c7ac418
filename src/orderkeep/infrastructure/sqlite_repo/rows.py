"""How an order and its change lie in the tables' rows, and the SQL that writes them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.serialization import ChangeRecord, Commit, change_of, order_of, snapshot_of

Row = tuple[Any, ...]

INSERT_ORDER = """
    INSERT INTO orders (id, version, user_id, status, created_at, external_ref, schema, document, requests, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING
"""
# What an order was placed with never changes: user, time of creation, external_ref and tags.
UPDATE_ORDER = """
    UPDATE orders SET version = ?, status = ?, schema = ?, document = ?, requests = ?, seal = ?
    WHERE id = ? AND version = ?
"""
INSERT_TAG = "INSERT INTO order_tags (tag, created_at, order_id, user_id) VALUES (?, ?, ?, ?)"
INSERT_CHANGE = """
    INSERT INTO changes (order_id, version, at, actor, key, request_id, events, document, previous_hash, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ORDER_COLUMNS = "CAST(document AS BLOB), CAST(requests AS BLOB), seal"
SNAPSHOT_COLUMNS = "o.id, o.user_id, o.created_at, o.version, o.schema, CAST(o.document AS BLOB)"
CHANGE_COLUMNS = """
    order_id, version, at, actor, key, request_id, CAST(events AS BLOB), CAST(document AS BLOB), previous_hash, hash
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Write:
    """The statements of one order's commit, ready for the writer thread, which does nothing but run them. Where there
    is no change, the first statement is all: an API key's.
    """

    order_id: str
    order_sql: str
    order_row: Row
    change_row: Row = ()
    tag_rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, commit: Commit) -> "Write":
        """Return what writes the commit."""
        order, change = commit.order, commit.change
        document, requests = order.document.decode(), order.requests.decode()
        status = str(order.status)  # sqlite3 binds plain text faster than an enum's
        change_row = (
            change.order_id,
            change.version,
            microseconds(change.at),
            change.actor,
            change.key,
            change.request_id,
            change.events.decode(),
            document,
            change.previous_hash,
            change.hash,
        )
        if commit.expected_version:
            state = (order.version, status, order.schema, document, requests, order.seal)
            return cls(order.id, UPDATE_ORDER, (*state, order.id, commit.expected_version), change_row)
        created_at = microseconds(order.created_at)
        order_row = (
            order.id,
            order.version,
            order.user_id,
            status,
            created_at,
            order.external_ref,
            order.schema,
            document,
            requests,
            order.seal,
        )
        tag_rows = tuple((tag, created_at, order.id, order.user_id) for tag in order.tags)
        return cls(order.id, INSERT_ORDER, order_row, change_row, tag_rows)


def order_of_row(row: Row) -> Order:
    """Return what `ORDER_COLUMNS` hold."""
    return order_of(*row)


def snapshot_of_row(row: Row) -> OrderSnapshot:
    """Return what `SNAPSHOT_COLUMNS` hold."""
    id, user_id, created_at, version, schema, document = row
    return snapshot_of(id, user_id, instant(created_at), version, schema, document)


def change_of_row(row: Row) -> ChangeDTO:
    """Return what `CHANGE_COLUMNS` hold."""
    order_id, version, at, *rest = row
    return change_of(ChangeRecord(order_id, version, instant(at), *rest))


def feed_change_of_row(row: Row) -> tuple[int, ChangeDTO]:
    """Return a position, and what `CHANGE_COLUMNS` hold behind it."""
    return row[0], change_of_row(row[1:])


def microseconds(moment: datetime) -> int:
    """Return the instant as it is kept, exact for any year."""
    return (moment - _EPOCH) // _MICROSECOND


def instant(kept: int) -> datetime:
    """Return the instant that was kept."""
    return _EPOCH + timedelta(microseconds=kept)
