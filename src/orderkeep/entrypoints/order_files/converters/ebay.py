"""Converts eBay's order report: empty rows below the header, and a summary at the end."""

from collections.abc import Iterator
from typing import Any

from orderkeep.domain.value_objects import DEFAULT_CURRENCY
from orderkeep.entrypoints.order_files.reading import Converted, Layout
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced, total_of, with_payment

LAYOUT = Layout(columns=("Sales Record Number", "Order Number", "Sold For"))
DATE = "%d-%b-%y"
SIGNS = {"£": "GBP", "€": "EUR", "AU$": "AUD", "C$": "CAD", "US$": "USD"}


def convert(rows: Rows) -> Iterator[Converted]:
    """Yield the orders, each with its rows. An order of several items begins with a row without an item."""
    rows.skip = _is_summary
    for order in group_rows(rows, lambda row: row["Order Number"], same=("Sale Date", "Buyer Username")):
        first = order[0]
        written = "".join(first["Total Price"].split())
        currency = next((code for sign, code in SIGNS.items() if sign in written), rows.currency)
        if "$" in written and currency == DEFAULT_CURRENCY:
            currency = "USD"  # unless --currency selects another dollar
        shipping, total = first.amount("Postage And Packaging", currency), first.amount("Total Price", currency)
        items = [row for row in order if row["Item Title"]]
        lines = [_line(row, currency) for row in items]
        if total_of(lines, shipping=shipping) != total:
            whole = [_line(row, currency, is_whole=True) for row in items]
            lines = whole if total_of(whole, shipping=shipping) == total else lines
        is_shipped = any(first.get(column) for column in ("Posted On Date", "Shipped On Date", "Dispatched On Date"))
        converted = {
            "external_ref": first["Order Number"],
            "user_id": first["Buyer Username"],
            "currency": currency,
            "status": "shipped" if is_shipped else "processing",
            "created_at": first.time("Sale Date", DATE),
            "lines": lines,
            "shipping": shipping,
            "total": total,
        }
        captured = {"captured": total} if first.get("Paid On Date") else {}
        yield order, with_payment(converted, first, captured, paid="Paid On Date", method="Payment Method", at=DATE)


def _is_summary(cells: list[str]) -> bool:
    return len(cells) == 1 or any(cell.startswith("record(s) downloaded") for cell in cells)


def _line(row: Row, currency: str, *, is_whole: bool = False) -> dict[str, Any]:
    """Return a line. `Sold For` is the price of a unit, or in older reports that of all of them: the total decides."""
    quantity, price = row.number("Quantity"), row.amount("Sold For", currency)
    sku = row["Custom Label"] or row["Sales Record Number"]
    return {"sku": sku, "name": row["Item Title"], **priced(quantity, price if is_whole else price * quantity)}
