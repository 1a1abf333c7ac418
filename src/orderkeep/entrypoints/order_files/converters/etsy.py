"""Converts Etsy's order export: one row per order, without the prices of its items."""

from collections.abc import Iterator

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Rows

LAYOUT = Layout(columns=("Sale Date", "Order ID", "Order Value"), decimal=".")
DATE = "%m/%d/%y"


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its row."""
    for row in rows:
        currency = row["Currency"].strip()
        sold = row.time("Sale Date", DATE)
        yield (
            [row],
            {
                "external_ref": row["Order ID"],
                "user_id": row["Buyer User ID"] or row["Full Name"],
                "currency": currency,
                "status": "shipped" if row["Date Shipped"] else "processing",
                "created_at": sold,
                "updated_at": max(sold, row.time("Date Shipped", DATE)) if row["Date Shipped"] else sold,
                "shipping": row.amount("Shipping", currency) - abs(row.amount("Shipping Discount", currency)),
                "discount": abs(row.amount("Discount Amount", currency)),
                "tax": row.amount("Sales Tax", currency),
                "total": row.amount("Order Total", currency),
                "metadata": {"skus": row["SKU"]} if row["SKU"] else {},
            },
        )
