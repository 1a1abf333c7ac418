"""How an order and its change lie in the tables' rows, and the SQL that writes them: one statement an order."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.serialization import ChangeRecord, Commit, change_of, order_of, snapshot_of

Row = Sequence[Any]

_CHANGE = """
    INSERT INTO changes
        (order_id, version, document, hash, at, actor, key, request_id, events, previous_hash, place, tx)
    SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (
        SELECT beginning_of_feed + pg_current_xact_id()::text::bigint FROM feed
    )
"""
# $1 to $14 are the same in both. Nothing comes back where nothing was written.
INSERT_ORDER = f"""
    WITH placed AS (
        INSERT INTO orders (id, version, document, seal, status, schema, requests, user_id, created_at, external_ref)
        VALUES ($1, $2, $3, $4, $12, $13, $14, $15, $16, $17)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), tagged AS (
        INSERT INTO order_tags (tag, created_at, order_id, user_id)
        SELECT tag, $16, id, $15 FROM placed, unnest($18::text[]) AS tag
    )
    {_CHANGE} FROM placed RETURNING 1
"""  # noqa: S608  # nothing in these comes from outside
# What an order was placed with never changes: user, time of creation, external_ref and tags.
UPDATE_ORDER = f"""
    WITH moved AS (
        UPDATE orders SET version = $2, document = $3, seal = $4, status = $12, schema = $13, requests = $14
        WHERE id = $1 AND version = $15
        RETURNING id
    )
    {_CHANGE} FROM moved RETURNING 1
"""  # noqa: S608

ORDER_COLUMNS = "document, requests, seal"
SNAPSHOT_COLUMNS = "id, user_id, created_at, version, schema, document"
CHANGE_COLUMNS = "order_id, version, at, actor, key, request_id, events, document, previous_hash, hash"


def write_of(commit: Commit, place: int = 0) -> tuple[str, Row]:
    """Return the statement that writes the commit, and its parameters; `place` tells the orders of a save apart."""
    order, change = commit.order, commit.change
    both = (
        order.id,
        order.version,
        order.document.decode(),
        order.seal,
        change.at,
        change.actor,
        change.key,
        change.request_id,
        change.events.decode(),
        change.previous_hash,
        place,
        str(order.status),
        order.schema,
        order.requests.decode(),
    )
    if commit.expected_version:
        return UPDATE_ORDER, (*both, commit.expected_version)
    return INSERT_ORDER, (*both, order.user_id, order.created_at, order.external_ref, order.tags)


def order_of_row(row: Row) -> Order:
    """Return what `ORDER_COLUMNS` hold."""
    document, requests, seal = row
    return order_of(document.encode(), requests.encode(), seal)


def snapshot_of_row(row: Row) -> OrderSnapshot:
    """Return what `SNAPSHOT_COLUMNS` hold."""
    id, user_id, created_at, version, schema, document = row
    return snapshot_of(id, user_id, instant(created_at), version, schema, document.encode())


def change_of_row(row: Row) -> ChangeDTO:
    """Return what `CHANGE_COLUMNS` hold."""
    order_id, version, at, actor, key, request_id, events, document, *hashes = row
    said = (actor, key, request_id, events.encode(), document.encode())
    return change_of(ChangeRecord(order_id, version, instant(at), *said, *hashes))


def instant(kept: datetime) -> datetime:
    """Return the instant that was kept."""
    return kept if kept.tzinfo else kept.replace(tzinfo=UTC)  # asyncpg gives the first and the last there is without
