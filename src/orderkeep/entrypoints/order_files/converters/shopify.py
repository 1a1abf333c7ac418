"""Converts Shopify's order export. The columns of the order are empty in all rows of an order but the first."""

from collections.abc import Iterator
from typing import Any

from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, with_payment, with_tax

LAYOUT = Layout(columns=("Name", "Financial Status", "Lineitem name"), decimal=".")
TIME = "%Y-%m-%d %H:%M:%S %z"
FULFILLED = {"fulfilled": "shipped"} | dict.fromkeys(
    ("", "unfulfilled", "partial", "restocked", "on_hold", "scheduled", "pending"), ""
)
FINANCIAL = {
    **dict.fromkeys(("paid", "authorized", "partially_paid", "partially_refunded"), "processing"),
    **dict.fromkeys(("pending", "unpaid", "expired", ""), "pending"),
    **dict.fromkeys(("refunded", "voided"), "cancelled"),
}


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows."""
    for order in group_rows(rows, lambda row: row["Name"]):
        first, currency = order[0], order[0]["Currency"].strip()
        created_at, cancelled = first.time("Created at", TIME), _cancellation(first)
        times = [created_at, *(each["at"] for each in (cancelled,) if each)]
        if first["Fulfilled at"]:
            times.append(first.time("Fulfilled at", TIME))
        discount = first.amount("Discount Amount", currency) if first["Discount Amount"] else 0
        converted: dict[str, Any] = {
            "external_ref": first["Name"],
            "user_id": first["Email"] or first["Name"],
            "currency": currency,
            "status": "cancelled" if cancelled else _status(first),
            "created_at": created_at,
            "updated_at": max(times),
            "cancellation": cancelled,
            "shipping": first.amount("Shipping", currency),
            "lines": _lines(order, currency, first.amount("Subtotal", currency) + discount),
            "discount": discount,
            "total": first.amount("Total", currency),
            "tags": list(dict.fromkeys(tag.strip() for tag in first["Tags"].split(",") if tag.strip())),
            "metadata": _metadata(first),
        }
        converted = with_tax(converted, first.amount("Taxes", currency))
        amounts = _payments(first, currency, converted["total"])
        yield order, with_payment(converted, first, amounts, paid="Paid at", method="Payment Method", at=TIME)


def _payments(row: Row, currency: str, total: int) -> dict[str, int]:
    """Return what was paid and refunded. A file without `Outstanding Balance` or `Refunded Amount` does not contain the
    amounts of partial payments and refunds.
    """
    status = row["Financial Status"].strip()
    refunded = row.amount("Refunded Amount", currency) if row.get("Refunded Amount") else 0
    if status in ("paid", "partially_refunded", "refunded"):
        return {"captured": total, "refunded": refunded or (total if status == "refunded" else 0)}
    if status == "partially_paid" and row.get("Outstanding Balance"):
        return {"captured": max(0, total - row.amount("Outstanding Balance", currency)), "refunded": refunded}
    return {"authorized": total} if status == "authorized" else {}


def _status(row: Row) -> str:
    shipped, paid = row.choice("Fulfillment Status", FULFILLED), row.choice("Financial Status", FINANCIAL)
    return shipped or paid


def _cancellation(row: Row) -> dict[str, str] | None:
    return {"at": row.time("Cancelled at", TIME)} if row["Cancelled at"] else None


def _lines(order: list[Row], currency: str, subtotal: int) -> list[dict[str, Any]]:
    """Return the lines. Their own discounts are, or are not, part of the order's discount: the subtotal decides."""
    items = [row for row in order if row["Lineitem name"]]
    prices = [(row.number("Lineitem quantity"), row.amount("Lineitem price", currency)) for row in items]
    gross = [quantity * price for quantity, price in prices]
    discounts = [row.amount("Lineitem discount", currency) if row["Lineitem discount"] else 0 for row in items]
    if sum(gross) == subtotal or sum(gross) - sum(discounts) != subtotal:
        discounts = [0] * len(items)
    return [
        {
            "sku": row["Lineitem sku"].strip() or row["Lineitem name"][:64],
            "name": row["Lineitem name"],
            "quantity": quantity,
            "unit_price": price,
            "discount": discount,
        }
        for row, (quantity, price), discount in zip(items, prices, discounts, strict=True)
    ]


def _metadata(row: Row) -> dict[str, str]:
    texts = {"note": row["Notes"], "billing_zip": row["Billing Zip"].removeprefix("'")}
    return {name: text for name, text in texts.items() if text}
