"""Write out orders."""

from collections.abc import AsyncIterator

from orderkeep.application.actor import SYSTEM, Actor
from orderkeep.application.ports import OrderFilter, OrderQueries, OrderSnapshot
from orderkeep.application.use_cases.list_orders import EVERYTHING, LARGEST_PAGE, ListOrdersUseCase


class ExportOrdersUseCase:
    """Write out all orders, or those that match, newest first, a page in memory at a time."""

    def __init__(self, queries: OrderQueries) -> None:
        self.list_orders = ListOrdersUseCase(queries)

    async def execute(self, where: OrderFilter = EVERYTHING, actor: Actor = SYSTEM) -> AsyncIterator[OrderSnapshot]:
        """Yield every order that matched from first to last, once. Raises as `ListOrdersUseCase` does."""
        cursor: str | None = None
        while True:
            page = await self.list_orders.execute(where, limit=LARGEST_PAGE, cursor=cursor, actor=actor)
            for order in page.orders:
                yield order
            cursor = page.next_cursor
            if cursor is None:
                return
