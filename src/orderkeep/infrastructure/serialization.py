"""The mapping between orders and what stores write: plain values and JSON text, the same for every store.

An order's document is the JSON of its `OrderDTO`, so that responses send the stored bytes as they are.
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from orderkeep.application.dtos import ChangeDTO, EventDTO, LineDTO, OrderDTO
from orderkeep.application.ports import SEPARATOR, ListPosition, SnapshotPage
from orderkeep.domain.entities import Order, RememberedKey
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.domain.value_objects import Cancellation, Document

SCHEMA = zlib.crc32(
    repr([[f.name for f in fields(dto)] for dto in (OrderDTO, LineDTO, Cancellation, Document)]).encode()
)
"""Identifies the document's shape. It is stored with each document, so that one written before a field was added is
detected and returned in today's shape.
"""

_encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(OrderDTO).decode
_decode_events = msgspec.json.Decoder(tuple[EventDTO, ...]).decode
_decode_requests = msgspec.json.Decoder(dict[str, RememberedKey]).decode


@dataclass(slots=True)
class OrderRecord:
    """An order as stored: the document, and the values that are searched.

    `requests` is the JSON of the idempotency keys; `seal` is the hash of the order's last change.
    """

    id: str
    version: int
    user_id: str
    status: str
    created_at: datetime
    external_ref: str | None
    tags: tuple[str, ...]
    schema: int
    document: bytes
    requests: bytes
    seal: str


@dataclass(slots=True)
class ChangeRecord:
    """A change as stored. `events` and `document`, the resulting order, are JSON."""

    order_id: str
    version: int
    at: datetime
    actor: str
    key: str | None
    request_id: str | None
    events: bytes
    document: bytes
    previous_hash: str
    hash: str


@dataclass(slots=True)
class Commit:
    """What `save` writes for one order: both records or none, and only if the stored version is `expected_version`."""

    expected_version: int
    order: OrderRecord
    change: ChangeRecord


def commit_of(order: Order) -> Commit:
    """Return what a save of the order writes. The order is not changed."""
    version = order.version + 1
    dto = OrderDTO.of(order, version)
    document = _encode(dto)
    attribution = order.attribution
    change = ChangeRecord(
        order_id=order.id,
        version=version,
        at=order.updated_at,
        actor=attribution.actor,
        key=attribution.key,
        request_id=attribution.request_id,
        events=_encode([EventDTO.of(event) for event in order.events]),
        document=document,
        previous_hash=order.last_hash,
        hash="",
    )
    change.hash = hash_of(change)
    record = OrderRecord(
        id=order.id,
        version=version,
        user_id=order.user_id,
        status=dto.status,
        created_at=order.created_at,
        external_ref=order.external_ref,
        tags=order.tags,
        schema=SCHEMA,
        document=document,
        requests=_encode(order.idempotency_keys),
        seal=change.hash,
    )
    return Commit(order.version, record, change)


def mark_saved(orders: Iterable[Order], commits: Iterable[Commit]) -> tuple[OrderSnapshot, ...]:
    """Advance the orders to the versions just committed, and return their snapshots, as `save` must."""
    saved = []
    for order, commit in zip(orders, commits, strict=True):
        record = commit.order
        order.mark_saved(record.seal)
        saved.append(OrderSnapshot(record.id, record.user_id, record.created_at, record.version, record.document))
    return tuple(saved)


def order_of(document: bytes, requests: bytes, seal: str) -> Order:
    """Return the stored order."""
    order = _decode_order(document).to_order()
    order.idempotency_keys = _decode_requests(requests)
    order.last_hash = seal
    return order


def snapshot_of(
    id: str, user_id: str, created_at: datetime, version: int, schema: int, document: bytes
) -> OrderSnapshot:
    """Return the order for display."""
    return OrderSnapshot(id, user_id, created_at, version, document_of(schema, document))


def document_of(schema: int, document: bytes) -> bytes:
    """Return the document as stored, or in today's shape if it was written in an older one."""
    return document if schema == SCHEMA else _encode(_decode_order(document))


def page_of(found: Sequence[OrderSnapshot], limit: int) -> SnapshotPage:
    """Return the page of the first `limit` snapshots; one more shows that there is a next page."""
    page = found[:limit]
    position = ListPosition(page[-1].created_at, page[-1].id) if len(found) > limit else None
    return SnapshotPage(SEPARATOR.join([snapshot.json for snapshot in page]), position)


def change_of(record: ChangeRecord) -> ChangeDTO:
    """Return the stored change, and whether it matches its hash."""
    return ChangeDTO(
        order_id=record.order_id,
        version=record.version,
        at=record.at,
        actor=record.actor,
        key=record.key,
        request_id=record.request_id,
        events=_decode_events(record.events),
        order=_decode_order(record.document),
        previous_hash=record.previous_hash,
        hash=record.hash,
        intact=hash_of(record) == record.hash,
    )


def hash_of(change: ChangeRecord) -> str:
    """Return the SHA-256 (FIPS 180-4), in hexadecimal, of the JSON array of the change's values. The hash of the
    previous change comes first: a hash chain.
    """
    values = [
        change.previous_hash,
        change.order_id,
        change.version,
        change.at,
        change.actor,
        change.key,
        change.request_id,
        change.events.decode(),
        change.document.decode(),
    ]
    return hashlib.sha256(_encode(values)).hexdigest()
