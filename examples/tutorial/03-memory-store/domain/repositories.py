"""The repository port: what the service needs from a place that stores orders."""

from abc import ABC, abstractmethod

from domain.entities import Order


class OrderRepository(ABC):
    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None: ...

    @abstractmethod
    async def save(self, order: Order) -> None: ...
