"""What lists must return as orders change: by statuses, obligations, tags and references, also under writes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, OrderCommand
from orderkeep.application.dtos import CommandResult, LineDTO, OrderDTO
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.application.use_cases.list_orders import as_stored
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment, PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.domain.shipments import ShippingStatus
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import list_orders, loaded

Change = Callable[[Order], None]

LINES = (LineDTO("A-1", "Lamp", 3, 3_300),)
"""Three units of 33.00, which are the total of `small_order`."""

FLAGS = ("on_hold", "refund_due", "void_due", "needs_attention")
FILTERS: tuple[tuple[str, str | bool], ...] = (
    *(("payment_status", status) for status in PaymentStatus if status not in ("unpaid", "none_due")),
    *(("return_status", status) for status in ReturnStatus if status != "none"),
    *((flag, True) for flag in FLAGS),
)
"""The filters by what stores keep as labels."""


def payment(reference: str, kind: str, amount: int) -> Payment:
    """Return a payment of that time."""
    return Payment(reference, kind, amount, "card", SINCE)


def matches(order: OrderDTO, name: str, value: str | bool) -> bool:
    """Return whether the order matches a filter of `FILTERS`."""
    if name == "needs_attention":
        return order.on_hold or order.refund_due > 0 or order.void_due > 0 or order.return_status == "requested"
    return bool(getattr(order, name)) if value is True else getattr(order, name) == value


def hold(order: Order) -> None:
    """Put the order on hold."""
    order.put_on_hold("address", at=SINCE)


def release(order: Order) -> None:
    """Release the order."""
    order.release(at=SINCE)


async def ids_in(store: OrderStore, user_id: str | None = None, /, **given: object) -> list[str]:
    """Return the IDs of the orders in a list."""
    where = as_stored(OrderFilter(user_id=user_id, **given))  # type: ignore[arg-type]
    return [order.id for order in await list_orders(store, where)]


class AnyCommand(OrderCommand):
    """A command that makes any change."""

    scope = Scope.WRITE


async def change(store: OrderStore, order_id: str, do: Change) -> CommandResult:
    """Change an order as use cases do: repeated after a lost race."""
    return await AnyCommand(store, store).change(order_id, do, SYSTEM_CONTEXT, ("change", ()))


PAID_SHIPPED_AND_RETURNED: Sequence[Change] = (
    hold,
    lambda order: order.record_payment(payment("p1", "authorized", 5_000), at=SINCE),
    lambda order: order.record_payment(payment("p2", "authorized", 4_900), at=SINCE),
    release,
    lambda order: order.record_payment(payment("p1", "captured", 5_000), at=SINCE),
    lambda order: order.record_payment(payment("p2", "captured", 4_900), at=SINCE),
    lambda order: order.confirm(at=SINCE),
    lambda order: order.add_shipment([LineQuantity("l1", 1)], at=SINCE),
    lambda order: order.ship(at=SINCE),
    lambda order: order.deliver(at=SINCE),
    lambda order: order.request_return([LineQuantity("l1", 1)], at=SINCE),
    lambda order: order.receive_return("r1", at=SINCE),
    lambda order: order.record_payment(payment("p3", "captured", 100), at=SINCE),
    lambda order: order.add_refund("f1", 3_400, at=SINCE),
    lambda order: order.close_refund("f1", "succeeded", at=SINCE),
    lambda order: order.request_return(at=SINCE),
    lambda order: order.receive_return("r2", at=SINCE),
    lambda order: order.add_refund("f2", 6_600, at=SINCE),
    lambda order: order.close_refund("f2", "succeeded", at=SINCE),
)
"""The changes of an order that together make it match each of `FILTERS` but `void_due`."""

AUTHORIZED_AND_CANCELLED: Sequence[Change] = (
    lambda order: order.record_payment(payment("p1", "authorized", 9_900), at=SINCE),
    lambda order: order.cancel(at=SINCE),
    lambda order: order.record_payment(payment("p1", "captured", 9_900), at=SINCE),
)
"""The changes of one of which an authorization is to be voided, and is captured instead."""


class ListContract:
    """An order enters and leaves a list in the commit that changes it."""

    async def test_lists_by_statuses_and_obligations_as_they_are_now(self, store: OrderStore) -> None:
        await store.save(small_order("order-1", user_id="user-1"))
        seen = set[tuple[str, str | bool]]()
        for number, steps in enumerate((PAID_SHIPPED_AND_RETURNED, AUTHORIZED_AND_CANCELLED), start=2):
            order_id, user = f"order-{number}", f"user-{number}"
            await store.save(small_order(order_id, user_id=user, lines=LINES))
            listed = dict.fromkeys(FILTERS, False)
            for step in steps:
                await change(store, order_id, step)
                order = OrderDTO.of(await loaded(store, order_id))
                for name, value in FILTERS:
                    now, before = matches(order, name, value), listed[name, value]
                    expected = [order_id] if now else []
                    assert await ids_in(store, user, **{name: value}) == expected, (name, value, order)
                    if now or before:
                        assert (order_id in await ids_in(store, **{name: value})) == now, (name, value, order)
                    listed[name, value] = now
                    seen |= {(name, value)} if now else set()
        assert seen == set(FILTERS)
        assert await ids_in(store, "user-1", needs_attention=True) == []

    async def test_lists_by_shipping_status(self, store: OrderStore) -> None:
        statuses = ("pending", "processing", "shipped", "delivered", "cancelled")
        await store.save(*(small_order(f"order-{status}", status=status, lines=LINES) for status in statuses))
        await change(store, "order-processing", lambda order: order.add_shipment([LineQuantity("l1", 1)], at=SINCE))
        found = {shipping: await ids_in(store, shipping_status=shipping) for shipping in ShippingStatus}
        assert found == {
            "unshipped": ["order-pending"],
            "partially_shipped": ["order-processing"],
            "shipped": ["order-shipped"],
            "delivered": ["order-delivered"],
            "none": ["order-cancelled"],
        }

    async def test_finds_an_order_by_its_new_tags_and_reference_only(self, store: OrderStore) -> None:
        await store.save(small_order("order-1", tags=("gift", "late")), small_order("order-2", tags=("gift",)))
        for tags, ref in ((("late", "fragile"), "web-1"), ((), "web-1"), (("gift",), "web-1")):
            order = await loaded(store, "order-1")
            order.tags, order.external_ref = tags, ref
            await store.save(order)
            for tag in ("gift", "late", "fragile"):
                others = ["order-2"] if tag == "gift" else []
                own = ["order-1"] if tag in tags else []
                assert await ids_in(store, tag=tag) == others + own
                assert await ids_in(store, "user-42", tag=tag) == others + own
            assert await ids_in(store, external_ref="web-1") == ["order-1"]
            assert await ids_in(store, "user-42", external_ref="web-1") == ["order-1"]
        assert (await loaded(store, "order-1")).tags == ("gift",)

    async def test_rejected_save_leaves_lists_as_they_are(self, store: OrderStore) -> None:
        await store.save(small_order("order-1", tags=("gift",)))
        stale = await loaded(store, "order-1")
        await change(store, "order-1", lambda order: order.confirm(at=SINCE))
        stale.tags, stale.external_ref = ("late",), "web-1"
        hold(stale)
        with pytest.raises(ConcurrentUpdate):
            await store.save(stale)
        with pytest.raises(ConcurrentUpdate):
            await store.save(small_order("order-2", tags=("late",)), stale)
        found = [await ids_in(store, **{name: value}) for name, value in (("tag", "late"), ("external_ref", "web-1"))]
        assert (found, await ids_in(store, on_hold=True)) == ([[], []], [])
        assert await ids_in(store, tag="gift") == ["order-1"]

    async def test_attention_queue_loses_no_order_and_keeps_none_under_writes(self, store: OrderStore) -> None:
        always, never, changing = ([f"{kind}-{number}" for number in range(4)] for kind in ("held", "fine", "moving"))
        await store.save(*(small_order(order_id) for order_id in (*always, *never, *changing)))
        for order_id in always:
            await change(store, order_id, hold)

        async def write(order_id: str) -> None:
            for number in range(6):
                if order_id in changing:
                    await change(store, order_id, release if number % 2 else hold)
                await change(store, order_id, lambda order: order.add_note("called", "internal", at=SINCE))
            if order_id in changing[:2]:
                await change(store, order_id, hold)

        writers = asyncio.gather(*(write(order_id) for order_id in (*always, *never, *changing)))
        while True:
            done = writers.done()
            queue = await ids_in(store, needs_attention=True)
            assert len(queue) == len(set(queue)), queue
            assert set(always) <= set(queue) <= {*always, *changing}, queue
            if done:
                break
            await asyncio.sleep(0)
        await writers
        assert sorted(queue) == sorted([*always, *changing[:2]])
        for order_id in changing:
            assert (await loaded(store, order_id)).on_hold == (order_id in queue)
