"""Listing and reading an order's documents, as support sees it."""

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.documents import document_key, file_name_of
from orderkeep.application.use_cases.get_document import GetDocumentUseCase
from orderkeep.application.use_cases.issue_receipt import IssueReceiptUseCase
from orderkeep.application.use_cases.list_documents import ListDocumentsUseCase
from orderkeep.domain.exceptions import DocumentNotFound, OrderNotFound, StoreUnusable
from orderkeep.domain.value_objects import Document
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from tests.receipts import PlainReceipts

OWNER = Actor(ActorKind.CUSTOMER, small_order("order-1").user_id)
STRANGER = Actor(ActorKind.CUSTOMER, "somebody-else")


class LinkingDocumentStore(InMemoryDocumentStore):
    """Hands out links."""

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        return f"https://files.example/{key}?name={file_name}&seconds={seconds}"


class ForgetfulDocumentStore(InMemoryDocumentStore):
    """Answers something else than it was given to keep."""

    def __init__(self, answer: bytes | None) -> None:
        super().__init__()
        self.answer = answer

    async def get(self, key: str) -> bytes | None:
        return self.answer


async def kept(files: InMemoryDocumentStore) -> tuple[InMemoryOrderRepository, Document]:
    repo = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    issued = await IssueReceiptUseCase(repo, repo, files, {"html": PlainReceipts()}).execute("order-1")
    return repo, issued.document


async def test_lists_the_documents_of_an_order() -> None:
    repo, document = await kept(InMemoryDocumentStore())
    assert await ListDocumentsUseCase(repo).execute("order-1", OWNER) == (document,)
    assert await ListDocumentsUseCase(repo).execute("order-2") == ()


async def test_reads_a_document_under_the_name_it_is_to_be_saved_by() -> None:
    files = InMemoryDocumentStore()
    repo, document = await kept(files)
    found = await GetDocumentUseCase(repo, files).execute("order-1", document.id, OWNER, prefer_link=True)
    assert (found.document, found.link) == (document, None)
    assert found.content == b"text/html: order order-1, version 1, pending"
    assert found.file_name == "receipt-order-1-v1.html"


async def test_hands_out_a_short_lived_link_where_one_is_wanted_and_the_store_has_it() -> None:
    files = LinkingDocumentStore()
    repo, document = await kept(files)
    get = GetDocumentUseCase(repo, files)
    found = await get.execute("order-1", document.id, OWNER, prefer_link=True)
    where = f"https://files.example/orders/order-1/{document.id}.html"
    assert found.link == f"{where}?name=receipt-order-1-v1.html&seconds=300"
    assert found.content == b""
    assert (await get.execute("order-1", document.id)).content.startswith(b"text/html")


async def test_a_strangers_document_does_not_exist() -> None:
    files = InMemoryDocumentStore()
    repo, document = await kept(files)
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await GetDocumentUseCase(repo, files).execute("order-1", document.id, STRANGER)
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await ListDocumentsUseCase(repo).execute("order-1", STRANGER)
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await ListDocumentsUseCase(repo).execute("order-3")


@pytest.mark.parametrize("document_id", ["", "f" * 64, "../order-1", "receipt"])
async def test_knows_no_document_by_another_id(document_id: str) -> None:
    files = InMemoryDocumentStore()
    repo, _ = await kept(files)
    with pytest.raises(DocumentNotFound, match=r"^the order has no document with this ID$"):
        await GetDocumentUseCase(repo, files).execute("order-1", document_id)


async def test_a_document_belongs_to_one_order_only() -> None:
    files = InMemoryDocumentStore()
    repo, document = await kept(files)
    with pytest.raises(DocumentNotFound):
        await GetDocumentUseCase(repo, files).execute("order-2", document.id)


@pytest.mark.parametrize("answer", [None, b"", b"text/html: order order-1, version 1, shipped"])
async def test_says_so_where_a_document_is_gone_or_was_altered(answer: bytes | None) -> None:
    files = ForgetfulDocumentStore(answer)
    repo, document = await kept(files)
    with pytest.raises(StoreUnusable, match=f"^document {document.id} of order order-1 is missing or was altered$"):
        await GetDocumentUseCase(repo, files).execute("order-1", document.id)


async def test_a_colon_in_an_id_is_no_part_of_a_file_name() -> None:
    files = InMemoryDocumentStore()
    repo = InMemoryOrderRepository([small_order("shop:1042")])
    issued = await IssueReceiptUseCase(repo, repo, files, {"html": PlainReceipts()}).execute("shop:1042")
    found = await GetDocumentUseCase(repo, files).execute("shop:1042", issued.document.id)
    assert found.file_name == "receipt-shop_1042-v1.html"


@pytest.mark.parametrize(
    "media_type, ending",
    [("text/html", "html"), ("application/pdf", "pdf"), ("text/csv", "csv"), ("application/jsonl", "jsonl")],
)
def test_key_and_file_name_end_as_the_media_type_does(media_type: str, ending: str) -> None:
    document = Document("a" * 64, "receipt", media_type, 4_321, 7, 8, SINCE)
    assert document_key("order-1", document) == f"orders/order-1/{'a' * 64}.{ending}"
    assert file_name_of("order-1", document) == f"receipt-order-1-v7.{ending}"
