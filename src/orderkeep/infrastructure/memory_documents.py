"""Documents in a dictionary: for tests and demos."""

from typing import IO

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.document_keys import checked


class InMemoryDocumentStore(DocumentStore):
    """Keeps documents as long as the process lives."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:  # noqa: ARG002
        try:
            whole = content if isinstance(content, bytes) else content.read()
        except OSError as error:
            raise StoreUnavailable(f"the document that is to be kept cannot be read: {error.strerror}") from error
        self._contents.setdefault(checked(key), whole)

    async def get(self, key: str) -> bytes | None:
        return self._contents.get(checked(key))

    async def delete(self, key: str) -> None:
        self._contents.pop(checked(key), None)

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:  # noqa: ARG002
        checked(key)
        return None

    async def close(self) -> None:
        return None
