"""Look up a document."""

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
    """A document, with a `link` at which it can be read for some minutes, or else with its content."""

    document: Document
    file_name: str
    content: bytes = b""
    link: str | None = None


class GetDocumentUseCase:
    """Look up a document of an order."""

    def __init__(self, repo: OrderRepository, store: DocumentStore) -> None:
        self.list_documents, self.store = ListDocumentsUseCase(repo), store

    async def execute(
        self, order_id: str, document_id: str, actor: Actor = SYSTEM, *, prefer_link: bool = False
    ) -> FoundDocument:
        """Return the document: its content, or with `prefer_link` a short-lived link to it where the store has such.

        Raises `OrderNotFound`, also where the order is not the actor's, `DocumentNotFound`, and `StoreUnusable` where
        the file is not as it was kept.
        """
        found = await self.list_documents.execute(order_id, actor)
        document = next((each for each in found if each.id == document_id), None)
        if document is None:
            raise DocumentNotFound(order_id)
        key = documents.order_key(order_id, document.id, document.media_type)
        name = documents.file_name_of(order_id, document)
        link = await self.store.link(key, name, documents.LINK_SECONDS) if prefer_link else None
        if link is not None:
            return FoundDocument(document, name, link=link)
        content = await self.store.get(key)
        if content is None or documents.digest_of(content) != document.id:
            raise StoreUnusable(f"document {document.id} of order {order_id} is not as it was kept")
        return FoundDocument(document, name, content)
