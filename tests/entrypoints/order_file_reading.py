"""A shop's CSV, the map that explains it, and how a test reads the orders in it."""

import io
from collections.abc import Sequence

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.entrypoints.order_files.csv_orders import Layout
from orderkeep.entrypoints.order_files.reading import order_reader

SHOP = """
dates = "%d/%m/%Y"

[order]
external_ref = "no"
user_id = "who"
currency = { value = "EUR" }
status = { column = "state", values = { open = "pending", sent = "shipped" } }
created_at = "on"
shipping = "post"
tags = { column = "labels", split = "|" }

[metadata]
gift = "gift"

[line]
sku = "sku"
name = "article"
quantity = "qty"
unit_price = "price"
discount = { fraction = "off" }
"""


def rows_in(content: str | bytes, layout: Layout | None) -> list[ImportRow]:
    content = content.encode() if isinstance(content, str) else content
    return list(order_reader(lambda: io.BytesIO(content), layout, lambda count: None)())


def orders_in(rows: Sequence[ImportRow]) -> list[OrderDTO]:
    assert [problem for row in rows for problem in row.problems] == []
    return [row.order for row in rows if row.order is not None]
