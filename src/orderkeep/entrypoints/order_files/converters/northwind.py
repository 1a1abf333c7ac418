"""Converts the orders of Microsoft's Northwind sample database: one row per order line, in US dollars."""

import re
from collections.abc import Iterator
from fractions import Fraction
from math import floor

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, total_of

LAYOUT = Layout(columns=("order_id", "ordered_on", "freight", "product_id"), decimal=".")
OF_SHIPPING = ("ship_name", "ship_street", "ship_city", "ship_postal_code", "ship_country")
KEPT_AS_METADATA = ("customer_name", "required_on", *OF_SHIPPING)
OF_THE_ORDER = ("customer_id", "ordered_on", "shipped_on", "freight", *KEPT_AS_METADATA)


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the rows of each order, and the order."""
    for order in group_rows(rows, lambda row: row["order_id"], same=OF_THE_ORDER):
        first, lines = order[0], [_line(row) for row in order]
        shipping = first.amount("freight", "USD")
        converted = {
            "external_ref": first["order_id"],
            "user_id": first["customer_id"],
            "currency": "USD",
            "status": "shipped" if first["shipped_on"] else "processing",
            "created_at": first.time("ordered_on"),
            "updated_at": first.time("shipped_on" if first["shipped_on"] else "ordered_on"),
            "lines": lines,
            "shipping": shipping,
            "total": total_of(lines, shipping=shipping),
            "metadata": {name: first[name] for name in KEPT_AS_METADATA if first[name]},
        }
        yield order, converted


def _line(row: Row) -> dict[str, str | int]:
    quantity, unit_price = row.number("quantity"), row.amount("unit_price", "USD")
    return {
        "sku": row["product_id"],
        "name": row["product_name"],
        "quantity": quantity,
        "unit_price": unit_price,
        "discount": part_of(quantity * unit_price, _discount(row)),
    }


def _discount(row: Row) -> Fraction:
    text = row["discount"] or "0"
    if re.fullmatch(r"0(\.[0-9]{1,30})?|1(\.0{1,30})?", text):
        return Fraction(text)
    row.reject("discount", "invalid_fraction", "must be a fraction from 0 to 1")
    return Fraction(0)


def part_of(gross: int, fraction: Fraction) -> int:
    """Return that fraction of an amount, such that the rest of the amount is rounded half up."""
    return gross - floor(gross * (1 - fraction) + Fraction(1, 2))
