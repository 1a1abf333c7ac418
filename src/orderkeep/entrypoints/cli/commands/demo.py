"""`orderkeep demo`: the sample orders of a small shop, always the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, LineDTO, OrderDTO, PlaceOrder
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
LONGEST_AGE = timedelta(days=30)

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
STEPS = (ConfirmOrderUseCase, ShipOrderUseCase, DeliverOrderUseCase)


@command(
    "demo",
    """
    The orders are always the same, with dates in the last 30 days. Running it again changes nothing; a larger N adds
    orders. Prints the number of orders in each status, and what to try next.
    """,
)
@click.option("--orders", type=click.IntRange(1, 100_000), default=50, metavar="N", help="Sample orders. Default: 50.")
def demo_command(session: Session, orders: int) -> None:
    async def fill(use_cases: UseCases) -> list[tuple[OrderDTO, bool]]:
        stored: list[tuple[OrderDTO, bool]] = []
        now = utc_now()
        for start in range(1, orders + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, orders + 1))
            stored += await asyncio.gather(*(_store_sample(number, use_cases, now) for number in numbers))
            advance(len(numbers))
        return stored

    with output.progress("Filling the store", orders) as advance:
        stored = session.run(fill)
    statuses = Counter(order.status for order, _ in stored)
    new = sum(is_new for _, is_new in stored)
    facts = (("orders", orders), ("new", new), *sorted(statuses.items()))
    output.write_facts(session, facts, {"orders": orders, "new": new, "statuses": statuses})
    if session.as_json:
        return
    example = next((order.id for order, _ in stored if order.status == "pending"), stored[0][0].id)
    suggestions = ("list --status pending", f"confirm {example}", f"history {example}", "export orders.csv", "serve")
    for line in ("", "Try next:", *(f"  orderkeep {suggestion}" for suggestion in suggestions)):
        click.echo(line, err=True)


async def _store_sample(number: int, use_cases: UseCases, now: datetime) -> tuple[OrderDTO, bool]:
    """Place an order and apply its commands, with clocks in the past. Return it, and whether it is new. Each request
    has an idempotency key, so running it again changes nothing.
    """
    chance = Random(number)  # noqa: S311  # sample data, not secret
    order = _sample_order(number, chance)
    age = LONGEST_AGE * chance.random() ** 2
    reason, note = chance.choice(REASONS)
    steps = _steps(chance, age)
    pause = min(timedelta(hours=chance.uniform(1, 30)), age / 4)

    async def run(step: int, use_case: type[Any], subject: PlaceOrder | str, **options: Any) -> CommandResult:
        ready = use_case(use_cases.place_order.repo, use_cases.place_order.history, lambda: now - age + step * pause)
        request = CommandContext(actor=CLI_ACTOR, key=f"demo {number} {step}")
        return cast("CommandResult", await ready.execute(subject, request, **options))

    placed = result = await run(0, PlaceOrderUseCase, order)
    for step, use_case in enumerate(steps, start=1):
        options = {"reason": reason, "note": note} if use_case is CancelOrderUseCase else {}
        result = await run(step, use_case, placed.order.id, **options)
    return result.order, not placed.replayed


def _sample_order(number: int, chance: Random) -> PlaceOrder:
    lines = tuple(_line(chance, *item) for item in chance.sample(ITEMS, chance.choice((1, 1, 2, 2, 3, 4))))
    goods = sum(line.quantity * line.unit_price - line.discount for line in lines)
    shipping = 0 if goods >= 15_000 else 490
    return PlaceOrder(
        user_id=chance.choice(CUSTOMERS),
        total=goods + shipping,
        currency="EUR",
        lines=lines,
        shipping=shipping,
        external_ref=f"web-{1000 + number}",
        tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 0, 1, 1, 2)))),
        metadata={"channel": chance.choice(("web", "web", "shop", "phone"))},
    )


def _line(chance: Random, sku: str, name: str, price: int) -> LineDTO:
    quantity = chance.choice((1, 1, 1, 2, 2, 4, 6))
    discount = price * quantity // 10 if chance.random() < 0.15 else 0
    return LineDTO(sku, name, quantity, price, discount)


def _steps(chance: Random, age: timedelta) -> tuple[type[Any], ...]:
    if chance.random() < 0.12:
        return chance.choice(((CancelOrderUseCase,), (ConfirmOrderUseCase, CancelOrderUseCase)))
    return STEPS[: int(age / timedelta(days=2)) + chance.choice((0, 0, 1))]
