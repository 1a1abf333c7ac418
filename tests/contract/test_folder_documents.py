"""The folder of documents keeps the contract, also where it cannot make hard links."""

import asyncio
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from orderkeep.application.ports import DocumentStore
from orderkeep.bootstrap.documents import open_documents
from orderkeep.testing import DocumentStoreContract
from orderkeep.testing.documents import KEY


class TestFolderDocuments(DocumentStoreContract):
    @pytest.fixture
    def documents(self, tmp_path: Path) -> DocumentStore:
        return open_documents(f"folder:///{tmp_path}/made/when/needed")


class TestFolderWithoutHardLinks(TestFolderDocuments):
    @pytest.fixture
    def documents(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DocumentStore:
        def refuse(*arguments: object, **options: object) -> NoReturn:
            raise OSError(errno.EPERM, "no hard links on this disk")

        monkeypatch.setattr(os, "link", refuse)
        return open_documents(f"folder:///{tmp_path}/documents")

    async def test_takes_one_of_many_at_once(self, documents: DocumentStore) -> None:
        """Here the last may win; where the key is that of the content, all are the same. Each is whole."""
        contents = {f"writer {number}".encode() * 1_000 for number in range(20)}
        seen: set[bytes | None] = set()

        async def put(content: bytes) -> None:
            await documents.put(KEY, content, "text/html")
            seen.add(await documents.get(KEY))

        await asyncio.gather(*(put(content) for content in contents))
        assert seen
        assert seen <= contents
