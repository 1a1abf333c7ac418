"""Writing orders out into the document store, as the bookkeeper sees it."""

from hashlib import sha256

import pytest

from orderkeep.application.errors import UnsupportedFilter
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.export_to_document import IN_MEMORY, ExportToDocumentUseCase, OrderFormat
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from tests.receipts import BrokenDocumentStore
from tests.test_documents import LinkingDocumentStore

LINES = OrderFormat("application/jsonl", b"", lambda json: json + b"\n")
TITLED = OrderFormat("text/csv", b"orders\r\n", lambda json: b"one\r\n")


def kept() -> InMemoryOrderRepository:
    return InMemoryOrderRepository([small_order(f"order-{number}") for number in range(3)])


async def test_writes_all_orders_into_one_file() -> None:
    repo, files = kept(), LinkingDocumentStore()
    exported = await ExportToDocumentUseCase(repo, files).execute(LINES)
    content = await files.get(exported.key)
    assert content is not None
    assert content.count(b"\n") == exported.orders == 3
    assert exported.id == sha256(content).hexdigest()
    assert (exported.key, exported.size) == (f"exports/{exported.id}.jsonl", len(content))
    assert exported.link is not None
    assert exported.link.endswith(f"{exported.key}?name=orders-{exported.id[:12]}.jsonl&seconds=300")


async def test_begins_as_the_format_begins_and_has_no_link_where_the_store_has_none() -> None:
    files = InMemoryDocumentStore()
    exported = await ExportToDocumentUseCase(InMemoryOrderRepository(), files).execute(TITLED)
    assert await files.get(exported.key) == b"orders\r\n"
    assert (exported.orders, exported.link, exported.media_type) == (0, None, "text/csv")


async def test_writes_matching_orders() -> None:
    repo, files = kept(), InMemoryDocumentStore()
    export = ExportToDocumentUseCase(repo, files)
    told: list[int] = []
    assert (await export.execute(TITLED, OrderFilter(statuses=("shipped",)))).orders == 0
    assert (await export.execute(TITLED, on_progress=told.append)).orders == sum(told) == 3
    with pytest.raises(UnsupportedFilter):
        await export.execute(TITLED, OrderFilter(statuses=("pending",), tag="gift"))


async def test_the_same_orders_make_the_same_file() -> None:
    repo, files = kept(), InMemoryDocumentStore()
    export = ExportToDocumentUseCase(repo, files)
    assert await export.execute(LINES) == await export.execute(LINES)


async def test_a_file_larger_than_memory_is_gathered_whole() -> None:
    files = InMemoryDocumentStore()
    long = OrderFormat("text/csv", b"", lambda json: b"x" * IN_MEMORY)
    exported = await ExportToDocumentUseCase(kept(), files).execute(long)
    assert await files.get(exported.key) == b"x" * (3 * IN_MEMORY)


async def test_says_so_where_the_file_could_not_be_kept() -> None:
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await ExportToDocumentUseCase(kept(), BrokenDocumentStore()).execute(LINES)
