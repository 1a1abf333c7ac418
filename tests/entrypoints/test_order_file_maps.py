"""Maps: the columns of somebody's CSV file explained, or refused where they could not be meant so."""

import pytest

from orderkeep.entrypoints.order_files.maps import InvalidMap, MappedLayout, built_in_names, load_map, read_map
from tests.entrypoints.order_file_reading import SHOP, orders_in, rows_in


def test_built_in_maps_are_valid() -> None:
    assert built_in_names() == ["orderkeep", "northwind"]
    assert load_map("northwind").key_column == "order_id"


@pytest.mark.parametrize(
    "old, new, word",
    [
        ("[line]", "[lines]", "lines"),
        ('sku = "sku"', 'colour = "sku"', "line.colour"),
        ('shipping = "post"', 'version = "post"', "order.version"),
        ('shipping = "post"', 'cancellation = { column = "post", split = "," }', "order.cancellation"),
        ('shipping = "post"', 'documents = { column = "post", split = "," }', "order.documents"),
        ('shipping = "post"', "shipping = 4", "order"),
        ('split = "|"', 'split = ""', "split must not be empty"),
        (', split = "|"', "", "must split order.tags"),
        ('value = "EUR"', 'value = "EUR", column = "c"', "a rule is one of"),
        ('value = "EUR"', "", "a rule is one of"),
        ('value = "EUR"', 'values = { a = "b" }, value = "EUR"', "values and split go with column"),
        ('shipping = "post"', 'shipping = { fraction = "post" }', "only amounts of lines"),
        ('quantity = "qty"', 'quantity = { fraction = "qty" }', "only amounts of lines"),
        ('gift = "gift"', 'gift = { column = "gift", split = "," }', "[metadata]"),
        ('external_ref = "no"', "", "external_ref"),
        ('external_ref = "no"', 'external_ref = { value = "1" }', "external_ref"),
        ('currency = { value = "EUR" }', "", "order.currency"),
        ("dates =", 'delimiter = ";;"\ndates =', "delimiter"),
        ("dates =", 'amounts = "cents"\ndates =', "amounts"),
        ("dates =", "dates", "is not a map"),
        ("%Y", "%Q", "dates"),
    ],
)
def test_invalid_map_is_rejected(old: str, new: str, word: str) -> None:
    assert old in SHOP
    with pytest.raises(InvalidMap, match=word.replace("[", r"\[")):
        read_map(SHOP.replace(old, new))


def test_map_supports_orders_without_lines_in_minor_units() -> None:
    written = 'delimiter = ";"\namounts = "minor"\n[order]\nid = "id"\nuser_id = "u"\ntotal = "t"\ncreated_at = "c"\n'
    written += 'currency = "cur"\nstatus = { if_filled = "gone", then = "shipped", else = "pending" }\n'
    written += 'updated_at = { first_of = ["gone", "c"] }\n'
    layout = MappedLayout(read_map(written))
    rows = "id;u;t;c;cur;gone\no-1;anna;990;2026-03-02T08:00:00+01:00;JPY;2026-03-04\no-2;ben;7;2026-03-03;EUR; \n"
    one, two = orders_in(rows_in(rows, layout))
    assert (one.total, one.currency, one.status, one.lines) == (990, "JPY", "shipped", ())
    assert one.created_at.isoformat() == "2026-03-02T07:00:00+00:00"
    assert one.updated_at.isoformat() == "2026-03-04T00:00:00+00:00"
    assert (two.status, two.updated_at) == ("pending", two.created_at)
