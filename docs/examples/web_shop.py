"""Converts the orders in web-shop.csv."""

from collections.abc import Iterator

from orderkeep.entrypoints.order_files.reading import Converted
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, total_of

STATUSES = {"open": "pending", "sent": "shipped", "void": "cancelled"}


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows."""
    for order in group_rows(rows, lambda row: row["order_no"], same=("placed", "customer", "state", "shipping")):
        first, lines = order[0], [line_of(row) for row in order]
        shipping = first.amount("shipping", "EUR")
        yield order, {
            "external_ref": first["order_no"],
            "user_id": first["customer"],
            "currency": "EUR",
            "status": first.choice("state", STATUSES),
            "created_at": first.time("placed"),
            "shipping": shipping,
            "lines": lines,
            "total": total_of(lines, shipping=shipping),
        }


def line_of(row: Row) -> dict[str, str | int]:
    """Return an order line."""
    return {
        "sku": row["sku"],
        "name": row["article"],
        "quantity": row.number("qty"),
        "unit_price": row.amount("price", "EUR"),
    }
