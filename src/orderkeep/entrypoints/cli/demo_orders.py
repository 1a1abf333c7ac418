"""Orders as a small shop has them: always the same ones, placed and moved along over the last weeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.use_cases import (
    CancelOrderUseCase,
    ConfirmOrderUseCase,
    DeliverOrderUseCase,
    PlaceOrderUseCase,
    ShipOrderUseCase,
)
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli.session import CLI_ACTOR

ARTICLES = (
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

MOVES: dict[str, type[ConfirmOrderUseCase] | type[ShipOrderUseCase] | type[DeliverOrderUseCase]] = {
    "confirm": ConfirmOrderUseCase,
    "ship": ShipOrderUseCase,
    "deliver": DeliverOrderUseCase,
}

LONGEST_AGO = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order of the demo: what is placed, how long ago, and which commands follow, how long after each other."""

    number: int
    command: PlaceOrder
    age: timedelta
    steps: tuple[str, ...]
    pause: timedelta
    reason: str | None
    note: str | None


def demo_orders(count: int) -> list[DemoOrder]:
    """Return that many orders, the same ones at every call; more of them begin with those that there are with less."""
    return [_demo_order(number) for number in range(1, count + 1)]


def _demo_order(number: int) -> DemoOrder:
    chance = Random(number)  # noqa: S311  # believable, not secret
    lines = tuple(_line(chance, article) for article in chance.sample(ARTICLES, chance.choice((1, 1, 2, 2, 3, 4))))
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
    age = LONGEST_AGO * chance.random() ** 2
    reason, note = chance.choice(REASONS)
    return DemoOrder(number, command, age, _steps(chance, age), timedelta(hours=chance.uniform(1, 30)), reason, note)


def _line(chance: Random, article: tuple[str, str, int]) -> LineDTO:
    sku, name, price = article
    quantity = chance.choice((1, 1, 1, 2, 2, 4, 6))
    discount = price * quantity // 10 if chance.random() < 0.15 else 0
    return LineDTO(sku, name, quantity, price, discount)


def _steps(chance: Random, age: timedelta) -> tuple[str, ...]:
    if chance.random() < 0.12:
        return chance.choice((("cancel",), ("confirm", "cancel")))
    done = min(3, int(age / timedelta(days=2)) + chance.choice((0, 0, 1)))
    return ("confirm", "ship", "deliver")[:done]


async def keep(order: DemoOrder, use_cases: UseCases, now: datetime) -> tuple[OrderDTO, bool]:
    """Place the order and move it along as if time had passed. Return it, and whether it is new. Each request has a
    key, so that doing it again changes nothing.
    """
    began = now - order.age
    pause = min(order.pause, order.age / 4)

    def clock(step: int) -> Callable[[], datetime]:
        return lambda: began + step * pause

    def request(step: int) -> CommandContext:
        return CommandContext(actor=CLI_ACTOR, key=f"demo {order.number} {step}")

    store = use_cases.place_order.repo, use_cases.place_order.history
    result = await PlaceOrderUseCase(*store, clock(0)).execute(order.command, request(0))
    is_new, order_id = not result.replayed, result.order.id
    for step, name in enumerate(order.steps, start=1):
        if name == "cancel":
            cancel = CancelOrderUseCase(*store, clock(step))
            result = await cancel.execute(order_id, request(step), reason=order.reason, note=order.note)
        else:
            result = await MOVES[name](*store, clock(step)).execute(order_id, request(step))
    return result.order, is_new
