"""Converts Magento's orders with their items: one row per item, with four decimal places. Each store view has its own
order numbers.
"""

from collections.abc import Iterator
from typing import Any

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced_exactly, with_tax

LAYOUT = Layout(columns=("increment_id", "grand_total", "item_sku"), decimal=".")
STATUSES = {
    **dict.fromkeys(("pending", "pending_payment", "payment_review", "holded", "fraud"), "pending"),
    "processing": "processing",
    "complete": "delivered",
    **dict.fromkeys(("canceled", "closed"), "cancelled"),
}
SAME = ("created_at", "status", "customer_email", "grand_total")


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows."""
    for order in group_rows(rows, _number, same=SAME):
        first, currency = order[0], order[0]["order_currency_code"].strip()
        converted = {
            "external_ref": _number(first),
            "user_id": first["customer_email"] or _number(first),
            "currency": currency,
            "status": first.choice("status", STATUSES),
            "created_at": first.time("created_at"),
            "lines": [_line(row, currency) for row in order],
            "shipping": first.amount("shipping_amount", currency),
            "discount": abs(first.amount("discount_amount", currency)),
            "total": first.amount("grand_total", currency),
        }
        yield order, with_tax(converted, first.amount("tax_amount", currency))


def _number(row: Row) -> str:
    return f"{row['store_id'].strip()}-{row['increment_id'].strip()}" if row.get("store_id") else row["increment_id"]


def _line(row: Row, currency: str) -> dict[str, Any]:
    quantity, price = row.number("item_qty_ordered"), row.exact("item_price")
    return {"sku": row["item_sku"], "name": row["item_name"], **priced_exactly(quantity, price, currency)}
