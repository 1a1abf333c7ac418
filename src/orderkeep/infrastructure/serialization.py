"""The one mapping between orders and what stores keep: plain values and JSON text, the same for every store.

An order's document is the JSON of its `OrderDTO`, so that a read can answer the stored bytes as they are.
"""

import hashlib
import zlib
from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from orderkeep.application.dtos import CancellationDTO, ChangeDTO, EventDTO, LineDTO, OrderDTO
from orderkeep.application.ports import OrderSnapshot
from orderkeep.domain.entities import Order
from orderkeep.domain.events import RememberedKey
from orderkeep.domain.value_objects import Document

SCHEMA = zlib.crc32(
    repr([[f.name for f in fields(dto)] for dto in (OrderDTO, LineDTO, CancellationDTO, Document)]).encode()
)
"""The number of the document's shape: kept with each document, so that one written before a field was added is told
apart and answered in today's shape.
"""

_encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(OrderDTO).decode
_decode_events = msgspec.json.Decoder(tuple[EventDTO, ...]).decode
_decode_requests = msgspec.json.Decoder(dict[str, RememberedKey]).decode


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as a store keeps it: what is searched for, beside the document.

    `requests` is JSON as well; `seal` is the hash of the order's last change.
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
    """A change as a store keeps it. `events` and `document`, the order as it became, are JSON."""

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


@dataclass(frozen=True, slots=True)
class Commit:
    """What `save` writes for one order: both or neither, and only where the stored version is `expected_version`."""

    expected_version: int
    order: OrderRecord
    change: ChangeRecord


def commit_of(order: Order) -> Commit:
    """Return what is to be written to save the order. The order is not changed."""
    version = order.version + 1
    dto = OrderDTO.of(order, version)
    document = _encode(dto)
    asked = order.attribution
    change = ChangeRecord(
        order_id=order.id,
        version=version,
        at=order.updated_at,
        actor=asked.actor,
        key=asked.key,
        request_id=asked.request_id,
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


def order_of(document: bytes, requests: bytes, seal: str) -> Order:
    """Return the order that was kept."""
    order = _decode_order(document).to_order()
    order.idempotency_keys = _decode_requests(requests)
    order.last_hash = seal
    return order


def snapshot_of(
    id: str, user_id: str, created_at: datetime, version: int, schema: int, document: bytes
) -> OrderSnapshot:
    """Return the order for reading: the document as it is, or in today's shape where it was written in another."""
    json = document if schema == SCHEMA else _encode(_decode_order(document))
    return OrderSnapshot(id, user_id, created_at, version, json)


def change_of(record: ChangeRecord) -> ChangeDTO:
    """Return the change that was kept, and whether it still fits its hash."""
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
    """Return the SHA-256 (FIPS 180-4), in hexadecimal, of the JSON array of all that the change says, its
    predecessor's hash first.
    """
    said = [
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
    return hashlib.sha256(_encode(said)).hexdigest()
