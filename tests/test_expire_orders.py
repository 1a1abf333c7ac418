"""Expiring unpaid orders: which are cancelled, which are kept, and that it may run again and beside other writers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import ATTEMPTS
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.use_cases.expire_orders import ExpireOrdersUseCase, ExpiryReport
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.payments import Payment
from orderkeep.domain.policies import Policies
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CUTOFF = NOON - timedelta(hours=48)
ADMIN = Actor(ActorKind.STAFF, "cron", frozenset({Scope.ADMIN}))


def paid(order: Order) -> None:
    order.record_payment(Payment("pay-1", "authorized", 1, None, CUTOFF), at=CUTOFF)


def order(number: int, *changes: Callable[[Order], None], age: int = 49, status: str = "pending") -> Order:
    made = small_order(f"order-{number}", at=NOON - timedelta(hours=age), status=status)
    for change in changes:
        change(made)
    return made


TWO_DAYS = Policies(expire_after_hours=48)


def expiry(store: InMemoryOrderRepository, policies: Policies = TWO_DAYS) -> ExpireOrdersUseCase:
    return ExpireOrdersUseCase(store, clock=lambda: NOON, policies=policies)


async def test_cancels_old_unpaid_orders_and_keeps_all_others() -> None:
    store = InMemoryOrderRepository(
        [
            order(1, age=50),
            order(2),
            order(3, age=48),
            order(4, age=1),
            order(5, paid),
            order(6, lambda each: each.put_on_hold("fraud", at=CUTOFF)),
            order(7, lambda each: each.put_on_hold("fraud", until=NOON, at=CUTOFF)),
            order(8, status="processing"),
            order(9, status="cancelled"),
        ]
    )
    seen: list[int] = []
    report = await expiry(store).execute(on_progress=seen.append, actor=ADMIN)
    assert report == ExpiryReport(4, ("order-7", "order-2", "order-1"))
    assert sum(seen) == 4
    for number in range(1, 9):
        found = await store.get_by_id(f"order-{number}")
        assert found is not None
        reason = found.cancellation and found.cancellation.reason
        assert (found.id in report.expired) == (reason == "expired") == (found.status == "cancelled"), found
    [_, change] = await store.list_changes("order-2", 0, 10)
    assert (change.actor, change.at, change.key is None) == ("staff:cron", NOON, False)


async def test_second_run_changes_nothing() -> None:
    store = InMemoryOrderRepository([order(1), order(2, paid)])
    await expiry(store).execute()
    assert await expiry(store).execute() == ExpiryReport(0, ())
    assert not await expiry(store).expire("order-1", CUTOFF)
    assert len(await store.list_changes("order-1", 0, 10)) == 2


async def test_dry_run_reports_and_writes_nothing() -> None:
    store = InMemoryOrderRepository([order(1)])
    assert await expiry(store).execute(dry_run=True) == ExpiryReport(1, ("order-1",), dry_run=True)
    assert len(await store.list_changes("order-1", 0, 10)) == 1


async def test_reads_all_pages() -> None:
    store = InMemoryOrderRepository([order(number, age=50 + number % 7) for number in range(450)])
    report = await expiry(store).execute()
    assert (report.checked, len({*report.expired})) == (450, 450)


@pytest.mark.parametrize("hours, expected", [(48, ()), (47, ("order-1",)), (87_600, ())])
async def test_older_than_replaces_the_policy(hours: int, expected: tuple[str, ...]) -> None:
    store = InMemoryOrderRepository([order(1, age=48)])
    assert (await expiry(store, Policies(expire_after_hours=1)).execute(hours)).expired == expected


@pytest.mark.parametrize(
    "hours, message",
    [
        (None, "is required, unless ORDERKEEP_EXPIRE_AFTER_HOURS is set"),
        (0, "must be from 1 to 87600 hours"),
        (87_601, "must be from 1 to 87600 hours"),
    ],
)
async def test_age_is_required_and_bounded(hours: int | None, message: str) -> None:
    store = InMemoryOrderRepository([order(1)])
    with pytest.raises(InvalidQuery) as raised:
        await expiry(store, Policies()).execute(hours)
    assert (str(raised.value), raised.value.parameter) == (message, "older_than")


class Busy(InMemoryOrderRepository):
    """A store in which other writers are always first, or once, with a payment."""

    conflicts, is_paid = ATTEMPTS, False

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        if orders[0].id == "order-1" and orders[0].version and self.conflicts:
            self.conflicts -= 1
            if self.is_paid:
                rival = await self.get_by_id("order-1")
                assert rival is not None
                paid(rival)
                await super().save(rival)
            raise ConcurrentUpdate("order-1")
        return await super().save(*orders)


async def test_order_that_other_writers_change_all_the_time_is_left_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orderkeep.application.change_order.LONGEST_PAUSE_SECONDS", 0)
    store = Busy([order(1), order(2)])
    assert await expiry(store).execute() == ExpiryReport(2, ("order-2",))
    assert await expiry(store).execute() == ExpiryReport(1, ("order-1",))


async def test_payment_that_is_recorded_first_keeps_the_order() -> None:
    store = Busy([order(1)])
    store.conflicts, store.is_paid = 1, True
    assert await expiry(store).execute() == ExpiryReport(1, ())
    found = await store.get_by_id("order-1")
    assert found is not None
    assert (found.status, found.payment_status) == ("pending", "partially_authorized")


class Counting(InMemoryOrderRepository):
    """A store that counts the orders that are loaded."""

    loads = 0

    async def get_by_id(self, order_id: str) -> Order | None:
        self.loads += 1
        return await super().get_by_id(order_id)


async def test_loads_only_orders_that_are_unpaid() -> None:
    store = Counting([order(1), *(order(number, paid) for number in range(2, 9))])
    assert await expiry(store).execute() == ExpiryReport(1, ("order-1",))
    assert store.loads == 1
