"""Converts Amazon's order report: tab-separated, one row per item, with prices and shipping of the whole row."""

from collections.abc import Iterator
from typing import Any

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced, total_of, with_payment

LAYOUT = Layout(columns=("order-id", "order-item-id", "item-price"), delimiter="\t", decimal=".")
SAME = ("purchase-date", "buyer-email", "currency")


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows. The report contains orders to ship, and no totals."""
    for order in group_rows(rows, lambda row: row["order-id"], same=SAME):
        first, currency = order[0], order[0]["currency"].strip()
        lines = [_line(row, currency) for row in order]
        shipping = sum(_optional(row, "shipping-price", currency) for row in order)
        shipping -= sum(abs(_optional(row, "ship-promotion-discount", currency)) for row in order)
        tax = sum(_optional(row, "shipping-tax", currency) for row in order)
        converted: dict[str, Any] = {
            "external_ref": first["order-id"],
            "user_id": first["buyer-email"] or first["order-id"],
            "currency": currency,
            "status": "processing",
            "created_at": first.time("purchase-date"),
            "lines": lines,
            "shipping": shipping,
            "tax": tax,
            "total": total_of(lines, shipping=shipping, tax=tax),
        }
        captured = {"captured": converted["total"]} if first.get("payments-date") else {}
        yield order, with_payment(converted, first, captured, paid="payments-date", method="payment-method")


def _line(row: Row, currency: str) -> dict[str, Any]:
    line = priced(row.number("quantity-purchased"), row.amount("item-price", currency))
    promotion = abs(_optional(row, "item-promotion-discount", currency))
    return {
        "sku": row["sku"] or row["order-item-id"],
        "name": row["product-name"],
        **line,
        "discount": line["discount"] + promotion,
        "tax": _optional(row, "item-tax", currency),
    }


def _optional(row: Row, column: str, currency: str) -> int:
    return row.amount(column, currency) if row.get(column) else 0
