"""The numbers of orders in each status: from the statistics, at a bounded cost."""

from __future__ import annotations

from orderkeep.application.ports import FeedPage
from orderkeep.application.use_cases.count_orders import MOST_UNCOUNTED, CountOrdersUseCase, OrderCounts
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order


class ReadOnce(InMemoryOrderRepository):
    """A store that counts how many changes are read from its feed."""

    read = 0

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = await super().read_changes(after, limit)
        self.read += len(page.changes)
        return page


async def place(store: InMemoryOrderRepository, first: int, last: int, currency: str = "EUR") -> None:
    for number in range(first, last + 1):
        await store.save(small_order(f"order-{number:04}", currency=currency))


def counted(**numbers: int) -> dict[OrderStatus, int]:
    return dict.fromkeys(OrderStatus, 0) | {OrderStatus(name): number for name, number in numbers.items()}


async def test_counts_orders_of_all_currencies_by_status() -> None:
    store = InMemoryOrderRepository()
    await place(store, 1, 3)
    await place(store, 4, 5, "JPY")
    order = small_order("order-9")
    await store.save(order)
    order.cancel(at=SINCE)
    await store.save(order)
    found = await CountOrdersUseCase(UpdateStatisticsUseCase(store, store.records)).execute()
    assert found == OrderCounts(statuses=counted(pending=5, cancelled=1), exact=True)
    assert found.total == 6


async def test_changes_that_are_not_counted_yet_are_read_but_not_written() -> None:
    store = InMemoryOrderRepository()
    count = CountOrdersUseCase(UpdateStatisticsUseCase(store, store.records))
    await place(store, 1, MOST_UNCOUNTED - 1)
    assert await count.execute() == OrderCounts(statuses=counted(pending=MOST_UNCOUNTED - 1), exact=True)
    assert await store.records().list_records("statistics:1") == []


async def test_counts_are_unknown_until_the_relay_has_counted() -> None:
    store = ReadOnce()
    await place(store, 1, 300)
    update = UpdateStatisticsUseCase(store, store.records)
    count = CountOrdersUseCase(update)
    assert await count.execute() is None
    assert store.read <= MOST_UNCOUNTED + 1
    while await update.execute():
        pass
    assert await count.execute() == OrderCounts(statuses=counted(pending=300), exact=True)


async def test_counts_are_approximate_up_to_a_change_for_each_hundred_orders() -> None:
    store = ReadOnce()
    await place(store, 1, 1_000)
    update = UpdateStatisticsUseCase(store, store.records)
    count = CountOrdersUseCase(update)
    await count.execute()
    while await update.execute():
        pass
    await place(store, 1_001, 1_000 + MOST_UNCOUNTED + 5)
    for last in (5, 10):
        await place(store, 1_000 + MOST_UNCOUNTED + 6, 1_000 + MOST_UNCOUNTED + last)
        store.read = 0
        found = await count.execute()
        assert found == OrderCounts(statuses=counted(pending=1_000 + MOST_UNCOUNTED), exact=False)
        assert store.read == MOST_UNCOUNTED
    await place(store, 1_031, 1_031)
    assert await count.execute() is None
