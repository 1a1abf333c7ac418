"""Changes that are copied from one store to another, the same for every store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from orderkeep.application.ports import OrderStore
from orderkeep.application.store_copy import CopiedChange
from orderkeep.domain.attribution import RememberedKey, remember
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.infrastructure.personal_rows import personal_row_of
from orderkeep.infrastructure.serialization import ChangeRecord, Commit, built, order_dto_of, order_record_of

READS_AT_ONCE = 8
"""How many orders are read at the same time: fewer than the connections of a store."""

UNKNOWN_SCHEMA = 0
"""The document schema of changes by versions of orderkeep that did not store it: no checksum of fields is 0."""


class _Content(msgspec.Struct):
    """What is copied of a change. `fingerprint` is that of its key, which earlier versions stored with the order."""

    change: ChangeRecord
    fingerprint: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Content).decode


async def copies_of(store: OrderStore, records: Sequence[ChangeRecord]) -> list[CopiedChange]:
    """Return the changes to copy, with what the store stores beside them."""
    orders = built(lambda record: order_dto_of(record.schema, record.document), records)
    wanted = {order.id for order in orders if order.personal_data}
    personal = await store.get_personal_data(sorted(wanted)) if wanted else {}
    copies = []
    for record, order in zip(records, orders, strict=True):
        content = _encode(_Content(record, await _fingerprint(store, record)))
        documents = tuple([each for each in order.documents if each.since_version == record.version])
        found = personal.get(record.order_id)
        is_current = found is not None and found.commitment == order.personal_data
        copies.append(
            CopiedChange(order.id, record.version, record.hash, content, documents, found if is_current else None)
        )
    return copies


async def _fingerprint(store: OrderStore, record: ChangeRecord) -> str:
    if record.key is None or record.fingerprint is not None:
        return record.fingerprint or ""
    order = await store.get_by_id(record.order_id)
    remembered = order.idempotency_keys.get(record.key) if order else None
    return remembered.fingerprint if remembered else ""


@dataclass(slots=True)
class _Head:
    """An order as it is stored before a change."""

    version: int = 0
    hash: str = ""
    keys: dict[str, RememberedKey] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    external_ref: str | None = None
    commitment: str | None = None


async def commits_of(store: OrderStore, changes: Sequence[CopiedChange]) -> list[Commit]:
    """Return what writes the changes, in their order. Raises `ConcurrentUpdate` if an order is not as it was before."""
    heads = {change.order_id: _Head() for change in changes}
    placed = {change.order_id for change in changes if change.version == 1}  # if it exists, to write it is a conflict
    earlier = sorted(heads.keys() - placed)
    for first in range(0, len(earlier), READS_AT_ONCE):
        for order in await asyncio.gather(*map(store.get_by_id, earlier[first : first + READS_AT_ONCE])):
            if order is not None:
                heads[order.id] = _Head(
                    order.version,
                    order.last_hash,
                    order.idempotency_keys,
                    order.saved_tags,
                    order.saved_ref,
                    order.saved_personal_data,
                )
    commits = []
    for change in changes:
        [content] = built(_decode, [change.content])
        commits.append(_commit_of(content, heads[change.order_id], change.personal))
    return commits


def _commit_of(content: _Content, head: _Head, personal: PersonalRecord | None) -> Commit:
    """Return what writes the change after the head, which becomes that of the change."""
    change, before = content.change, replace(head)
    if (before.version, before.hash) != (change.version - 1, change.previous_hash):
        raise ConcurrentUpdate(change.order_id)
    if change.key is not None:
        remember(head.keys, change.key, change.version, content.fingerprint)
    dto = order_dto_of(change.schema, change.document)
    order = order_record_of(dto, change, UNKNOWN_SCHEMA if change.schema is None else change.schema, head.keys)
    head.version, head.hash, head.tags = change.version, change.hash, order.tags
    head.external_ref, head.commitment = dto.external_ref, dto.personal_data
    return Commit(
        before.version,
        order,
        change,
        added=tuple([tag for tag in head.tags if tag not in before.tags]),
        removed=tuple([tag for tag in before.tags if tag not in head.tags]),
        sets_ref=head.external_ref != before.external_ref,
        sets_personal=head.commitment != before.commitment,
        personal=None if personal is None or head.commitment is None else personal_row_of(change.order_id, personal),
    )
