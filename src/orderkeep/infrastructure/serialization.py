"""The mapping of orders and API keys to what stores write: plain values and JSON text, the same for every store.

An order's document is the JSON of its `OrderDTO`, so that responses send the stored bytes as they are.
"""

import hashlib
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from orderkeep.application.access.actor import ActorKind, Scope
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.application.dtos import LABEL, ChangeDTO, EventDTO, LineDTO, OrderDTO, labels_of
from orderkeep.application.ports import PAGE_BYTES, SEPARATOR, FeedEntry, ListPosition, SnapshotPage, StoredChange
from orderkeep.domain.attribution import RememberedKey, remember
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.lifecycle import PersonalDataErased
from orderkeep.domain.payments import Payment, Refund
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.domain.returns import Return
from orderkeep.domain.shipments import Shipment
from orderkeep.domain.value_objects import Cancellation, Document, Hold, Note
from orderkeep.infrastructure.personal_rows import PersonalRow, is_email_label, personal_row_of

_SHAPES: tuple[Any, ...] = (OrderDTO, LineDTO, Cancellation, Document, Hold, Shipment, Payment, Refund, Return, Note)

SCHEMA = zlib.crc32(repr([[f.name for f in fields(dto)] for dto in _SHAPES]).encode())
"""The document schema: identifies the fields of a stored document. It is stored with each document, so that one written
before a field was added is detected and returned with the current fields.
"""

UNREADABLE = "a stored order cannot be read: the stored data was altered; restore a backup"

_Stored = TypeVar("_Stored")
_Built = TypeVar("_Built")

_MALFORMED = (LookupError, ValueError, TypeError, AttributeError, OverflowError)
API_KEY_COLUMNS = tuple(field.name for field in fields(ApiKey))
UNREADABLE_KEY = "a stored API key cannot be read: it was altered; restore a backup, or create new keys"

_ERASED = PersonalDataErased()
_TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")
_KNOWN_SCOPES = frozenset(Scope)


class _Tracked(msgspec.Struct):
    """What a document contains of a shipment's labels."""

    tracking_number: str | None


class _Tagged(msgspec.Struct):
    """What a document contains of the tags and labels."""

    tags: tuple[str, ...]
    payment_status: str
    return_status: str
    on_hold: bool
    refund_due: int
    void_due: int
    shipments: tuple[_Tracked, ...]


_encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(OrderDTO).decode
_decode_tags = msgspec.json.Decoder(_Tagged).decode
_decode_events = msgspec.json.Decoder(tuple[EventDTO, ...]).decode
_decode_requests = msgspec.json.Decoder(dict[str, RememberedKey]).decode


@dataclass(slots=True)
class OrderRecord:
    """An order as stored: the document, and the values that are searched.

    `tags` are the tags and labels. `requests` is the JSON of the idempotency keys; `seal` is the hash of the order's
    last change.
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
    """A change as stored. `events` and `document`, the resulting order, are JSON. `schema` identifies the fields of the
    document. `fingerprint` identifies the values of the request that had the key; it is "" without a key, and None in
    changes of versions of orderkeep that did not store it.
    """

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
    schema: int | None = None
    fingerprint: str | None = None


@dataclass(slots=True)
class Commit:
    """What `save` writes for one order: all of it or nothing, and only if the stored version is `expected_version`.

    `added` and `removed` are the tags and labels that change; `sets_ref`: the `external_ref` does. The user and the
    creation time of an order never change. `sets_personal`: the `personal` data replaces what is stored, with its
    label, or what is stored is removed.
    """

    expected_version: int
    order: OrderRecord
    change: ChangeRecord
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sets_ref: bool = False
    sets_personal: bool = False
    personal: PersonalRow | None = field(default=None, repr=False)


def commit_of(order: Order) -> Commit:
    """Return what a save of the order writes. The order is not changed."""
    version, by = order.version + 1, order.attribution
    dto = OrderDTO.of(order, version)
    document, events = _encode(dto), _encode([EventDTO.of(event) for event in order.events])
    at = order.recorded_at or order.updated_at
    change = ChangeRecord(
        order_id=order.id,
        version=version,
        at=at,
        actor=by.actor,
        key=by.key,
        request_id=by.request_id,
        events=events,
        document=document,
        previous_hash=order.last_hash,
        hash="",
        schema=SCHEMA,
        fingerprint=by.fingerprint or "",
    )
    change.hash = hash_of(change)
    head = order_record_of(dto, change, SCHEMA, order.idempotency_keys)
    commit = Commit(order.version, head, change, sets_ref=order.external_ref != order.saved_ref)
    tags, saved = head.tags, order.saved_tags
    if tags != saved:
        commit.added = tuple([tag for tag in tags if tag not in saved])
        commit.removed = tuple([tag for tag in saved if tag not in tags])
    if order.personal_data != order.saved_personal_data or _ERASED in order.events:
        commit.sets_personal = True
        record = order.personal_record
        commit.personal = None if record is None else personal_row_of(order.id, record)
    return commit


def order_record_of(
    dto: OrderDTO, change: ChangeRecord, schema: int, idempotency_keys: dict[str, RememberedKey]
) -> OrderRecord:
    """Return the order as it is stored after its last change."""
    labels = labels_of(dto)
    return OrderRecord(
        id=dto.id,
        version=change.version,
        user_id=dto.user_id,
        status=dto.status,
        created_at=dto.created_at,
        external_ref=dto.external_ref,
        tags=(*dto.tags, *labels) if labels else dto.tags,
        schema=schema,
        document=change.document,
        requests=_encode(idempotency_keys),
        seal=change.hash,
    )


def mark_saved(orders: Iterable[Order], commits: Iterable[Commit]) -> tuple[OrderSnapshot, ...]:
    """Advance the orders to the versions just committed, and return their snapshots, as `save` must."""
    saved = []
    for order, commit in zip(orders, commits, strict=True):
        record = commit.order
        order.mark_saved(record.seal, record.tags)
        saved.append(OrderSnapshot(record.id, record.user_id, record.created_at, record.version, record.document))
    return tuple(saved)


def order_of(document: bytes, requests: bytes, seal: str) -> Order:
    """Return the stored order."""
    dto = _decode_order(document)
    order = dto.to_order()
    order.idempotency_keys = _decode_requests(requests)
    order.last_hash = seal
    labels = labels_of(dto)
    order.saved_tags = (*dto.tags, *labels) if labels else dto.tags
    order.saved_ref = dto.external_ref
    order.saved_personal_data = dto.personal_data
    return order


def tags_in(document: bytes) -> tuple[str, ...]:
    """Return the tags and labels of an order, from its document in the current schema."""
    tagged = _decode_tags(document)
    return (*tagged.tags, *labels_of(tagged))


def row_name(tag: str) -> str:
    """Return the name of the row or item of a tag or label, for `StoredOrder`."""
    if is_email_label(tag):
        return "label email"  # without the address: it is shown, and may be logged
    return f"label {tag[len(LABEL) :]}" if tag.startswith(LABEL) else f"tag {tag}"


def snapshot_of(
    id: str, user_id: str, created_at: datetime, version: int, schema: int, document: bytes
) -> OrderSnapshot:
    """Return the order for display."""
    return OrderSnapshot(id, user_id, created_at, version, document_of(schema, document))


def document_of(schema: int, document: bytes) -> bytes:
    """Return the document as stored, or in the current schema if it was written in an older one."""
    return document if schema == SCHEMA else _encode(order_dto_of(schema, document))


def order_dto_of(schema: int | None, document: bytes) -> OrderDTO:
    """Return the stored order. What an older schema did not contain is computed from the rest."""
    dto = _decode_order(document)
    return dto if schema == SCHEMA else OrderDTO.of(dto.to_order(), dto.version)


def documents_of(rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """Return the documents of rows that begin with the schema and the document. Raises `StoreUnusable`."""
    if {row[0] for row in rows} <= {SCHEMA}:
        return [row[1] for row in rows]
    return built(lambda row: document_of(row[0], row[1]), rows)


def page_length(sizes: Sequence[int], limit: int) -> int:
    """Return how many documents of these sizes make a page: up to `limit`, and within `PAGE_BYTES` but at least one."""
    sizes = sizes[:limit]
    if sum(sizes) <= PAGE_BYTES:
        return len(sizes)
    return max(bisect_right(list(accumulate(sizes)), PAGE_BYTES), 1)


def page_of(found: Sequence[OrderSnapshot], limit: int) -> SnapshotPage:
    """Return the page of the first snapshots, up to `limit`; one more shows that there is a next page."""
    page = found[: page_length([len(snapshot.json) for snapshot in found], limit)]
    position = ListPosition(page[-1].created_at, page[-1].id) if len(found) > len(page) else None
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
        order=order_dto_of(record.schema, record.document),
        previous_hash=record.previous_hash,
        hash=record.hash,
        intact=hash_of(record) == record.hash,
        order_bytes=len(record.document),
    )


def hash_of(change: ChangeRecord) -> str:
    """Return the SHA-256 (FIPS 180-4), in hexadecimal, of the JSON array of the change's values. The hash of the
    previous change comes first: a hash chain.
    """
    event = (change.order_id, change.version, change.at, change.actor, change.key, change.request_id)
    values: tuple[object, ...] = (change.previous_hash, *event, change.events.decode(), change.document.decode())
    if change.fingerprint is not None:
        values += (change.schema, change.fingerprint)
    return hashlib.sha256(_encode(values)).hexdigest()


class Recomputed:
    """What `save` wrote beside the changes of an order, recomputed from the changes, which are added oldest first."""

    def __init__(self) -> None:
        self.changes: list[StoredChange] = []
        self._keys: dict[str, RememberedKey] = {}
        self._without_fingerprint: set[str] = set()
        self._last: ChangeRecord | None = None

    def add(self, change: ChangeRecord, entry: FeedEntry, *, as_written: bool = True, in_feed: bool = True) -> None:
        """Add the next change. `as_written`: its row or item is exactly what a save of it writes."""
        intact = as_written and hash_of(change) == change.hash
        self.changes.append(StoredChange(entry, change.previous_hash, intact, in_feed))
        if change.key is not None:
            remember(self._keys, change.key, change.version, change.fingerprint or "")
            if change.fingerprint is None:
                self._without_fingerprint.add(change.key)
        self._last = change

    def order(self) -> OrderDTO | None:
        """Return the order of the last change, or None without a change."""
        return None if self._last is None else order_dto_of(self._last.schema, self._last.document)

    def record(self, schema: int | None, requests: bytes | None) -> OrderRecord | None:
        """Return the order as stored, or None without a change. The stored `schema` and `requests` are the source of
        what a change of an older version does not contain.
        """
        last, dto = self._last, self.order()
        if last is None or dto is None:
            return None
        keys = dict(self._keys)
        stored = _fingerprints_in(requests)
        for key in self._without_fingerprint & keys.keys() & stored.keys():
            keys[key] = RememberedKey(keys[key].version, stored[key])
        recorded = schema if last.schema is None else last.schema
        return order_record_of(dto, last, SCHEMA if recorded is None else recorded, keys)


def _fingerprints_in(requests: bytes | None) -> dict[str, str]:
    try:
        return {key: remembered.fingerprint for key, remembered in _decode_requests(requests or b"{}").items()}
    except msgspec.MsgspecError:
        return {}


def built(build: Callable[[_Stored], _Built], stored: Iterable[_Stored]) -> list[_Built]:
    """Return what was stored as rows or items. Raises `StoreUnusable` if it cannot be read."""
    try:
        return [build(each) for each in stored]
    except (msgspec.MsgspecError, zlib.error, *_MALFORMED) as error:
        raise StoreUnusable(UNREADABLE) from error


def record_of(key: ApiKey, kept: Callable[[datetime], Any]) -> dict[str, Any]:
    """Return the key's fields as plain values; `kept` converts an instant to what the store keeps."""
    record = {name: getattr(key, name) for name in API_KEY_COLUMNS}
    record["kind"] = key.kind.value
    record["scopes"] = " ".join(sorted(key.scopes))
    return record | {name: kept(record[name]) for name in _TIMES if record[name] is not None}


def api_key_of(record: Mapping[str, Any], instant: Callable[[Any], datetime]) -> ApiKey:
    """Return the stored key; `instant` is the inverse of `kept`. Unknown scopes grant nothing.

    Raises `StoreUnusable` if the record is not of a key.
    """
    try:
        values: dict[str, Any] = {name: record.get(name) for name in API_KEY_COLUMNS}
        values["kind"] = ActorKind(record["kind"])
        values["scopes"] = _KNOWN_SCOPES.intersection(record["scopes"].split())
        values |= {name: instant(values[name]) for name in _TIMES if values[name] is not None}
        holder = ActorKind.STAFF if values["user_id"] is None else ActorKind.CUSTOMER
        if values["kind"] is not holder or not isinstance(values["digest"], str):
            raise ValueError(holder)
        return ApiKey(**values)
    except _MALFORMED as error:
        raise StoreUnusable(UNREADABLE_KEY) from error
