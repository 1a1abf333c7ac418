"""The in-memory store: for tests and demos. Its content is lost when the process ends."""

from datetime import datetime  # with: webhooks
from operator import itemgetter

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import ListPosition, SampleItemStore
from sample_service.application.webhooks.ports import Outbox, Unsent  # with: webhooks
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.infrastructure.serialization import next_document, sample_item_of


class InMemorySampleItemRepository(SampleItemStore, Outbox):  # with: webhooks: , Outbox
    """Stores documents, not live objects: changing a sample item changes nothing here until it is saved."""

    def __init__(self) -> None:
        self._documents: dict[str, str] = {}
        self._outbox: dict[tuple[str, int], tuple[str, int, datetime]] = {}  # with: webhooks
        self._closed = False

    @classmethod
    def of_url(cls, url: str) -> "InMemorySampleItemRepository":
        """Return an empty store. Raises `InvalidStoreURL` unless the URL is `memory://`."""
        if url != "memory://":
            raise InvalidStoreURL("the URL of this store is memory://, without a name")
        return cls()

    async def get_by_id(self, sample_item_id: str) -> SampleItem | None:
        await self.ping()
        document = self._documents.get(sample_item_id)
        return None if document is None else sample_item_of(document)

    async def save(self, sample_item: SampleItem) -> None:
        stored = await self.get_by_id(sample_item.id)
        if (stored.version if stored else 0) != sample_item.version:
            raise ConcurrentUpdate(sample_item.id)
        self._documents[sample_item.id] = next_document(sample_item)
        sample_item.version += 1
        # with: webhooks:
        document = self._documents[sample_item.id]
        self._outbox[sample_item.id, sample_item.version] = (document, 0, sample_item.updated_at)
        # end

    async def list_page(
        self,
        status: SampleItemStatus | None,
        after: ListPosition | None,
        limit: int,
    ) -> list[SampleItem]:
        await self.ping()
        stored = [sample_item_of(document) for document in self._documents.values()]
        found = [
            (each.created_at, each.id, each)
            for each in stored
            if status in (None, each.status) and (after is None or (each.created_at, each.id) < after)
        ]
        return [each for _, _, each in sorted(found, key=itemgetter(0, 1), reverse=True)][:limit]

    # with: webhooks:
    async def first_unsent(self, now: datetime, limit: int) -> list[Unsent]:
        await self.ping()
        first = {id: (id, version) for id, version in sorted(self._outbox, reverse=True)}
        found = sorted((self._outbox[key] for key in first.values()), key=itemgetter(2))
        return [Unsent(sample_item_of(row), attempts) for row, attempts, due_at in found if due_at <= now][:limit]

    async def take(self, unsent: Unsent, due_at: datetime) -> bool:
        await self.ping()
        key = unsent.sample_item.id, unsent.sample_item.version
        document, attempts, _ = self._outbox.get(key, ("", -1, due_at))
        if attempts != unsent.attempts:
            return False
        self._outbox[key] = (document, attempts + 1, due_at)
        return True

    async def remove(self, unsent: Unsent) -> None:
        await self.ping()
        self._outbox.pop((unsent.sample_item.id, unsent.sample_item.version), None)

    # end
    async def ping(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def close(self) -> None:
        self._closed = True
