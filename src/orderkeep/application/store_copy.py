"""The port for copying a store: changes as they are stored, which another store writes again unaltered."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.access.sessions import KIND as SESSION
from orderkeep.application.ports import DocumentStore, ListPosition, OrderStore
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.use_cases.publish_events import PUBLISHER
from orderkeep.application.webhooks.delivery_log import log_kind
from orderkeep.application.webhooks.progress import PROGRESS, waiting_kind
from orderkeep.application.webhooks.subscriptions import WEBHOOK
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.value_objects import Document

PAGE = 100


@dataclass(frozen=True, slots=True)
class CopiedChange:
    """A change as it is stored. `content` is for stores alone. `documents` are those that the change added. `personal`
    is the personal data of the order, if it is still the data of this change.
    """

    order_id: str
    version: int
    hash: str
    content: bytes = field(repr=False)
    documents: tuple[Document, ...] = ()
    personal: PersonalRecord | None = field(default=None, repr=False)


@runtime_checkable
class CopiesChanges(Protocol):
    """An order store that can be copied, and be the copy of another one. Not every store can."""

    @abstractmethod
    async def read_copies(self, after: int, limit: int) -> Sequence[CopiedChange]:
        """Return up to `limit` changes after a position of the feed, as `ChangeFeed.read_changes` does."""

    @abstractmethod
    async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:
        """Append the changes to the feed after its last position, which is `after`. They, the orders, the idempotency
        keys and the personal data are durable then. If the store ends meanwhile, some of them may be written: the first
        ones.

        Raises `ConcurrentUpdate` if an order is not as it was before its change. Whether the feed ends at `after` is
        checked by the stores that can do so in the same transaction.
        """


class Fence(StrEnum):
    """Why a store rejects writes."""

    INCOMING = "incoming"
    """Orders are being moved to it."""

    MOVED = "moved"
    """Its orders are being moved to another store, or were moved. They may be moved back."""

    FINISHED = "finished"
    """Its orders were moved for good."""


@runtime_checkable
class CanBeFenced(Protocol):
    """An order store that can be closed for writes: of orders, API keys and records, by any process. Reads go on.

    Writes of a store that was opened with `StoreAccess.MOVE` are accepted.
    """

    @abstractmethod
    async def fence(self, state: Fence = Fence.MOVED, owner: str = "") -> Fence | None:
        """Reject all later writes with `StoreMoved`. On return every earlier write is done or will be rejected, also
        that of a process which does not run at present. Replaces an earlier fence; returns its state, or None if writes
        were accepted.
        """

    @abstractmethod
    async def lift_fence(self, owner: str = "") -> bool:
        """Accept writes again, unless the fence has another owner: then return False."""

    @abstractmethod
    async def is_fenced_by(self, owner: str) -> bool:
        """Return whether the fence is up and has that owner."""

    @abstractmethod
    async def fenced(self) -> Fence | None:
        """Return the state of the fence, or None if writes are accepted."""

    @abstractmethod
    async def count_changes(self) -> int:
        """Return the exact number of committed changes, also of those that the feed does not contain yet."""


class NotACopy(ValueError):
    """The target contains something else than the beginning of the source; the message says what."""

    code = "not_a_copy"


class CannotCopy(ValueError):
    """A store does not implement `CopiesChanges`."""

    code = "cannot_copy"


class CannotMove(ValueError):
    """The stores are in a state from which this cannot be done; the message says which."""

    code = "cannot_move"


SWITCH_SECONDS = 2.0
"""How long neither store accepts writes at least: within it, every service that runs has seen the fence."""


@dataclass(frozen=True, slots=True)
class WholeStore:
    """All that a store keeps: orders with their history, API keys and records, None where it does not support them; and
    the files of the orders' documents, None if they stay where they are.
    """

    orders: OrderStore
    keys: ApiKeyStore | None = None
    records: RecordStore | None = None
    files: DocumentStore | None = None

    @property
    def changes(self) -> CopiesChanges:
        """The store as one that can be copied. Raises `CannotCopy`."""
        if not isinstance(self.orders, CopiesChanges):
            raise CannotCopy(f"{type(self.orders).__name__} does not support copies")
        return self.orders

    @property
    def fence(self) -> CanBeFenced:
        """The store as one that can be moved. Raises `CannotCopy`."""
        if not isinstance(self.orders, CanBeFenced):
            raise CannotCopy(f"{type(self.orders).__name__} does not support moves")
        return self.orders


async def all_keys(store: WholeStore) -> dict[str, ApiKey]:
    """Return the API keys of the store by ID, the oldest first."""
    keys, after = list[ApiKey](), None
    while store.keys is not None and (page := await store.keys.list_newest(after, PAGE)):
        keys += page
        after = ListPosition(page[-1].created_at, page[-1].id)
    return {key.id: key for key in reversed(keys)}


async def all_records(store: WholeStore) -> AsyncIterator[Record]:
    """Yield the records that a copy contains: webhooks with their progress and their log, and sessions. Statistics
    are counted again.
    """
    if store.records is None:
        return
    kinds = [WEBHOOK, PROGRESS, PUBLISHER, SESSION]
    while kinds:
        kind, after = kinds.pop(0), ""
        while page := await store.records.list_records(kind, after, PAGE):
            for record in page:
                yield record
                if kind == WEBHOOK:
                    kinds += [waiting_kind(record.id), log_kind(record.id)]
            after = page[-1].id
