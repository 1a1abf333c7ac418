"""The article's domain/repositories.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: I001
# mypy: ignore-errors
from abc import ABC, abstractmethod
from orderkeep.domain.entities import Order
class OrderRepository(ABC):
    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None: ...
    @abstractmethod
    async def save(self, order: Order) -> None: ...
