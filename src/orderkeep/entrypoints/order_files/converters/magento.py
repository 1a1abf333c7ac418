"""Converts Magento's orders with their items: one row per item, with four decimal places. Each store view has its own
order numbers.
"""

from collections.abc import Iterator
from typing import Any

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced_exactly, with_payment, with_tax

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
        converted: dict[str, Any] = {
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
        converted = with_tax(converted, first.amount("tax_amount", currency))
        amounts = _payments(first, currency, converted["total"])
        yield order, with_payment(converted, first, amounts, paid="", method="payment_method")


def _payments(row: Row, currency: str, total: int) -> dict[str, int]:
    """Return what was paid and refunded: the columns `total_paid` and `total_refunded`, or else what follows from the
    status. A closed order was refunded.
    """
    status = row["status"].strip()
    captured, refunded = total if status in ("complete", "closed") else 0, total if status == "closed" else 0
    if row.get("total_paid"):
        captured = row.amount("total_paid", currency)
    if row.get("total_refunded"):
        refunded = row.amount("total_refunded", currency)
    return {"captured": captured, "refunded": refunded}


def _number(row: Row) -> str:
    return f"{row['store_id'].strip()}-{row['increment_id'].strip()}" if row.get("store_id") else row["increment_id"]


def _line(row: Row, currency: str) -> dict[str, Any]:
    quantity, price = row.number("item_qty_ordered"), row.exact("item_price")
    return {"sku": row["item_sku"], "name": row["item_name"], **priced_exactly(quantity, price, currency)}
