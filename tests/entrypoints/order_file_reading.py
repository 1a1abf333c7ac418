"""A shop's CSV, the converter that reads it, and how a test reads the orders in it."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.entrypoints.order_files.reading import Converted, Converter, Layout, OrderFile
from orderkeep.entrypoints.order_files.rows import Rows, group_rows, total_of


def shop(rows: Rows) -> Iterator[Converted]:
    """Convert the orders of the shop."""
    for order in group_rows(rows, lambda row: row["no"], same=("who", "state", "on", "post", "labels", "gift")):
        first = order[0]
        shipping = first.amount("post", "EUR")
        lines = [
            {
                "sku": row["sku"],
                "name": row["article"],
                "quantity": row.number("qty"),
                "unit_price": row.amount("price", "EUR"),
            }
            for row in order
        ]
        yield (
            order,
            {
                "external_ref": first["no"],
                "user_id": first["who"],
                "currency": "EUR",
                "status": first.choice("state", {"open": "pending", "sent": "shipped"}),
                "created_at": first.time("on", "%d/%m/%Y"),
                "shipping": shipping,
                "tags": first["labels"].split("|") if first["labels"] else [],
                "metadata": {"gift": first["gift"]} if first["gift"] else {},
                "lines": lines,
                "total": total_of(lines, shipping=shipping),
            },
        )


def rows_in(content: str | bytes, convert: Converter | None, **layout: Any) -> list[ImportRow]:
    content = content.encode() if isinstance(content, str) else content
    return list(OrderFile(io.BytesIO(content), convert, layout=Layout(**layout)))


def orders_in(rows: Sequence[ImportRow]) -> list[OrderDTO]:
    assert [problem for row in rows for problem in row.problems] == []
    return [row.order for row in rows if row.order is not None]
