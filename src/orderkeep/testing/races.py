"""Races of commands and facts on one order: one consistent outcome, no lost fact, and the right obligations."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from orderkeep.application.dtos import CommandResult, OrderDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.expire_orders import ExpireOrdersUseCase
from orderkeep.application.use_cases.record_payment import RecordPaymentUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.domain.lines import LineQuantity
from orderkeep.testing.lists import LINES, Change, change, payment
from orderkeep.testing.orders import SINCE, own_user, small_order
from orderkeep.testing.stores import loaded


class RaceContract:
    """Concurrent changes of one order end as one of their sequences does. More `rounds` find rarer faults."""

    rounds = 3

    async def test_refunds_at_once_cannot_exceed_what_was_captured(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order = await placed(store, "pending", ("p1", "captured", 9_900))
            refunds: list[Change] = [refund(f"refund-{number}", 4_000) for number in range(4)]
            done = await raced(store, order.id, refunds, rejected=2)
            assert (
                sorted(each.code for each in done if isinstance(each, CommandRejected))
                == ["refund_exceeds_payments"] * 2
            )
            found = await loaded(store, order.id)
            assert (len(found.refunds), found.balance.refund_pending, found.balance.refundable) == (2, 8_000, 1_900)
            await assert_history(store, found, ["RefundCreated"] * 2)

    async def test_same_payment_at_once_is_recorded_once(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order = await placed(store, "pending")
            again: list[Change] = [pay("p1", "captured", 9_900)] * 6
            done = await raced(store, order.id, [*again, pay("p2", "captured", 100)])
            assert sum(not each.unchanged for each in done if isinstance(each, CommandResult)) == 2
            found = await loaded(store, order.id)
            assert sorted((each.reference, each.amount) for each in found.payments) == [("p1", 9_900), ("p2", 100)]
            assert (found.payment_status, found.balance.refund_due) == ("overpaid", 100)
            await assert_history(store, found, ["ObligationsChanged", "PaymentRecorded", "PaymentRecorded"])

    async def test_cancel_and_partial_shipment_do_not_both_win(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order = await placed(store, "processing")
            await raced(store, order.id, [cancel, ship_one] * 2, rejected=None)
            found = await loaded(store, order.id)
            [line] = found.lines
            if found.status == "cancelled":
                assert (line.cancelled, line.shipped, found.shipments) == (3, 0, ())
                await assert_history(store, found, ["OrderCancelled"])
            else:
                assert (line.cancelled, line.shipped, len(found.shipments)) == (0, 2, 2)
                assert found.status == "partially_shipped"
                await assert_history(store, found, ["ShipmentCreated"] * 2)

    async def test_capture_and_cancel_both_happen_and_a_refund_is_due(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order = await placed(store, "processing", ("p1", "authorized", 9_900))
            await raced(store, order.id, [cancel, pay("p1", "captured", 9_900)])
            found = await loaded(store, order.id)
            assert (found.status, found.payment_status) == ("cancelled", "overpaid")
            assert (found.balance.captured, found.balance.refund_due, found.balance.void_due) == (9_900, 9_900, 0)

    async def test_capture_keeps_the_order_or_is_refunded_after_its_expiry(self, store: OrderStore) -> None:
        expiry, payments = ExpireOrdersUseCase(store), RecordPaymentUseCase(store, store)
        for number in range(2 * self.rounds):
            order = await placed(store, "pending")
            before = order.created_at + timedelta(hours=1)
            first, *expiries = [expiry.expire(order.id, before) for _ in range(3)]
            capture = payments.execute(order.id, "p1", "captured", 9_900)
            both = (capture, first) if number % 2 else (first, capture)
            done = await asyncio.gather(*both, *expiries)
            [paid] = [each for each in done if isinstance(each, CommandResult)]
            found = await loaded(store, order.id)
            assert (paid.replayed, paid.order.captured, paid.order.status) == (False, 9_900, found.status)
            if found.status == "cancelled":
                assert (done.count(True), found.payment_status, found.version) == (1, "overpaid", 3)
                assert found.balance.refund_due == 9_900
                await assert_history(store, found, ["OrderCancelled", "PaymentRecorded", "ObligationsChanged"])
            else:
                assert (done.count(True), found.status, found.payment_status) == (0, "pending", "paid")
                await assert_history(store, found, ["OrderImported", "PaymentRecorded"])
            assert not await expiry.expire(order.id, before)

    async def test_cancelled_and_shipped_units_never_exceed_the_ordered_ones(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order = await placed(store, "processing", ("p1", "captured", 9_900))
            await raced(store, order.id, [cancel_two, ship_all], rejected=None)
            found = await loaded(store, order.id)
            [line] = found.lines
            assert found.status == "shipped"
            assert (line.cancelled, line.shipped) in ((2, 1), (0, 3))
            assert found.balance.refund_due == line.cancelled * 3_300


def pay(reference: str, kind: str, amount: int) -> Change:
    """Return the change that records a payment."""
    return lambda order: order.record_payment(payment(reference, kind, amount), at=SINCE)


def refund(reference: str, amount: int) -> Change:
    """Return the change that adds a refund."""
    return lambda order: order.add_refund(reference, amount, at=SINCE)


def cancel(order: Order) -> None:
    """Cancel the order."""
    order.cancel(at=SINCE)


def ship_one(order: Order) -> None:
    """Ship one of three units."""
    order.add_shipment([LineQuantity("l1", 1)], at=SINCE)


def ship_all(order: Order) -> None:
    """Ship what is left."""
    order.ship(at=SINCE)


def cancel_two(order: Order) -> None:
    """Cancel two of three units."""
    order.cancel_lines([LineQuantity("l1", 2)], at=SINCE)


async def placed(store: OrderStore, status: str, *payments: tuple[str, str, int]) -> Order:
    """Save a new order of three units, with payments."""
    order = small_order(new_order_id(), user_id=own_user(), status=status, lines=LINES)
    await store.save(order)
    for each in payments:
        pay(*each)(order)
        await store.save(order)
    return order


async def raced(
    store: OrderStore, order_id: str, changes: Sequence[Change], *, rejected: int | None = 0
) -> list[CommandResult | BaseException]:
    """Make the changes at once, and return the results. All are made, except for that many which the order rejects
    (None: any number but all). Each that has an effect is one version.
    """
    before = (await loaded(store, order_id)).version
    done = await asyncio.gather(*(change(store, order_id, each) for each in changes), return_exceptions=True)
    failed = [each for each in done if isinstance(each, BaseException)]
    assert all(isinstance(each, CommandRejected) for each in failed), failed
    assert len(failed) == rejected if rejected is not None else len(failed) < len(changes), failed
    made = [each.version for each in done if isinstance(each, CommandResult) and not each.unchanged]
    stored = [each.version for each in await store.list_changes(order_id, before, 100)]
    assert sorted(made) == stored == [before + number for number, _ in enumerate(made, start=1)]
    return done


async def assert_history(store: OrderStore, order: Order, expected: Sequence[str]) -> None:
    """Check that the last changes of the order have these events, in any order, and lead to what is stored."""
    changes = await store.list_changes(order.id, 0, 100)
    assert changes[-1].order == OrderDTO.of(order)
    events = [event.type for each in changes for event in each.events]
    assert sorted(events[-len(expected) :]) == sorted(expected), events
