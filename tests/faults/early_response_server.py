"""The service with a planted bug: it responds before it commits. The checker of lost orders must find it."""

import asyncio
import copy

from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.entrypoints.cli.main import main
from orderkeep.infrastructure.serialization import commit_of, mark_saved
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

SECONDS_LATE = 0.05

save_durably = SqliteOrderRepository.save


async def save_late(self: SqliteOrderRepository, *orders: Order) -> tuple[OrderSnapshot, ...]:
    saving = save_durably(self, *copy.deepcopy(orders))
    asyncio.get_running_loop().call_later(SECONDS_LATE, asyncio.ensure_future, saving)
    return mark_saved(orders, [commit_of(order) for order in orders])


if __name__ == "__main__":
    SqliteOrderRepository.save = save_late  # type: ignore[method-assign, assignment]
    main()
