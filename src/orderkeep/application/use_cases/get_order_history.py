"""Get the history of an order."""

from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.cursors import history_cursor, history_version
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderHistory, OrderQueries
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of the changes of one order, oldest first, and the cursor of the next page, if any."""

    changes: tuple[ChangeDTO, ...]
    next_cursor: str | None


class GetOrderHistoryUseCase:
    """Get the history of an order: the actor, time, events and resulting order of every change."""

    def __init__(self, queries: OrderQueries, history: OrderHistory) -> None:
        self.get_order, self.history = GetOrderUseCase(queries), history

    async def execute(
        self, order_id: str, *, limit: int = DEFAULT_PAGE, cursor: str | None = None, actor: Actor = SYSTEM
    ) -> HistoryPage:
        """Return a page of changes. Raises `OrderNotFound`, and `InvalidQuery` for an invalid limit or cursor."""
        check_limit(limit)
        newest = (await self.get_order.execute(order_id, actor)).version
        after = 0 if cursor is None else history_version(order_id, cursor)
        page = tuple(await self.history.list_changes(order_id, after, limit))
        more = page and page[-1].version < newest
        return HistoryPage(page, history_cursor(order_id, page[-1].version) if more else None)
