"""Write out orders into the document store."""

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
"""A file of more bytes than this is gathered on disk."""


@dataclass(frozen=True, slots=True)
class OrderFormat:
    """How orders are written: `beginning` comes once, `order` makes an order's bytes from its JSON."""

    media_type: str
    beginning: bytes
    order: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """A file of orders in the document store: `id` is the SHA-256 of its content, `link` None where it has none."""

    id: str
    key: str
    media_type: str
    size: int
    orders: int
    link: str | None


class ExportToDocumentUseCase:
    """Write out all orders, or those that match, into a file in the document store."""

    def __init__(self, queries: OrderQueries, store: DocumentStore) -> None:
        self.export_orders, self.store = ExportOrdersUseCase(queries), store

    async def execute(
        self,
        file_format: OrderFormat,
        where: OrderFilter = EVERYTHING,
        actor: Actor = SYSTEM,
        on_progress: Progress = ignore_progress,
    ) -> ExportedDocument:
        """Return where the file is, with a short-lived link to it where the store has such. The same orders make the
        same file. Raises as `ListOrdersUseCase` does, and `StoreUnavailable`.
        """
        import tempfile  # here: it takes as long as all use cases together, and most processes export nothing

        count, digest = 0, hashlib.sha256(file_format.beginning)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            file.write(file_format.beginning)
            async for order in self.export_orders.execute(where, actor):
                written = file_format.order(order.json)
                digest.update(written)
                file.write(written)
                count += 1
                on_progress(1)
            size = file.tell()
            file.seek(0)
            kept_as = digest.hexdigest()
            key = documents.export_key(kept_as, file_format.media_type)
            await self.store.put(key, file, file_format.media_type)
        name = documents.export_file_name_of(kept_as, file_format.media_type)
        link = await self.store.link(key, name, documents.LINK_SECONDS)
        return ExportedDocument(kept_as, key, file_format.media_type, size, count, link)
