"""The port that the domain needs: where orders are kept."""

from abc import ABC, abstractmethod

from orderkeep.domain.entities import Order


class OrderRepository(ABC):
    """Keeps orders, one commit a save."""

    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None:
        """Return the order as last committed, or None. The object is the caller's own: changing it changes nothing
        here until it is saved. Raises `StoreUnavailable`.
        """

    @abstractmethod
    async def save(self, *orders: Order) -> None:
        """Commit all of the orders or none: the new state, and one change each (its events, the order as it became,
        who asked and with which key). When this returns the commit is durable, and each order's `version` is one up.

        Raises `ConcurrentUpdate` where the stored version of an order is not the one that was loaded (0: not stored
        yet), and `StoreUnavailable`, after which the commit may or may not have happened. Whatever is raised, the
        order objects are as they were.
        """
