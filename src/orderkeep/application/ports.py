"""What the use cases need from outside, beside the domain's own repository. A store implements them all.

Every method may raise `StoreUnavailable`. Nothing here is asked of the article's plain repository: a use case that
changes an order needs `get_by_id` and `save` alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import in_utc

Clock = Callable[[], datetime]
"""Tells the time, in UTC."""


def utc_now() -> datetime:
    """Tell the machine's time, in UTC."""
    return datetime.now(UTC)


Progress = Callable[[int], None]
"""Is told, from time to time, how many more are done."""


def ignore_progress(count: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """An order as it is kept: `json` is the text of its `OrderDTO`, ready to be answered without being parsed."""

    id: str
    user_id: str
    created_at: datetime
    version: int
    json: bytes


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list. `status`, `tag` and `external_ref` are used one at a time; a user and a time range go
    with any of them. `created_from` is included, `created_to` is not; a naive one is taken as UTC.
    """

    user_id: str | None = None
    status: str | None = None
    tag: str | None = None
    external_ref: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("created_from", "created_to"):
            if moment := getattr(self, name):
                object.__setattr__(self, name, in_utc(moment))


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A place between two orders of a list: behind the order that has these."""

    created_at: datetime
    id: str


class OrderQueries(ABC):
    """Orders to look at, not to decide on."""

    @abstractmethod
    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        """Return the order as last committed, or None."""

    async def get_own_snapshot(self, order_id: str, user_id: str) -> OrderSnapshot | None:
        """Return the order as `get_snapshot` does where it is that user's, else None. A store that can should tell so
        without reading more of it than whose it is: then the time that it takes tells a stranger nothing.
        """
        snapshot = await self.get_snapshot(order_id)
        return snapshot if snapshot is not None and snapshot.user_id == user_id else None

    @abstractmethod
    async def list_snapshots(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderSnapshot]:
        """Return up to `limit` orders that match, newest first by `(created_at, id)`, those behind `after`.

        The filter is one that `OrderFilter` allows. Costs what `limit` costs, however many orders are kept.
        """


class OrderHistory(ABC):
    """What was done to one order."""

    @abstractmethod
    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        """Return the change that made that version, or None."""

    @abstractmethod
    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        """Return the last change made at or before that instant, or None."""

    @abstractmethod
    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        """Return up to `limit` changes of versions above `after_version`, oldest first."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes of all orders in commit order, and the position to go on from."""

    changes: tuple[ChangeDTO, ...]
    position: str


class ChangeFeed(ABC):
    """All changes of all orders, for ever: nothing is skipped, nothing comes twice."""

    @abstractmethod
    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        """Return up to `limit` changes behind a position that an earlier page gave (None: from the first).

        A change that is not on the page, though committed, will be on a later one. With nothing new the page is
        empty and its position is the one given (the beginning's own where None was given). Raises `InvalidCursor`
        where the position is not one of this store.
        """


class OrderStore(OrderRepository, OrderQueries, OrderHistory, ChangeFeed):
    """One place that keeps orders. `orderkeep.testing` holds any implementation to this contract."""

    async def get_own(self, order_id: str, user_id: str) -> Order | None:
        """Return the order as `get_by_id` does where it is that user's, else None; as `get_own_snapshot`, without
        reading it where it is not.
        """
        order = await self.get_by_id(order_id)
        return order if order is not None and order.user_id == user_id else None

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store can answer now; raise `StoreUnavailable` if not."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections. A second call does nothing."""


class DocumentStore(ABC):
    """Keeps files under keys that name their content: `orders/<order id>/<SHA-256>.html`. What stands under a key
    never changes, and nobody can list keys or delete what is there.

    Every method may raise `StoreUnavailable`, and its `StoreUnusable` where somebody must mend something first.
    """

    @abstractmethod
    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        """Keep the content, a file from where it stands to its end. When this returns it is durable and whole; a put
        that fails or is killed leaves nothing under the key. Where there is something already, it is the same content,
        and nothing happens.
        """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """Return what stands under the key, or None."""

    @abstractmethod
    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        """Return a URL at which anyone can read the file for so long, to be saved under `file_name`; None where this
        store hands files out through the service only. It does not look whether the file is there.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections. A second call does nothing."""


class ReceiptRenderer(ABC):
    """Makes receipts in one format."""

    media_type: str

    @abstractmethod
    async def render(self, order: OrderDTO) -> bytes:
        """Return the receipt of the order as it is given: the same bytes for the same order, wherever it runs. What
        the order holds as text stands there as text, whatever is in it. Raises `UnknownFormat` where what makes this
        format is not installed.
        """
