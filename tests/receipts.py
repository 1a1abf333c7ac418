"""Receipts in plain text, for what does not turn on how a receipt looks; and stores that fail or wait on purpose."""

import asyncio
from typing import IO

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import DocumentStore, ReceiptRenderer
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository


class PlainReceipts(ReceiptRenderer):
    """Says of an order what tells its versions apart."""

    def __init__(self, media_type: str = "text/html") -> None:
        self.media_type = media_type

    async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
        text = f"{self.media_type}: order {order.id}, version {order.version}, {order.status}".encode()
        return text if personal is None else b"%s, %s, %s" % (text, personal.data.json, personal.receipt_code.encode())


class HeldReceipts(PlainReceipts):
    """Rendered when they are `released`."""

    def __init__(self, expected: int = 1) -> None:
        super().__init__()
        self.released, self._all_started, self.expected = asyncio.Event(), asyncio.Event(), expected

    async def all_started(self) -> None:
        """Wait until as many as `expected` are being rendered."""
        async with asyncio.timeout(10):
            await self._all_started.wait()

    async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
        self.expected -= 1
        if self.expected == 0:
            self._all_started.set()
        await self.released.wait()
        return await super().render(order, personal)


class CountingDocumentStore(InMemoryDocumentStore):
    """Remembers which keys it was asked to keep, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        self.asked.append(key)
        await super().put(key, content, media_type)


class BrokenDocumentStore(InMemoryDocumentStore):
    """Keeps nothing."""

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        raise StoreUnavailable("the disk is full")

    async def get(self, key: str) -> bytes | None:
        raise StoreUnavailable("the disk does not respond")


def use_cases_with_receipts(documents: DocumentStore | None = None, *formats: str) -> UseCases:
    """Return the use cases on an empty store in memory; receipts are to be had in these formats, html by default."""
    media_types = {"html": "text/html", "pdf": "application/pdf"}
    renderers = {name: PlainReceipts(media_types[name]) for name in formats or ("html",)}
    return build_use_cases(InMemoryOrderRepository(), documents or InMemoryDocumentStore(), renderers)
