"""Export orders to the document store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from orderkeep.application import documents
from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.ports import DocumentStore, OrderFilter, OrderQueries, Progress, ignore_progress
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.application.use_cases.list_orders import EVERYTHING

IN_MEMORY = 1 << 20
"""Larger files are buffered on disk; in bytes."""


@dataclass(frozen=True, slots=True)
class OrderFormat:
    """A file format: `beginning` is written once, `order` converts the JSON of an order to the bytes to write."""

    media_type: str
    beginning: bytes
    order: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """An export in the document store. `id` is the SHA-256 of its content; `link` is None if the store has no links."""

    id: str
    key: str
    media_type: str
    size: int
    orders: int
    link: str | None


class ExportToDocumentUseCase:
    """Export all matching orders to a file in the document store, without personal data: files with it would have to
    be found and rewritten at an erasure.
    """

    def __init__(self, queries: OrderQueries, store: DocumentStore) -> None:
        self.export_orders, self.store = ExportOrdersUseCase(queries), store

    async def execute(
        self,
        file_format: OrderFormat,
        where: OrderFilter = EVERYTHING,
        actor: Actor = SYSTEM,
        on_progress: Progress = ignore_progress,
    ) -> ExportedDocument:
        """Return the stored file, with a short-lived link if the store supports links. The same orders result in the
        same file. Raises like `ListOrdersUseCase`, and `StoreUnavailable`.
        """
        import tempfile  # its import takes as long as that of all use cases, and few processes export

        media_type, ending = file_format.media_type, documents.ENDINGS[file_format.media_type]
        count, digest = 0, hashlib.sha256(file_format.beginning)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            file.write(file_format.beginning)
            async for order in self.export_orders.execute(where, actor, personal_data=False):
                written = file_format.order(order)
                digest.update(written)
                file.write(written)
                count += 1
                on_progress(1)
            size = file.tell()
            file.seek(0)
            id = digest.hexdigest()
            key = f"exports/{id}.{ending}"
            await self.store.put(key, file, media_type)
        link = await self.store.link(key, f"orders-{id[:12]}.{ending}", documents.LINK_SECONDS)
        return ExportedDocument(id, key, media_type, size, count, link)
