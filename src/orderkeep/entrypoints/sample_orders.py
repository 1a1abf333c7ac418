"""The sample orders of a small shop, always the same."""

import re
from asyncio import gather
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.list_orders import EVERYTHING
from orderkeep.bootstrap import UseCases
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentKind
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.domain.policies import NO_POLICIES

DEMO_ACTOR = Actor(ActorKind.STAFF, "demo", EVERY_SCOPE)
"""The same for every user: idempotency keys are an actor's own, and running the demo again must change nothing."""

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
CUSTOMERS = {
    "anna": ("Anna Berg", "Lindenweg 3", "10115", "Berlin", "DE"),
    "ben": ("Ben Carter", "12 Mill Lane", "LS1 4AB", "Leeds", "GB"),
    "chloé": ("Chloé Martin", "8 rue des Lilas", "69003", "Lyon", "FR"),
    "david": ("David Novák", "Lipová 21", "602 00", "Brno", "CZ"),
    "emine": ("Emine Aksoy", "Gül Sokak 5", "06420", "Ankara", "TR"),
    "farid": ("Farid Haddad", "4 avenue des Pins", "1050", "Bruxelles", "BE"),
    "greta": ("Greta Lund", "Björkvägen 17", "412 58", "Göteborg", "SE"),
    "håkon": ("Håkon Dahl", "Fjordgata 9", "5003", "Bergen", "NO"),
    "inés": ("Inés Romero", "Calle del Olmo 30", "28012", "Madrid", "ES"),
    "jürgen": ("Jürgen Weiß", "Am Markt 1", "4020", "Linz", "AT"),
    "kaito": ("Kaito Mori", "2-7-1 Sakura", "160-0022", "Tokyo", "JP"),
    "lena": ("Lena Kowalska", "ul. Polna 14", "00-625", "Warszawa", "PL"),
}
"""Made-up customers: name, street, postal code, city and country by user."""

REASONS = (("customer_request", "Ordered twice by mistake."), ("out_of_stock", None), ("payment_failed", None))
TAGS = ("gift", "express", "b2b")
STEPS = ("confirm_order", "ship_order", "deliver_order")


async def store_samples(
    use_cases: UseCases, orders: int, advance: Callable[[int], None] = lambda _: None
) -> list[tuple[OrderDTO, bool]]:
    """Store sample orders. Return each, and whether it is new. `advance` is called with the number of stored ones."""
    stored: list[tuple[OrderDTO, bool]] = []
    now = utc_now()
    for start in range(1, orders + 1, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, orders + 1))
        stored += await gather(*(_store_sample(number, use_cases, now) for number in numbers))
        advance(len(numbers))
    return stored


async def find_other_order(use_cases: UseCases) -> str | None:
    """Return the ID of an order that is no sample order, or None."""
    async for json in use_cases.export_orders.execute(EVERYTHING, DEMO_ACTOR):
        order = msgspec.json.decode(json)
        number = re.fullmatch("web-([0-9]{4,6})", order["external_ref"] or "")
        sample = _sample_order(int(number[1]) - 1000, Random(int(number[1]) - 1000)) if number else None  # noqa: S311
        if sample is None or (order["user_id"], order["total"]) != (sample.user_id, sample.total):
            found: str = order["id"]
            return found
    return None


async def _store_sample(number: int, use_cases: UseCases, now: datetime) -> tuple[OrderDTO, bool]:
    """Place an order and apply its commands, with clocks in the past. Return it, and whether it is new. Each request
    has an idempotency key, so running it again changes nothing.
    """
    chance = Random(number)  # noqa: S311  # sample data, not secret
    order = _sample_order(number, chance)
    age = LONGEST_AGE * chance.random() ** 2
    reason, note = chance.choice(REASONS)
    steps = _steps(chance, age)
    commands = _commands(number, order, steps, {"reason": reason, "note": note})
    pause = min(timedelta(hours=chance.uniform(1, 30)), age / (len(commands) + 1))

    async def run(step: int, key: str, name: str, subject: PlaceOrder | str, **options: Any) -> CommandResult:
        use_case: Any = copy(getattr(use_cases, name))
        use_case.clock, use_case.policies = lambda: now - age + step * pause, NO_POLICIES
        request = CommandContext(actor=DEMO_ACTOR, key=f"demo {number} {key}")
        result: CommandResult = await use_case.execute(subject, context=request, **options)
        return result

    placed = result = await run(0, "0", "place_order", order)
    for step, (name, options) in enumerate(commands, start=1):
        key = str(steps.index(name) + 1) if name in steps else name
        result = await run(step, key, name, placed.order.id, **options)
    return result.order, not placed.replayed


def _commands(
    number: int, order: PlaceOrder, steps: tuple[str, ...], cancellation: dict[str, str | None]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the steps of an order, and what else happens to it in a shop, each with its options."""
    tracking = {"carrier": "DHL", "tracking_number": f"JD{number:08}"}
    first = (LineQuantity("l1", 1),)
    commands: list[tuple[str, dict[str, Any]]] = []
    if number % 4:
        paid = {"reference": f"pay-{number}", "kind": PaymentKind.CAPTURED, "amount": order.total, "method": "card"}
        commands.append(("record_payment", paid))
    for name in steps:
        commands.append((name, cancellation if name == "cancel_order" else {}))
        if name == "ship_order":
            commands.append(("update_shipment", {"shipment_id": "s1", "changes": tracking}))
    if not steps and number % 3 == 0:
        commands.append(("hold_order", {"reason": "The address is not complete."}))
    if steps == STEPS[:1] and number % 2 and sum(line.quantity for line in order.lines) > 1:
        commands.append(("add_shipment", {"lines": first, **tracking}))
    if steps == STEPS and number % 3 == 0:
        commands.append(("request_return", {"lines": first, "reason": "It arrived damaged."}))
        if number % 2:
            commands.append(("receive_return", {"return_id": "r1"}))
    is_returned = any(name == "receive_return" for name, _ in commands)
    if number % 4 and number % 2 and ("cancel_order" in steps or is_returned):
        reference, back = f"refund-{number}", order.lines[0].unit_price if is_returned else order.total
        refund = {"reference": reference, "amount": back, "reason": "return" if is_returned else "cancellation"}
        commands.append(("add_refund", refund))
        commands.append(("close_refund", {"reference": reference, "status": "succeeded"}))
    if number % 5 == 0:
        commands.append(("add_note", {"text": "The customer called and asked when it arrives."}))
    return commands


def _sample_order(number: int, chance: Random) -> PlaceOrder:
    lines = tuple(_line(chance, *item) for item in chance.sample(ITEMS, chance.choice((1, 1, 2, 2, 3, 4))))
    goods = sum(line.quantity * line.unit_price - line.discount for line in lines)
    shipping = 0 if goods >= 15_000 else 490
    user_id = chance.choice(tuple(CUSTOMERS))
    return PlaceOrder(
        user_id=user_id,
        total=goods + shipping,
        currency="EUR",
        lines=lines,
        shipping=shipping,
        external_ref=f"web-{1000 + number}",
        tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 0, 1, 1, 2)))),
        metadata={"channel": chance.choice(("web", "web", "shop", "phone"))},
        personal=_person(user_id),
    )


def _person(user_id: str) -> PersonalData:
    name, line1, postal_code, city, country = CUSTOMERS[user_id]
    customer = Customer(name, f"{user_id}@example.com")
    return PersonalData(customer, Address(name=name, line1=line1, city=city, postal_code=postal_code, country=country))


def _line(chance: Random, sku: str, name: str, price: int) -> LineDTO:
    quantity = chance.choice((1, 1, 1, 2, 2, 4, 6))
    discount = price * quantity // 10 if chance.random() < 0.15 else 0
    return LineDTO(sku, name, quantity, price, discount)


def _steps(chance: Random, age: timedelta) -> tuple[str, ...]:
    if chance.random() < 0.12:
        return chance.choice((("cancel_order",), ("confirm_order", "cancel_order")))
    return STEPS[: int(age / timedelta(days=2)) + chance.choice((0, 0, 1))]
