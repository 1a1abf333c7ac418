"""`orderkeep place`: an order from options, with amounts in major units, or from JSON as the HTTP API takes it."""

import csv
from contextlib import suppress
from typing import IO, Any

import click
import msgspec

from orderkeep.application.access.actor import Actor
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.ports import OrderFilter
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.bootstrap import UseCases
from orderkeep.domain.exceptions import InvalidOrder, OrderkeepError, TotalMismatch
from orderkeep.domain.personal_data import merged
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.amounts import minor_units
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.failures import INVALID, Failure
from orderkeep.entrypoints.cli.options import key_values, new_order_options, personal_data_options, text
from orderkeep.entrypoints.cli.session import Session

AMOUNTS = ("total", "shipping", "discount", "tax")

LARGEST_ORDER = 4 * 1024 * 1024
"""In bytes. The largest valid order has half of it."""

LINE_HELP = "Order line, as SKU,NAME,QUANTITY,PRICE[,DISCOUNT[,TAX]]. Repeatable."
DATA_HELP = "Read the whole order as JSON from FILE; - for stdin."


@command(
    "place",
    """
    Amounts in options are in major units: 99.00, or 12.345 in KWD. Discount and tax of a --line apply to the whole
    line; quote a name that contains a comma. Without --total, the total is lines + shipping + tax - discount.

    --ship-to and --bill-to set one field of an address each: --ship-to city=Leeds --ship-to country=GB.

    With --data, the order is read as the JSON of the HTTP API, with amounts in minor units: 9900 is 99.00 EUR.

    Prints the order: JSON, or a table on a terminal.
    """,
)
@click.option("--user", "user_id", type=text, metavar="ID", help="User who owns the order.")
@click.option("--currency", type=text, metavar="CODE", help="ISO 4217 code, such as EUR.")
@click.option("--total", type=text, metavar="AMOUNT", help="Amount to pay. Default: computed from the lines.")
@click.option("--line", "lines", type=text, multiple=True, metavar="LINE", help=LINE_HELP)
@click.option("--shipping", type=text, metavar="AMOUNT", help="Shipping cost.")
@click.option("--discount", type=text, metavar="AMOUNT", help="Discount on the whole order.")
@click.option("--tax", type=text, metavar="AMOUNT", help="Tax on the whole order.")
@click.option("--external-ref", type=text, metavar="REF", help="Your own reference for the order.")
@click.option("--tag", "tags", type=text, multiple=True, metavar="TAG", help="Label to find the order by. Repeatable.")
@click.option("--metadata", type=text, multiple=True, metavar="KEY=VALUE", help="Data of your own. Repeatable.")
@click.option("--data", type=click.File("rb"), metavar="FILE", help=DATA_HELP)
@personal_data_options
@new_order_options
def place_command(
    session: Session,
    data: IO[bytes] | None,
    personal: dict[str, dict[str, str]],
    request: CommandContext,
    **options: Any,
) -> None:
    given = {name: value for name, value in options.items() if value not in (None, ())}
    given |= {"personal": merged(None, personal)} if personal else {}
    if data is None:
        order = _order_from_options(given)
    elif given:
        raise click.UsageError("--data cannot be combined with options that describe the order.")
    else:
        order = _order_from_json(data)
        session.options = {}  # messages name the fields of the JSON

    async def place(use_cases: UseCases) -> tuple[CommandResult, int]:
        placed = await use_cases.place_order.execute(order, request)
        return placed, await _count_others(use_cases, placed.order, session.actor)

    try:
        result, others = session.run(place)
    except TotalMismatch as error:
        if data is None and error.expected < 0:
            raise InvalidOrder("must not exceed lines + shipping + tax", "discount") from None
        raise
    output.write_result(session, result)
    if others:
        have = f"{others} other {'order has' if others == 1 else 'orders have'}"
        output.say(f"{have} this external reference: check that this order is not placed twice")


async def _count_others(use_cases: UseCases, order: OrderDTO, actor: Actor) -> int:
    """Return how many other orders of the first page have the same external reference; 0 if that cannot be read."""
    if order.external_ref is None:
        return 0
    with suppress(OrderkeepError):  # such as with an API key that may only place orders
        page = await use_cases.list_orders.execute(OrderFilter(external_ref=order.external_ref), actor=actor)
        return sum(msgspec.json.decode(each)["id"] != order.id for each in page.orders)
    return 0


def _order_from_options(given: dict[str, Any]) -> PlaceOrder:
    missing = [f"--{name.removesuffix('_id')}" for name in ("user_id", "currency") if name not in given]
    if not given.keys() & {"total", "lines"}:
        missing.append("--total or --line")
    if missing:
        *others, last = missing
        names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        raise click.UsageError(f"{names} required, unless --data has the whole order.")
    currency = given["currency"]
    order = given | {name: minor_units(given[name], currency, f"--{name}") for name in AMOUNTS if name in given}
    order["lines"] = tuple(_line(text, currency) for text in order.get("lines", ()))
    order["metadata"] = key_values(order.get("metadata", ()), "--metadata")
    of_lines = sum(line.quantity * line.unit_price - line.discount + line.tax for line in order["lines"])
    computed = of_lines + order.get("shipping", 0) + order.get("tax", 0) - order.get("discount", 0)
    order.setdefault("total", max(computed, 0))
    return PlaceOrder(**order)


def _line(text: str, currency: str) -> LineDTO:
    cells = next(csv.reader([text], skipinitialspace=True), [])
    if not 4 <= len(cells) <= 6:
        raise click.BadParameter("must be SKU,NAME,QUANTITY,PRICE[,DISCOUNT[,TAX]]", param_hint="--line")
    sku, name, quantity, *amounts = (cell.strip() for cell in cells)
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) < 20):
        message = "must have a whole number as its quantity; quote a name that contains a comma"
        raise click.BadParameter(message, param_hint="--line")
    if len(amounts) > 1 and EXPONENTS.get(currency) and "." not in amounts[0]:
        message = (
            "must have a decimal point in its price if a discount follows: 47.00,5.00. If the comma is a decimal mark, "
            "write 47.50"
        )
        raise click.BadParameter(message, param_hint="--line")
    unit_price, discount, tax = [*(minor_units(amount, currency, "--line") for amount in amounts), 0, 0][:3]
    return LineDTO(sku, name, int(quantity), unit_price, discount, tax)


def _order_from_json(file: IO[bytes]) -> PlaceOrder:
    from orderkeep.entrypoints.field_errors import InvalidFields
    from orderkeep.entrypoints.schemas import read_place_order  # imports pydantic, for --data only

    body = file.read(LARGEST_ORDER + 1)
    if len(body) > LARGEST_ORDER:
        detail = f"{file.name} is larger than {LARGEST_ORDER} bytes: check that it is the right file"
        raise Failure(detail, INVALID, "too_large")
    try:
        return read_place_order(read_json(body))
    except InvalidJSON as error:
        raise Failure(f"the order {error}", INVALID, error.code) from None
    except InvalidFields as error:
        are_invalid = "1 field is invalid" if len(error.errors) == 1 else f"{len(error.errors)} fields are invalid"
        raise Failure(are_invalid, INVALID, error.code, hint="nothing was changed", errors=error.errors) from None
