"""The article's tests/test_cancel_order.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: DTZ005, I001
# mypy: ignore-errors
import pytest
from orderkeep.domain.entities import Order
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from datetime import datetime
class InMemoryOrderRepository:
    def __init__(self, orders):
        self._orders = {o.id: o for o in orders}
    async def get_by_id(self, order_id):
        return self._orders.get(order_id)
    async def save(self, order):
        self._orders[order.id] = order
@pytest.mark.asyncio
async def test_cancel_pending_order():
    order = Order("1", "user-42", 99.0, "pending", datetime.now())
    repo = InMemoryOrderRepository([order])
    use_case = CancelOrderUseCase(repo)
    await use_case.execute("1")
    saved = await repo.get_by_id("1")
    assert saved.status == "cancelled"
