"""The port for what features store beside the orders, such as webhook subscriptions, cursors and statistics.

A record is a small JSON text under a kind and an ID. Several records are written in one transaction, each only if its
version is the stored one. So a consumer of the feed that writes its result and its position together counts each
change exactly once.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

MAX_RECORDS = 90
"""Maximum number of records in one transaction: DynamoDB accepts 100 items."""

MAX_RECORD_BYTES = 100_000
"""Maximum size of a record's content, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record. `kind` and `id` have 1 to 200 printable characters. `version` is the number of times it was written;
    0 if it does not exist yet.
    """

    kind: str
    id: str
    content: str
    version: int = 0


class RecordStore(ABC):
    """Stores records in the order store. `orderkeep.testing` has the contract tests.

    Every method may raise `StoreUnavailable`.
    """

    @abstractmethod
    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        """Return those of up to `MAX_RECORDS` records that exist, by ID. The read is consistent."""

    @abstractmethod
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        """Return up to `limit` records of the kind whose ID is greater than `after`, in code point order of their IDs.
        The read is consistent. The cost depends on `limit` alone. Their contents are within `PAGE_BYTES`, so there may
        be fewer; the list is empty only if no record follows.
        """

    @abstractmethod
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        """Write and delete up to `MAX_RECORDS` different records durably, all or none; return the written ones with
        their new versions, in the given order.

        Raises `ConcurrentUpdate`, and writes nothing, if the stored version of any of them is not the given one.
        """


@runtime_checkable
class KeepsRecords(Protocol):
    """An order store that stores records too. Not every store does."""

    def records(self) -> RecordStore:
        """Return the record store, which is open as long as the order store."""
