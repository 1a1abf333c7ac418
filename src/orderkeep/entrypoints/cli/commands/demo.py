"""`orderkeep demo`: the sample orders of a small shop, always the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import command
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

AT_ONCE = 32


@command(
    "demo",
    """
    The orders are always the same, with dates in the last 30 days. Running it again changes nothing; a larger N adds
    orders. Prints the number of orders in each status, and what to try next.
    """,
)
@click.option(
    "--orders", type=click.IntRange(1, 100_000), default=50, metavar="N", help="Number of orders. Default: 50."
)
def demo_command(session: Session, orders: int) -> None:
    async def fill(use_cases: UseCases) -> list[tuple[OrderDTO, bool]]:
        stored: list[tuple[OrderDTO, bool]] = []
        samples, now = sample_orders(orders), utc_now()
        for start in range(0, orders, AT_ONCE):
            batch = samples[start : start + AT_ONCE]
            stored += await asyncio.gather(*(_store(sample, use_cases, now) for sample in batch))
            advance(len(batch))
        return stored

    with output.progress("Filling the store", orders) as advance:
        stored = session.run(fill)
    statuses = Counter(order.status for order, _ in stored)
    new = sum(is_new for _, is_new in stored)
    if session.as_json:
        output.write_json({"orders": orders, "new": new, "statuses": statuses})
        return
    output.write_facts(session, (("orders", orders), ("new", new), *sorted(statuses.items())))
    example = next((order.id for order, _ in stored if order.status == "pending"), stored[0][0].id)
    suggestions = ("list --status pending", f"confirm {example}", f"history {example}", "export orders.csv", "serve")
    for line in ("", "Try next:", *(f"  orderkeep {suggestion}" for suggestion in suggestions)):
        click.echo(line, err=True)


# --- the orders ---


ITEMS = (
    ("LAMP-01", "Desk lamp, brass", 8900),
    ("LAMP-02", "Floor lamp, oak", 14900),
    ("BULB-E27", "Bulb E27, warm white", 649),
    ("SHELF-80", "Shelf 80 cm", 3990),
    ("CHAIR-OAK", "Chair, oak", 17500),
    ("TABLE-RD", "Round table, Ø 110 cm", 42900),
    ("RUG-WOOL", "Wool rug 140 by 200 cm", 21900),
    ("VASE-BL", "Vase, blue", 2450),
)
CUSTOMERS = ("anna", "ben", "chloé", "david", "emine", "farid", "greta", "håkon", "inés", "jürgen", "kaito", "lena")
REASONS = (("customer_request", "Ordered twice by mistake."), ("out_of_stock", None), ("payment_failed", None))
TAGS = ("gift", "express", "b2b")

COMMANDS: dict[str, type[ConfirmOrderUseCase] | type[ShipOrderUseCase] | type[DeliverOrderUseCase]] = {
    "confirm": ConfirmOrderUseCase,
    "ship": ShipOrderUseCase,
    "deliver": DeliverOrderUseCase,
}

LONGEST_AGE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """What is placed, how long ago, and which commands follow, `pause` after each other."""

    number: int
    command: PlaceOrder
    age: timedelta
    steps: tuple[str, ...]
    pause: timedelta
    reason: str | None
    note: str | None


def sample_orders(count: int) -> list[SampleOrder]:
    """Return the first `count` sample orders."""
    return [_sample_order(number) for number in range(1, count + 1)]


def _sample_order(number: int) -> SampleOrder:
    chance = Random(number)  # noqa: S311  # sample data, not secret
    lines = tuple(_line(chance, item) for item in chance.sample(ITEMS, chance.choice((1, 1, 2, 2, 3, 4))))
    goods = sum(line.quantity * line.unit_price - line.discount for line in lines)
    shipping = 0 if goods >= 15_000 else 490
    command = PlaceOrder(
        user_id=chance.choice(CUSTOMERS),
        total=goods + shipping,
        currency="EUR",
        lines=lines,
        shipping=shipping,
        external_ref=f"web-{1000 + number}",
        tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 0, 1, 1, 2)))),
        metadata={"channel": chance.choice(("web", "web", "shop", "phone"))},
    )
    age = LONGEST_AGE * chance.random() ** 2
    reason, note = chance.choice(REASONS)
    return SampleOrder(number, command, age, _steps(chance, age), timedelta(hours=chance.uniform(1, 30)), reason, note)


def _line(chance: Random, item: tuple[str, str, int]) -> LineDTO:
    sku, name, price = item
    quantity = chance.choice((1, 1, 1, 2, 2, 4, 6))
    discount = price * quantity // 10 if chance.random() < 0.15 else 0
    return LineDTO(sku, name, quantity, price, discount)


def _steps(chance: Random, age: timedelta) -> tuple[str, ...]:
    if chance.random() < 0.12:
        return chance.choice((("cancel",), ("confirm", "cancel")))
    done = min(3, int(age / timedelta(days=2)) + chance.choice((0, 0, 1)))
    return ("confirm", "ship", "deliver")[:done]


async def _store(sample: SampleOrder, use_cases: UseCases, now: datetime) -> tuple[OrderDTO, bool]:
    """Place the order and apply its commands with clocks in the past. Return it, and whether it is new. Each request
    has an idempotency key, so running it again changes nothing.
    """
    placed_at = now - sample.age
    pause = min(sample.pause, sample.age / 4)

    def clock(step: int) -> Callable[[], datetime]:
        return lambda: placed_at + step * pause

    def request(step: int) -> CommandContext:
        return CommandContext(actor=CLI_ACTOR, key=f"demo {sample.number} {step}")

    store = use_cases.place_order.repo, use_cases.place_order.history
    result = await PlaceOrderUseCase(*store, clock(0)).execute(sample.command, request(0))
    is_new, order_id = not result.replayed, result.order.id
    for step, name in enumerate(sample.steps, start=1):
        if name == "cancel":
            cancel = CancelOrderUseCase(*store, clock(step))
            result = await cancel.execute(order_id, request(step), reason=sample.reason, note=sample.note)
        else:
            result = await COMMANDS[name](*store, clock(step)).execute(order_id, request(step))
    return result.order, is_new
