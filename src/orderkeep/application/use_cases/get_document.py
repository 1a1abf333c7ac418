"""Get a document."""

from dataclasses import dataclass

from orderkeep.application import documents
from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.ports import DocumentStore
from orderkeep.application.use_cases.list_documents import ListDocumentsUseCase
from orderkeep.domain.exceptions import DocumentNotFound, StoreUnusable
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import Document


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document, with either a short-lived download `link` or its content."""

    document: Document
    file_name: str
    content: bytes = b""
    link: str | None = None


class GetDocumentUseCase:
    """Get a document of an order."""

    def __init__(self, repo: OrderRepository, store: DocumentStore) -> None:
        self.list_documents, self.store = ListDocumentsUseCase(repo), store

    async def execute(
        self, order_id: str, document_id: str, actor: Actor = SYSTEM, *, prefer_link: bool = False
    ) -> FoundDocument:
        """Return the document with its content, or with `prefer_link` a short-lived link if the store supports links.

        Raises `OrderNotFound`, also for another customer's order, `DocumentNotFound`, and `StoreUnusable` if the file
        is missing or altered.
        """
        found = await self.list_documents.execute(order_id, actor)
        document = next((each for each in found if each.id == document_id), None)
        if document is None:
            raise DocumentNotFound(order_id)
        key = documents.document_key(order_id, document)
        name = documents.file_name_of(order_id, document)
        link = await self.store.link(key, name, documents.LINK_SECONDS) if prefer_link else None
        if link is not None:
            return FoundDocument(document, name, link=link)
        content = await self.store.get(key)
        if content is None or documents.digest_of(content) != document.id:
            raise StoreUnusable(f"document {document.id} of order {order_id} is missing or was altered")
        return FoundDocument(document, name, content)
