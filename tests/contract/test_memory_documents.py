"""The in-memory document store keeps the contract."""

import pytest

from orderkeep.application.ports import DocumentStore
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.testing import DocumentStoreContract


class TestMemoryDocuments(DocumentStoreContract):
    @pytest.fixture
    def documents(self) -> DocumentStore:
        return InMemoryDocumentStore()
