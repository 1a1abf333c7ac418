"""Somebody else's CSV, and the map that explains it: a map is refused or can be worked with, and a file read with it
is orders and faults.
"""

from orderkeep.entrypoints.order_files.csv_orders import Layout
from orderkeep.entrypoints.order_files.maps import InvalidMap, MappedLayout, read_map
from tests.fuzz.imported_rows import check_rows

BETWEEN = b"\n---\n"
"""Between the map and the file. Where it is absent, all is the file, and the map is that of a shop."""

SHOP = b"""
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
discount = { fraction = "off" }"""
MINOR = b"""delimiter = ";"
amounts = "minor"
[order]
id = "id"
user_id = "u"
total = "t"
created_at = "c"
currency = "cur"
status = { if_filled = "gone", then = "shipped", else = "pending" }
updated_at = { first_of = ["gone", "c"] }"""
ROWS = (
    b"no,who,state,on,post,labels,gift,sku,article,qty,price,off\n1,anna,open,02/03/2026,4.90,a|b,,A1,Lamp,2,47.50,0.15\n"
    b"1,anna,open,02/03/2026,4.90,a|b,,B2,Bulb,3,1.10,\n2,ben,sent,03/03/2026,,,yes,B2,Bulb,1,1.10,1\n"
)
MINOR_ROWS = b"id;u;t;c;cur;gone\no-1;anna;990;2026-03-02T08:00:00+01:00;JPY;2026-03-04\no-2;ben;7;2026-03-03;EUR; \n"

SEEDS = (
    ROWS,
    SHOP + BETWEEN + ROWS,
    MINOR + BETWEEN + MINOR_ROWS,
    ROWS + b"3,,gone,yesterday,x,|,,,,,,2\n3,,gone,yesterday,x,|,,,,-1,1e9,-0.5\n",
    SHOP.replace(b"%d/%m/%Y", b"%Y %j %H:%M:%S.%f %z") + BETWEEN + ROWS,
    SHOP.replace(b"%d/%m/%Y", b"%Q") + BETWEEN + ROWS,
    b"[order]\nid = { value = '1' }",
    b"a = [[[[]]]]" + BETWEEN,
)  # fmt: skip
TOKENS = (
    *(BETWEEN, b"[order]", b"[line]", b"[metadata]", b"delimiter = ", b"amounts = ", b'"major"', b'"minor"'),
    *(b"dates = ", b"column = ", b"values = ", b"split = ", b"value = ", b"first_of = ", b"if_filled = ", b"then = "),
    *(b"else = ", b"fraction = ", b"%Y", b"%y", b"%m", b"%d", b"%H", b"%z", b"%Z", b"%f", b"%G", b"%V", b"%u"),
    *(b"%%", b"%c", b"%x", b"{ ", b" }", b" = ", b'""', b"\t", b"1e5", b"0.333333333333333333333333333333", b"+"),
    *(b"-", b"|", b",", b"\n", b"\r"),
)  # fmt: skip


def check(data: bytes) -> None:
    """Read the file as the map says, if it is one."""
    written, between, content = data.partition(BETWEEN)
    if not between:
        written, content = SHOP, data
    layout = _layout(written.decode(errors="replace"))
    if layout is not None:
        check_rows(content, layout)


def _layout(written: str) -> Layout | None:
    try:
        return MappedLayout(read_map(written))
    except InvalidMap as error:
        assert str(error)
        return None
