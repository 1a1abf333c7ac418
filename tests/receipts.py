"""Receipts in plain text, for what does not turn on how a receipt looks; and stores that fail or wait on purpose."""

from typing import IO

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore


class PlainReceipts(ReceiptRenderer):
    """Says of an order what tells its versions apart."""

    def __init__(self, media_type: str = "text/html") -> None:
        self.media_type = media_type

    async def render(self, order: OrderDTO) -> bytes:
        return f"{self.media_type}: order {order.id}, version {order.version}, {order.status}".encode()


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
