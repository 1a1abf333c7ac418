"""Get the history of an order."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind
from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.cursors import history_cursor, history_version
from orderkeep.application.dtos import ChangeDTO, visible_change
from orderkeep.application.ports import OrderHistory, OrderQueries
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit

KEY_ACTOR = f"{ActorKind.STAFF}:key:"


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of the changes of one order, oldest first, and the cursor of the next page, if any. To staff, `key_names`
    has the names of the API keys of staff, by actor.
    """

    changes: tuple[ChangeDTO, ...]
    next_cursor: str | None
    key_names: Mapping[str, str]


class GetOrderHistoryUseCase:
    """Get the history of an order: the actor, time, events and resulting order of every change."""

    def __init__(
        self, queries: OrderQueries, history: OrderHistory, open_keys: Callable[[], ApiKeyStore] | None = None
    ) -> None:
        self.get_order, self.history, self.open_keys = GetOrderUseCase(queries), history, open_keys

    async def execute(
        self, order_id: str, *, limit: int = DEFAULT_PAGE, cursor: str | None = None, actor: Actor = SYSTEM
    ) -> HistoryPage:
        """Return a page of changes. Raises `OrderNotFound`, and `InvalidQuery` for an invalid limit or cursor."""
        check_limit(limit)
        newest = (await self.get_order.find(order_id, actor)).version
        after = 0 if cursor is None else history_version(order_id, cursor)
        changes = await self.history.list_changes(order_id, after, limit)
        page = tuple([visible_change(change, actor) for change in changes])
        more = page and page[-1].version < newest
        key_names = await self._key_names(page) if actor.sees_all else {}
        return HistoryPage(page, history_cursor(order_id, page[-1].version) if more else None, key_names)

    async def _key_names(self, changes: tuple[ChangeDTO, ...]) -> dict[str, str]:
        key_ids = {change.actor.removeprefix(KEY_ACTOR) for change in changes if change.actor.startswith(KEY_ACTOR)}
        if self.open_keys is None or not key_ids:
            return {}
        found = await asyncio.gather(*map(self.open_keys().get, key_ids))
        return {str(key.actor): key.name for key in found if key is not None}
