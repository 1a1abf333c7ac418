"""Writing out all orders, a page in memory at a time."""

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from orderkeep.testing.stores import order_in


def on_450_orders() -> ExportOrdersUseCase:
    orders = (small_order(f"order-{number:03}", user_id=f"user-{number % 2}") for number in range(450))
    return ExportOrdersUseCase(InMemoryOrderRepository(orders))


async def test_writes_out_every_order_once_newest_first() -> None:
    ids = [order_in(order).id async for order in on_450_orders().execute()]
    assert ids == [f"order-{number:03}" for number in reversed(range(450))]


async def test_writes_out_what_matches() -> None:
    assert len([order async for order in on_450_orders().execute(OrderFilter(user_id="user-1"))]) == 225


async def test_writes_out_nothing_of_an_empty_store() -> None:
    assert [order async for order in ExportOrdersUseCase(InMemoryOrderRepository()).execute()] == []
