"""Every commit leaves a change: who, what, when, and the order as it became, in a chain."""

from datetime import UTC, datetime, timedelta

from orderkeep.application.dtos import EventDTO, OrderDTO
from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases import VerifyOrdersUseCase
from orderkeep.domain.events import Attribution
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.saving import an_hour_later, save_a_delivered_order

HUGE = (2**31, 2**63 - 1, 2**63, 2**64 + 1, 10**30)


class HistoryContract:
    """What the history of an order promises."""

    async def test_keeps_what_happened_and_who_asked(self, store: OrderStore) -> None:
        order = pending_order()
        order.set_attribution(Attribution("customer:user-1", "key-1", "fingerprint-1", "request-1"))
        await store.save(order)
        placed = OrderDTO.of(order)
        order.confirm(at=an_hour_later(1))
        order.cancel("too late", "by phone", at=an_hour_later(2))
        order.set_attribution(Attribution("staff:anna"))
        await store.save(order)

        first, second = await store.list_changes(order.id, 0, 10)

        assert (first.order_id, first.version, first.order) == (order.id, 1, placed)
        assert (first.actor, first.key, first.request_id) == ("customer:user-1", "key-1", "request-1")
        assert first.at == placed.updated_at
        assert first.events == (EventDTO("OrderPlaced"),)
        assert (second.order_id, second.version, second.order) == (order.id, 2, OrderDTO.of(order))
        assert (second.actor, second.key, second.request_id) == ("staff:anna", None, None)
        assert second.at == order.updated_at
        cancelled = EventDTO("OrderCancelled", {"reason": "too late", "note": "by phone"})
        assert second.events == (EventDTO("OrderConfirmed"), cancelled)

    async def test_gives_a_change_by_its_version(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        assert [change.order.status for change in changes] == ["pending", "processing", "shipped", "delivered"]
        for version, change in enumerate(changes, start=1):
            assert await store.get_change("order-1", version) == change
        for missing in (0, -1, -4, 5, *HUGE, *(-number for number in HUGE)):
            assert await store.get_change("order-1", missing) is None, missing

    async def test_gives_the_last_change_at_or_before_an_instant(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        tick = timedelta(microseconds=1)
        assert await store.get_change_at("order-1", changes[0].at - tick) is None
        assert await store.get_change_at("order-1", datetime.min.replace(tzinfo=UTC)) is None
        for change, following in zip(changes, [*changes[1:], None], strict=True):
            assert await store.get_change_at("order-1", change.at) == change
            assert await store.get_change_at("order-1", change.at + tick) == change
            until = following.at - tick if following else datetime.max.replace(tzinfo=UTC)
            assert await store.get_change_at("order-1", until) == change

    async def test_gives_the_later_of_two_changes_of_one_instant(self, store: OrderStore) -> None:
        order = small_order("order-1")
        await store.save(order)
        order.confirm(at=SINCE)
        await store.save(order)
        found = await store.get_change_at("order-1", SINCE)
        assert found is not None
        assert (found.version, found.order.status) == (2, "processing")

    async def test_pages_through_a_history(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        await save_a_delivered_order(store, "order-2")
        for after in range(6):
            for limit in range(1, 6):
                assert await store.list_changes("order-1", after, limit) == changes[after : after + limit]
        assert await store.list_changes("order-1", -1, 10) == changes
        for huge in HUGE:
            assert await store.list_changes("order-1", huge, 10) == []

    async def test_chains_the_changes_of_an_order(self, store: OrderStore) -> None:
        changes = await save_a_delivered_order(store)
        others = await save_a_delivered_order(store, "order-2")

        assert [change.previous_hash for change in changes] == ["", *(change.hash for change in changes[:-1])]
        assert len({change.hash for change in changes + others}) == 8
        assert all(change.intact and len(change.hash) == 64 for change in changes + others)
        order = await store.get_by_id("order-1")
        assert order is not None
        assert order.last_hash == changes[-1].hash

    async def test_is_found_in_order_when_verified(self, store: OrderStore) -> None:
        await save_a_delivered_order(store)
        await store.save(pending_order(2), pending_order(3))
        report = await VerifyOrdersUseCase(store).execute()
        assert (report.orders, report.changes, report.problems) == (3, 6, [])
