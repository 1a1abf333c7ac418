"""The article's application/use_cases.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: I001
# mypy: ignore-errors
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotCancelOrder
class CancelOrderUseCase:
    def __init__(self, repo: OrderRepository):
        self.repo = repo
    async def execute(self, order_id: str) -> None:
        order = await self.repo.get_by_id(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if not order.can_be_cancelled():
            raise CannotCancelOrder(order.status)
        order.status = "cancelled"
        await self.repo.save(order)
