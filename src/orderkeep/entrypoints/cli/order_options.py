"""An order to place, from the options of the command line: amounts in major units."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any

import click

from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.value_objects import Money

AMOUNTS = ("total", "shipping", "discount", "tax")
LINE_AMOUNTS = ("unit_price", "discount", "tax")


def read_order_options(given: dict[str, Any]) -> PlaceOrder:
    """Return the order that the options describe. Raises `click.UsageError`; the rules of orders are checked later."""
    for name, option in (("user_id", "--user"), ("currency", "--currency")):
        if name not in given:
            raise click.UsageError(f"{option} is missing: give it, or the whole order with --data.")
    if "total" not in given and "lines" not in given:
        raise click.UsageError("--total is missing: give it, or at least one --line.")
    order = dict(given)
    currency = order["currency"]
    for name in AMOUNTS:
        if name in order:
            order[name] = _minor(order[name], currency, f"--{name}")
    order["lines"] = tuple(_line(text, currency) for text in order.get("lines", ()))
    order["metadata"] = _metadata(order.get("metadata", ()))
    order.setdefault("total", _sum(order))
    return PlaceOrder(**order)


def _line(text: str, currency: str) -> LineDTO:
    cells = next(csv.reader([text], skipinitialspace=True), [])
    if not 4 <= len(cells) <= 6:
        raise click.BadParameter("must be SKU,NAME,QUANTITY,PRICE[,DISCOUNT[,TAX]]", param_hint="--line")
    sku, name, quantity, *amounts = (cell.strip() for cell in cells)
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) < 20):
        raise click.BadParameter("must have a whole number as its quantity", param_hint="--line")
    read = (_minor(amount, currency, "--line") for amount in amounts)
    return LineDTO(sku, name, int(quantity), **dict(zip(LINE_AMOUNTS, read, strict=False)))


def _metadata(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if not all(equals for _, equals, _ in pairs):
        raise click.BadParameter("must be KEY=VALUE", param_hint="--metadata")
    metadata = {key: value for key, _, value in pairs}
    if len(metadata) != len(pairs):
        raise click.BadParameter("must not give the same key twice", param_hint="--metadata")
    return metadata


def _minor(amount: str, currency: str, option: str) -> int:
    if not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
        raise click.BadParameter("must have an amount in major units, such as 99.00", param_hint=option)
    try:
        return Money.of(Decimal(amount), currency).minor
    except InvalidInput as error:
        raise click.BadParameter(str(error), param_hint="--currency" if error.field else option) from None


def _sum(order: dict[str, Any]) -> int:
    lines: tuple[LineDTO, ...] = order["lines"]
    of_lines: int = sum(line.quantity * line.unit_price - line.discount + line.tax for line in lines)
    return of_lines + int(order.get("shipping", 0)) + int(order.get("tax", 0)) - int(order.get("discount", 0))
