"""Random commands on random orders, in random order, from a seed: each order goes through all that may happen to it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment, Refund
from orderkeep.domain.value_objects import Cancellation

START = datetime(2026, 3, 27, 20, 0, tzinfo=UTC)
"""Two days before clocks change in Europe."""

CURRENCIES = ("EUR", "JPY", "TND")
REASONS = (None, "changed mind", "sold out", 'say "no"', "Größe", "other")

Step = Callable[[Order, Random, datetime], None]


def _pay(order: Order, random: Random, at: datetime) -> None:
    kind = random.choice(["authorized", "captured", "captured", "voided", "failed"])
    amount = random.choice([order.total.minor, 1 + order.total.minor // 2]) or 1
    earlier = at - timedelta(hours=random.randrange(60))
    order.record_payment(Payment(f"p{len(order.payments)}", kind, amount, "card", earlier), at=at)


def _refund(order: Order, random: Random, at: datetime) -> None:
    order.add_refund(f"f{len(order.refunds)}", random.randint(1, max(1, order.balance.refundable)), at=at)


def _close_refund(order: Order, random: Random, at: datetime) -> None:
    reference = random.choice([each.reference for each in order.refunds] or ["none"])
    order.close_refund(reference, random.choice(["succeeded", "succeeded", "failed"]), at=at)


def _cancel(order: Order, random: Random, at: datetime) -> None:
    order.cancel(random.choice(REASONS), at=at)


def _cancel_line(order: Order, random: Random, at: datetime) -> None:
    units = [LineQuantity(random.choice(order.lines).id, 1)] if order.lines and random.random() < 0.8 else ()
    order.cancel_lines(units, random.choice(REASONS), at=at)


def _ship_some(order: Order, random: Random, at: datetime) -> None:
    units = [LineQuantity(random.choice(order.lines).id, 1)] if order.lines else ()
    order.add_shipment(units, at=at)


def _deliver_one(order: Order, random: Random, at: datetime) -> None:
    order.deliver_shipment(random.choice([each.id for each in order.shipments] or ["none"]), at=at)


STEPS: Sequence[tuple[int, Step]] = (
    (6, lambda order, _, at: order.confirm(at=at)),
    (5, _pay),
    (4, _ship_some),
    (3, lambda order, _, at: order.ship(at=at)),
    (4, _deliver_one),
    (2, lambda order, _, at: order.deliver(at=at)),
    (1, _cancel),
    (2, _cancel_line),
    (2, _refund),
    (3, _close_refund),
    (1, lambda order, _, at: order.put_on_hold("check", at=at)),
    (1, lambda order, _, at: order.release(at=at)),
    (1, lambda order, _, at: order.add_note("Called.", "internal", at=at)),
    (1, lambda order, _, at: order.request_return(at=at)),
    (1, lambda order, _, at: order.erase_personal_data(at=at, is_stored=True)),
)
"""What may happen to an order, and how often. Much of it is rejected."""


def placed(random: Random, order_id: str, at: datetime) -> Order:
    """Return a new order, some with lines, some imported with the dates of another system."""
    lines = tuple(
        LineDTO(f"A-{line}", "Lamp", random.randint(1, 3), random.randint(0, 5_000))
        for line in range(random.randrange(3))
    )
    total = sum(line.quantity * line.unit_price for line in lines) if lines else random.randint(0, 10_000)
    command = PlaceOrder(
        user_id=f"user-{random.randrange(7)}", total=total, currency=random.choice(CURRENCIES), lines=lines
    )
    order = command.to_order(order_id, at)
    if random.random() < 0.8:
        return order
    return imported(OrderDTO.of(order), random, at)


def imported(order: OrderDTO, random: Random, at: datetime) -> Order:
    """Return the order as one of another system, created and changed earlier."""
    created = at - timedelta(days=random.randint(1, 40), minutes=random.randrange(1_440))
    status = random.choice(["pending", "processing", "shipped", "delivered", "cancelled"])
    changed = created + (at - created) * random.random()
    values: dict[str, Any] = {"created_at": created, "updated_at": changed, "status": status, "lines": ()}
    if status == "cancelled" and random.random() < 0.5:
        values["cancellation"] = Cancellation(random.choice(REASONS), None, changed)
    if order.total and random.random() < 0.7:
        values["payments"] = (Payment("p-old", "captured", order.total, None, changed),)
        if random.random() < 0.3:
            values["refunds"] = (Refund("f-old", order.total, "succeeded", None, (), created, changed),)
    return replace(order, **values).to_imported_order(at)


class RandomCommands:
    """Random commands on the orders of a store. Two with the same seed and store do the same."""

    def __init__(self, store: OrderStore, seed: int, prefix: str = "order", at: datetime = START) -> None:
        self.store, self.random, self.prefix, self.at = store, Random(seed), prefix, at
        self.numbers: list[int] = []

    async def run(self, count: int) -> None:
        """Run that many commands, at times that follow one another. Many of them are rejected."""
        for _ in range(count):
            self.at += timedelta(seconds=self.random.expovariate(1 / 400))
            await self.run_one()

    async def run_one(self) -> None:
        """Place an order, or do something to one of the last ones."""
        try:
            if not self.numbers or self.random.random() < 0.12:
                number = len(self.numbers)
                await self.store.save(placed(self.random, f"{self.prefix}-{number}", self.at))
                self.numbers.append(number)
            else:
                order = await self.store.get_by_id(f"{self.prefix}-{self.random.choice(self.numbers[-60:])}")
                assert order is not None
                [step] = self.random.choices([each for _, each in STEPS], [weight for weight, _ in STEPS])
                step(order, self.random, self.at)
                if order.events:
                    await self.store.save(order)
        except OrderkeepError:  # rejected, or another process was faster
            return
