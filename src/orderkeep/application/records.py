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

MAX_WRITE_BYTES = 3_000_000
"""Maximum size of the contents in one transaction, in bytes of UTF-8: DynamoDB accepts 4 MB."""

MAX_NAME = 200
"""Maximum length of a kind or an ID, in characters."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record. `kind` and `id` have 1 to `MAX_NAME` printable characters. `content` is JSON of up to
    `MAX_RECORD_BYTES`. `version` is the number of times it was written; 0 if it does not exist yet.

    Raises `ValueError` for other values: callers check what they get from requests.
    """

    kind: str
    id: str
    content: str
    version: int = 0

    def __post_init__(self) -> None:
        # Statistics read hundreds of records in a request: neither a generator here, nor bytes of a small content.
        if not (_is_name(self.kind) and _is_name(self.id)):
            raise ValueError(f"the kind and the ID of a record must have 1 to {MAX_NAME} printable characters")
        if "\0" in self.content or (
            len(self.content) > MAX_RECORD_BYTES // 4 and len(self.content.encode()) > MAX_RECORD_BYTES
        ):
            raise ValueError(f"the content of a record must be JSON of at most {MAX_RECORD_BYTES} bytes in UTF-8")
        if self.version < 0:
            raise ValueError("the version of a record must not be negative")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable()


def check_write(records: Sequence[Record], deleted: Sequence[Record]) -> None:
    """Raise `ValueError` if one transaction cannot write and delete these records. Every store calls it first."""
    both = [*records, *deleted]
    if len(both) > MAX_RECORDS:
        raise ValueError(f"a transaction writes at most {MAX_RECORDS} records, and these are {len(both)}")
    if len({(record.kind, record.id) for record in both}) < len(both):
        raise ValueError("a transaction writes each record once")
    if not all(record.version for record in deleted):
        raise ValueError("a record that does not exist yet cannot be deleted")
    if sum(len(record.content.encode()) for record in records) > MAX_WRITE_BYTES:
        raise ValueError(f"a transaction writes contents of at most {MAX_WRITE_BYTES} bytes in UTF-8")


class RecordStore(ABC):
    """Stores records in the order store. `orderkeep.testing` has the contract tests.

    Every method may raise `StoreUnavailable`.
    """

    @abstractmethod
    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        """Return those of up to `MAX_RECORDS` records that exist, by ID. The read is consistent: what one transaction
        wrote is returned as a whole or not at all.
        """

    @abstractmethod
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        """Return up to `limit` records of the kind whose ID is greater than `after`, in code point order of their IDs.
        Each is as last written. The cost depends on `limit` alone. Their contents are within `PAGE_BYTES`, so there may
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
