"""Count the orders in each status."""

from __future__ import annotations

from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.domain.lifecycle import OrderStatus

MOST_UNCOUNTED = 20
"""Changes that a call counts itself, if the statistics do not contain them yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCounts:
    """The number of orders in each status. `exact`: of all orders; otherwise a few changes are not counted yet, at most
    one for each hundred orders.
    """

    statuses: dict[OrderStatus, int]
    exact: bool

    @property
    def total(self) -> int:
        """The number of orders."""
        return sum(self.statuses.values())


class CountOrdersUseCase:
    """Count the orders in each status. The statistics contain the numbers, so that the cost does not grow with them."""

    def __init__(self, update: UpdateStatisticsUseCase) -> None:
        self.update = update

    async def execute(self, actor: Actor = SYSTEM) -> OrderCounts | None:
        """Return the numbers, of all customers; None while the statistics are too far behind. If they were never read,
        they are started. Raises `NotAllowed`, `StoreUnavailable`, and `ServiceUnavailable` during a rebuild after an
        upgrade.
        """
        actor.require(Scope.STATISTICS)
        projector = self.update.projector
        await projector.start()
        reading = await projector.read([("total ", "total!")], MOST_UNCOUNTED)
        statuses = {
            status: sum(counters.get(f"{status} n", 0) for counters in reading.records.values())
            for status in OrderStatus
        }
        found = OrderCounts(statuses=statuses, exact=reading.at_end)
        return found if found.exact or await self._is_near(reading.position + found.total // 100) else None

    async def _is_near(self, position: int) -> bool:
        """Return whether the feed ends at the position or before it."""
        try:
            return not (await self.update.store.read_changes(position, 1)).changes
        except InvalidCursor:
            return True
