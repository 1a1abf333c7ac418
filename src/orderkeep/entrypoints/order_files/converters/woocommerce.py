"""Converts WooCommerce's orders as Advanced Order Export writes them: one row per order line."""

from collections.abc import Iterator
from operator import mul
from typing import Any

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced_exactly, with_payment, with_tax

LAYOUT = Layout(columns=("Order Number", "Order Status", "Item Name", "Item Cost"))


def _slug(name: str) -> str:
    return name.removesuffix(" payment").lower().replace(" ", "-")


STATUSES = {
    "Pending payment": "pending",
    "On hold": "pending",
    "Processing": "processing",
    "Completed": "delivered",
    "Cancelled": "cancelled",
    "Refunded": "cancelled",
    "Failed": "cancelled",
}
STATUSES |= {slug: status for name, status in STATUSES.items() for slug in (_slug(name), f"wc-{_slug(name)}")}
SAME = ("Order Status", "Order Date", "Email (Billing)", "Order Shipping Amount", "Order Total Amount")
KEPT_AS_METADATA = {"note": "Customer Note", "phone": "Phone (Billing)", "coupon": "Coupon Code"}


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows. A file without the column `Order Currency` is in that of the options."""
    for order in group_rows(rows, lambda row: row["Order Number"], same=SAME):
        first = order[0]
        currency = first["Order Currency"].strip() if "Order Currency" in first else rows.currency
        converted: dict[str, Any] = {
            "external_ref": first["Order Number"],
            "user_id": first["Email (Billing)"] or f"guest {first['Order Number'].strip()}",
            "currency": currency,
            "status": first.choice("Order Status", STATUSES),
            "created_at": first.time("Order Date"),
            "lines": _lines(order, currency),
            "shipping": first.amount("Order Shipping Amount", currency),
            "discount": first.amount("Cart Discount Amount", currency),
            "total": first.amount("Order Total Amount", currency),
            "metadata": {name: first[column] for name, column in KEPT_AS_METADATA.items() if first.get(column)},
        }
        converted = with_tax(converted, first.amount("Order Total Tax Amount", currency))
        amounts = _payments(first, currency, converted["total"])
        yield order, with_payment(converted, first, amounts, paid="Paid Date", method="Payment Method Title")


def _payments(row: Row, currency: str, total: int) -> dict[str, int]:
    """Return what was paid and refunded. Without the column `Paid Date`, an order in processing may be unpaid: it may
    be paid on delivery.
    """
    status = _slug(row["Order Status"].strip()).removeprefix("wc-")
    refunded = row.amount("Order Refund Amount", currency) if row.get("Order Refund Amount") else 0
    if row.get("Paid Date") or ("Paid Date" not in row and status in ("completed", "refunded")):
        return {"captured": total, "refunded": abs(refunded) or (total if status == "refunded" else 0)}
    return {}


def _lines(order: list[Row], currency: str) -> list[dict[str, Any]]:
    """Return the lines. Refunded units are missing in the quantity, but not in the subtotal: if that leaves a line
    without units, their number follows from the subtotal.
    """
    quantities, prices = [row.number("Quantity (- Refund)") for row in order], [row.exact("Item Cost") for row in order]
    if quantities.count(0) == 1 and (price := prices[quantities.index(0)]):
        others = sum(map(mul, quantities, prices))
        quantities[quantities.index(0)] = round((order[0].exact("Order Subtotal Amount") - others) / price)
    return [
        {
            "sku": row["SKU"] or row["Item Name"][:64],
            "name": row["Item Name"],
            **priced_exactly(quantity, price, currency),
        }
        for row, quantity, price in zip(order, quantities, prices, strict=True)
    ]
