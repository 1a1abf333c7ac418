"""A process that issues a receipt and stops dead on the way, to be killed there: `STORE DOCUMENTS ORDER WHERE`, where
it stops `after upload`, `after save` or `nowhere`; `saves first` does it wrong, with the upload after the save.
"""

import asyncio
import sys
from typing import IO

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import DocumentStore, OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.documents import open_documents
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from tests.receipts import PlainReceipts


async def stop() -> None:
    """Say that this is the place, and wait for the end."""
    print("stopped", flush=True)
    await asyncio.Event().wait()


class Stopping:
    """Two stores, and the place where the process stops."""

    def __init__(self, store: OrderStore, documents: DocumentStore, where: str) -> None:
        self._where, self._late = where, list[tuple[str, bytes | IO[bytes], str]]()
        self._save, self._put = store.save, documents.put
        store.save, documents.put = self.save, self.put  # type: ignore[method-assign]

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        if self._where == "saves first":
            self._late.append((key, content, media_type))
            return
        await self._put(key, content, media_type)
        if self._where == "after upload":
            await stop()

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        saved = await self._save(*orders)
        if self._where in ("after save", "saves first"):
            await stop()
        for late in self._late:
            await self._put(*late)
        return saved


async def issue(store_url: str, documents_url: str, order_id: str, where: str) -> None:
    """Issue the receipt, and print the document's id."""
    store, documents = open_store(store_url), open_documents(documents_url)
    Stopping(store, documents, where)
    do = build_use_cases(store, documents, {"html": PlainReceipts()})
    issued = await do.issue_receipt.execute(order_id, CommandContext(key="the-key"))
    print(issued.document.id, flush=True)
    await do.close()


if __name__ == "__main__":
    asyncio.run(issue(*sys.argv[1:]))
