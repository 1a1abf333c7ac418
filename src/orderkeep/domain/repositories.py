"""The repository port for orders."""

from abc import ABC, abstractmethod

from orderkeep.domain.entities import Order


class OrderRepository(ABC):
    """Stores orders; each save is one commit."""

    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None:
        """Return the order as last committed, or None. The caller owns the object: changes to it have no effect until
        it is saved. Raises `StoreUnavailable`.
        """

    @abstractmethod
    async def save(self, *orders: Order) -> None:
        """Commit all orders or none, each with a history entry and its idempotency key. On return, the commit is
        durable and each `version` is incremented.

        Raises `ConcurrentUpdate` if a stored version is not the one that was loaded (0: not stored yet), and
        `StoreUnavailable` if the outcome is unknown. If it raises, the order objects are unchanged.
        """
