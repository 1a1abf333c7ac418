"""The ports of the application, in addition to the domain's repository. A store implements all of the store ports.

Every method of a store may raise `StoreUnavailable`. A use case that changes an order needs only `get_by_id` and
`save`, so a repository that has only these two methods is enough for it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import IO

from orderkeep.application.access.actor import Actor
from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.errors import UnsupportedFilter
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderRepository, OrderSnapshot
from orderkeep.domain.value_objects import in_utc

Clock = Callable[[], datetime]
"""Returns the time, in UTC."""

utc_now: Clock = partial(datetime.now, UTC)
"""Returns the machine's time, in UTC."""

Progress = Callable[[int], None]
"""Called from time to time with the number of items done since the last call, which may be 0."""


def ignore_progress(count: int) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list: at most one of `statuses` (any of them), `tag`, `external_ref`, and the last six fields.
    `user_id` and a time range combine with any of them. `created_from` is inclusive, `created_to` exclusive; naive
    datetimes are UTC. The order of `statuses` does not matter.

    A store gets only `statuses`, `tag` or `external_ref`: the use case translates the last six to statuses or a label.
    They are not in `repr`, from which cursors are derived, so that other cursors stay valid in the next release.
    """

    user_id: str | None = None
    statuses: tuple[str, ...] = ()
    tag: str | None = None
    external_ref: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    shipping_status: str | None = field(default=None, repr=False)
    payment_status: str | None = field(default=None, repr=False)
    return_status: str | None = field(default=None, repr=False)
    on_hold: bool | None = field(default=None, repr=False)
    refund_due: bool | None = field(default=None, repr=False)
    void_due: bool | None = field(default=None, repr=False)
    needs_attention: bool | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", tuple(sorted({*map(str, self.statuses)})))  # for cursors
        for name in ("created_from", "created_to"):
            if moment := getattr(self, name):
                object.__setattr__(self, name, in_utc(moment))


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A position in a list: directly after the order that has these values."""

    created_at: datetime
    id: str


PAGE_BYTES = 1_000_000
"""Maximum size of the documents of a page together. A page ends before the document that would exceed it; the first
document is always on the page, whatever its size.
"""

SEPARATOR = b",\n"
"""Separates the documents of a page. A stored document contains no line break outside of an escape."""


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page: the documents joined by `SEPARATOR`, as they are sent, and the position of the last if more follow."""

    json: bytes
    next: ListPosition | None

    @property
    def documents(self) -> tuple[bytes, ...]:
        """The document of each order."""
        return tuple(self.json.split(SEPARATOR)) if self.json else ()


class OrderQueries(ABC):
    """Reads orders for display, not for decisions."""

    @abstractmethod
    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        """Return the order as last committed, or None."""

    async def find_by_id_prefix(self, prefix: str, limit: int) -> Sequence[OrderSnapshot]:  # noqa: ARG002
        """Return up to `limit` orders whose ID begins with the prefix, by ID. The cost depends on `limit` alone.

        Raises `UnsupportedFilter` in a store that cannot do that, because its IDs are not sorted.
        """
        raise UnsupportedFilter("is not supported by this store", "id_prefix")

    @abstractmethod
    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        """Return up to `limit` matching orders after that position, newest first by `(created_at, id)`, and within
        `PAGE_BYTES`. The store does not read many more bytes than it returns.

        The filter is by statuses, tag or external reference, as `OrderFilter` allows. The cost depends on `limit`
        alone, not on the number of stored orders.
        """


class OrderHistory(ABC):
    """The history of one order."""

    @abstractmethod
    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        """Return the change that made that version, or None."""

    @abstractmethod
    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        """Return the last change made at or before that instant, or None."""

    @abstractmethod
    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        """Return up to `limit` changes of versions above `after_version`, oldest first. Their orders are within
        `PAGE_BYTES`, so there may be fewer; the list is empty only if no change follows.
        """


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes of all orders in commit order, and the position of the last one: where to continue."""

    changes: tuple[ChangeDTO, ...]
    position: int


class ChangeFeed(ABC):
    """All changes of all orders since the first, each once. Their positions are 1, 2, 3 and so on, and never change."""

    @abstractmethod
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        """Return up to `limit` changes after a position; 0 is the beginning. Their orders are within `PAGE_BYTES`, so
        there may be fewer. The first change has the position `after + 1`.
        A committed change that is not on the page will be on a later one. If there is nothing new, the page is empty
        and its position is the given one. Raises `InvalidCursor` if the position is negative or not assigned yet.
        """

    @abstractmethod
    async def position_of_change(self, order_id: str, version: int) -> int | None:
        """Return the position of the change that made that version, or None if the feed does not contain it (yet)."""


class StoreAccess(StrEnum):
    """What a process may do to a store that it opens."""

    READ = "read"
    """Read an existing store, and change nothing: neither the schema nor any file beside it."""

    WRITE = "write"
    """Read and write an existing store, and upgrade its schema."""

    CREATE = "create"
    """The same, and create the store if it does not exist."""

    MOVE = "move"
    """Read and write an existing store also while it is fenced, and upgrade its schema."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A change in the feed, without its content. `position` is () if the caller reads changes by order, not by
    feed. `commit`: further values, as text, that the store stores with the change and that are not in its hash.
    """

    order_id: str
    version: int
    hash: str
    position: tuple[int, ...] = ()
    commit: str = ""


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change without its content. `intact`: all that is stored of it matches its hash, byte for byte. `in_feed` is
    false until it has a position.
    """

    entry: FeedEntry
    previous_hash: str
    intact: bool
    in_feed: bool = True


Row = Mapping[str, object]
"""The columns of a row, or the attributes of an item."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """All that a store contains of one order. `order_id` is "" for rows that belong to no order. `changes` are its
    changes, oldest first. `found` are its other rows, by names such as `order` and `tag gift`. `expected` are the same
    rows as `save` writes them, recomputed from the changes alone. `order` is the order of the last change.
    """

    order_id: str
    changes: Sequence[StoredChange]
    found: Mapping[str, Row]
    expected: Mapping[str, Row]
    order: OrderDTO | None


class StoreContents(ABC):
    """All that a store contains, to be verified, one order or page at a time. `add_checkpoint` writes, and so may
    `feed_entries` with `settled`: positions.
    """

    @abstractmethod
    def stored_keys(self) -> AsyncIterator[str]:
        """Yield the keys for `stored_order`: one for each order that has any row, and one for each group of rows that
        belong to no order.
        """

    @abstractmethod
    async def stored_order(self, key: str) -> StoredOrder:
        """Return all that is stored under the key. Raises `StoreUnusable` if it cannot be read."""

    @abstractmethod
    def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        """Yield the feed from its first change. With `settled`, changes without a position get one first, and the feed
        ends before the first position at which a change that is being committed could still be inserted.
        """

    async def count_rows(self) -> Mapping[str, int]:
        """Return the number of rows of each kind (the first word of their names, and `change`), to find rows without
        an order. Return an empty mapping if `stored_keys` yields a key for every row.
        """
        return {}

    async def find_damage(self) -> Sequence[str]:
        """Return what is wrong with the store itself, such as a damaged index."""
        return ()

    @abstractmethod
    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        """Store a checkpoint. `recorded_at` sorts by time."""

    @abstractmethod
    async def last_checkpoint(self) -> str | None:
        """Return the content of the last checkpoint, or None."""


class OrderStore(OrderRepository, OrderQueries, OrderHistory, ChangeFeed, StoreContents):
    """Everything a store of orders implements. `orderkeep.testing` tests any implementation of it."""

    saves_at_once = 128
    """How many orders to give to `save_each`: more would wait too long for one of a store's connections."""

    @abstractmethod
    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        """Commit the orders as `OrderRepository.save` does, which also lists the errors; return their snapshots, in the
        same order.

        If `personal_data` is not the stored one, `personal_record` replaces the stored data and the label of its e-mail
        address, or removes them if it is None, in the same commit.
        """

    @abstractmethod
    async def get_personal_data(self, order_ids: Sequence[str]) -> Mapping[str, PersonalRecord]:
        """Return the personal data of those of the orders that have any, by order ID; of at most a page of orders."""

    async def purge(self) -> None:
        """Overwrite what remains of erased data in files, as far as the store can do that. Called after erasures."""

    async def save_each(self, orders: Sequence[Order]) -> list[bool]:
        """Save each order as a commit of its own, and return for each whether it was saved; if not, it was rejected
        with `ConcurrentUpdate`. A store may overwrite this method to make many commits durable together.
        """

        async def is_saved(order: Order) -> bool:
            with suppress(ConcurrentUpdate):
                await self.save(order)
                return True
            return False

        return await asyncio.gather(*map(is_saved, orders))

    @abstractmethod
    async def ping(self) -> None:
        """Return if orders can be read and written; raise `StoreUnavailable` if not. Called every few seconds."""

    @abstractmethod
    async def close(self) -> None:
        """Finish accepted saves, then close files and connections. Closing twice is allowed."""


class DocumentStore(ABC):
    """Stores files under keys derived from their content: `orders/<order id>/<SHA-256>.html`. The content of a key
    never changes; keys cannot be listed.

    Every method may raise `StoreUnavailable`, or its subclass `StoreUnusable` if an operator must fix something first.
    """

    @abstractmethod
    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        """Store the content; a file is read from its current position. On return it is durable and complete; a put
        that fails or is killed stores nothing. If the key exists, its content is the same and nothing happens.
        """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """Return the content of the key, or None."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete the content of the key, if it exists: a file with personal data that is erased."""

    @abstractmethod
    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        """Return a URL where anyone can download the file, as `file_name`, for that many seconds; None if this store
        serves files through the service only. Does not check that the file exists.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections. Closing twice is allowed."""


class ReceiptRenderer(ABC):
    """Renders receipts in one format."""

    media_type: str

    @abstractmethod
    async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
        """Return the receipt of the given order: the same bytes for the same values on every machine. Their texts are
        escaped. One with `personal` data contains its `receipt_code`. Raises `UnknownFormat` if the renderer's library
        is not installed.
        """


class Authenticator(ABC):
    """Verifies one type of token, such as API keys or JSON Web Tokens."""

    @abstractmethod
    async def authenticate(self, token: str) -> Actor | None:
        """Return the actor of the token, or None if the token is of another type.
        Raises `InvalidCredentials` if the token is unknown, malformed, expired or revoked, without saying which, and
        `ServiceUnavailable` if it cannot be verified now.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections. A second call has no effect."""


class RateLimiter(ABC):
    """Limits the requests of each client, such as an actor or an address."""

    @abstractmethod
    async def take(self, client: str) -> None:
        """Count a request of the client. Raises `TooManyRequests`, without counting it, if it exceeds the limit.
        An unavailable limiter allows every request: it protects the service and must not stop it.
        """


class NotPublished(Exception):
    """A change was not accepted, for the given reason. All changes reported to `done` before were accepted."""


class EventPublisher(ABC):
    """Publishes events at least once, and the events of each order in their order.

    An event that is published again, because the outcome was unknown, has the same ID.
    """

    @abstractmethod
    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        """Publish the events of the changes, which are in commit order. Raises `NotPublished`.

        `done` is called with the number of further changes, from the first on, that were accepted: after a cancellation
        or `NotPublished`, continue after these. An event of an order is sent only after the previous one was accepted.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections. A second call has no effect."""
