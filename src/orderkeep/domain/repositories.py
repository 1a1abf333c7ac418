"""The repository port: where orders are stored."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from orderkeep.domain.entities import Order


class OrderSnapshot(NamedTuple):
    """An order as stored: `json` is its document, ready to be sent without being parsed."""

    id: str
    user_id: str
    created_at: datetime
    version: int
    json: bytes


class OrderRepository(ABC):
    """Stores orders; each save is one commit."""

    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None:
        """Return the order as last committed, or None. Each call returns a new object, so changing it changes
        nothing here until it is saved. Raises `StoreUnavailable`.
        """

    @abstractmethod
    async def save(self, *orders: Order) -> Sequence[OrderSnapshot] | None:
        """Commit all of the orders or none: the new state, and one change each (its events, the resulting order,
        the actor and the idempotency key). On return the commit is durable, and each order's `version` is one higher.
        A repository may return the committed snapshots, one for each order, so that callers need not encode them.

        Raises `ConcurrentUpdate` if the stored version of an order is not the loaded one (0: not stored yet), or if two
        of the orders have the same ID, and `StoreUnavailable`, after which the commit may or may not have happened.
        After any error the order objects are unchanged.
        """
