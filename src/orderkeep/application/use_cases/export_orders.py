"""Export orders."""

from collections.abc import AsyncIterator

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import OrderFilter, OrderQueries
from orderkeep.application.use_cases.list_orders import EVERYTHING, LARGEST_PAGE, page_of_orders, with_personal_data_of


class ExportOrdersUseCase:
    """Export all orders, or those that match, newest first, with one page in memory at a time."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(
        self, where: OrderFilter = EVERYTHING, actor: Actor = SYSTEM, *, personal_data: bool = True
    ) -> AsyncIterator[bytes]:
        """Yield each order that matched throughout the export, once, with its `personal_data` or without. Raises like
        `ListOrdersUseCase`.
        """
        actor.require(Scope.READ)
        cursor: str | None = None
        while True:
            page = await page_of_orders(self.queries, where, LARGEST_PAGE, cursor, actor)
            if personal_data:
                page = await with_personal_data_of(self.queries, page)
            for order in page.orders:
                yield order
            cursor = page.next_cursor
            if cursor is None:
                return
