"""The S3 document store keeps the contract, on S3 as moto plays it."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import DocumentStore
from orderkeep.bootstrap.documents import open_documents
from orderkeep.testing import DocumentStoreContract
from tests.servers.s3 import Server


class TestS3Documents(DocumentStoreContract):
    @pytest.fixture
    async def documents(self, s3_server: Server) -> AsyncIterator[DocumentStore]:
        documents = open_documents(await s3_server.new_url())
        yield documents
        await documents.close()
