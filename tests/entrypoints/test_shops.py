"""The files of shops, as they export them: amounts to the cent, statuses, lines, and times with their zone. The samples
of other systems lie beside the checkout; those in this file are our own.
"""

import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.use_cases.import_orders import ImportOrdersUseCase
from orderkeep.entrypoints.order_files.converters import NAMES, amazon, ebay, etsy, magento, shopify, woocommerce
from orderkeep.entrypoints.order_files.reading import OrderFile
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.conftest import CHECKOUT, not_here
from tests.entrypoints.cli_calls import Cli
from tests.entrypoints.order_file_reading import orders_in

FILES = {
    "shopify.csv": shopify, "woo_aoe.csv": woocommerce, "woo_de.csv": woocommerce, "magento.csv": magento,
    "amazon1.txt": amazon, "etsy.csv": etsy, "ebay.csv": ebay,
}  # fmt: skip
MUG_OF_GOLD = LineDTO("M1", "Mug", 1, 123400)
MUG = LineDTO("C3", "Mug", 1, 1000)
LAMP, BULB = (LineDTO("00123", "Desk lamp", 2, 4750), LineDTO("B7", "Bulb", 4, 320))
WOO = [
    ("2001", "anna@example.com", "delivered", "2026-03-02T10:11:00", 11270, 490, 0, [replace(LAMP, sku="A1"), BULB]),
    ("2002", "ben@example.com", "pending", "2026-03-05T09:00:00", 12600, 990, 1290, [LineDTO("C3", "Shelf", 1, 12900)]),
]
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "shopify.csv": [
        (
            "#1001", "anna@example.com", "shipped", "2026-03-02T14:11:10", 11270, 490, 0,
            [replace(LAMP, name="Desk lamp - black / L"), replace(BULB, name="Bulb \N{ELECTRIC LIGHT BULB} E27")],
        ),
        (
            "#1002", "#1002", "cancelled", "2026-03-05T09:00:00", 1000, 0, 0,
            [LineDTO("Custom item", "Custom item", 1, 1000)],
        ),
    ],
    "woo_aoe.csv": [
        *WOO,
        ("2003", "cy@example.com", "cancelled", "2026-03-06T09:00:00", 2000, 0, 0, [LineDTO("D4", "Mug", 1, 2000)]),
    ],
    "woo_de.csv": WOO,
    "magento.csv": [
        ("1-000000012", "anna@example.com", "delivered", "2026-03-02T10:11:12", 11270, 490, 0, [LAMP, BULB]),
        ("2-000000012", "ben@example.com", "processing", "2026-03-04T10:11:12", 500, 0, 500, [MUG]),
    ],
    "amazon1.txt": [
        (
            "305-1111111-1111111", "x@marketplace.amazon.de", "processing", "2026-03-02T10:11:12", 9990, 490, 0,
            [LineDTO("0-A1", 'Monitor 24" wide', 2, 4750)],
        ),
    ],
    "etsy.csv": [
        ("3300001", "anna1", "shipped", "2026-03-02T00:00:00", 9990, 490, 0, []),
        ("3300002", "Guest", "processing", "2026-12-31T00:00:00", 1000, 0, 0, []),
    ],
    "ebay.csv": [
        ("12-03456-78901", "anna_1", "processing", "2026-03-02T00:00:00", 9990, 490, 0, [LAMP]),
        ("12-03456-78902", "ben_2", "processing", "2026-03-05T00:00:00", 123400, 0, 0, [MUG_OF_GOLD]),
    ],
}  # fmt: skip


@pytest.fixture(params=FILES)
def shop_file(request: pytest.FixtureRequest) -> Path:
    """A file that a shop exported."""
    folder = os.environ.get("ORDERKEEP_TEST_SHOP_FILES", CHECKOUT.parent / "shared" / "field-reports" / "shops")
    path = Path(folder) / str(request.param)
    if not path.is_file():
        not_here(f"{path} is absent; name its folder with ORDERKEEP_TEST_SHOP_FILES")
    return path


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _read(content: bytes, shop: Any, **layout: Any) -> list[OrderDTO]:
    return orders_in(list(OrderFile(io.BytesIO(content), shop.convert, layout=replace(shop.LAYOUT, **layout))))


def _summary(order: OrderDTO) -> tuple[Any, ...]:
    at = order.created_at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (
        order.external_ref, order.user_id, order.status, at, order.total, order.shipping, order.discount,
        [*order.lines],
    )  # fmt: skip


def test_file_of_a_shop_is_read_exactly(shop_file: Path) -> None:
    orders = _read(shop_file.read_bytes(), FILES[shop_file.name])
    assert list(map(_summary, orders)) == EXPECTED[shop_file.name]
    assert {order.currency for order in orders} == {"GBP" if shop_file.name == "ebay.csv" else "EUR"}


async def test_file_of_a_shop_is_imported_once(shop_file: Path) -> None:
    repo, shop, content = InMemoryOrderRepository(), FILES[shop_file.name], io.BytesIO(_content(shop_file))
    use_case = ImportOrdersUseCase(repo, lambda: datetime(2027, 1, 2, tzinfo=UTC))  # one order is of December 2026
    count = len(EXPECTED[shop_file.name])
    for imported, unchanged in ((count, 0), (0, count)):
        file = OrderFile(content, shop.convert, layout=shop.LAYOUT)
        report = await use_case.execute(file)
        assert (report.imported, report.unchanged, report.problems) == (imported, unchanged, [])


def test_file_of_a_shop_is_recognized_and_its_export_read_back(shop_file: Path, tmp_path: Path) -> None:
    options = ["--dated-ahead"] if shop_file.name == "etsy.csv" else []  # one order is of 31 December 2026
    cli, description = Cli(), NAMES[FILES[shop_file.name].__name__.rpartition(".")[2]]
    result = cli("import", str(shop_file), "--from", "auto", "--json", *options)
    assert f"orderkeep: the file was recognized as {description}\n" in result.stderr
    assert json.loads(result.stdout)["imported"] == len(EXPECTED[shop_file.name])
    exported = cli("export").stdout
    for name in ("orders.csv", "orders.jsonl"):
        cli("export", str(tmp_path / name))
        elsewhere = Cli()
        elsewhere("import", str(tmp_path / name), *options)
        assert elsewhere("export").stdout == exported


def test_each_shop_is_recognized_by_its_own_columns(tmp_path: Path) -> None:
    for number, shop in enumerate((amazon, ebay, etsy, magento, shopify, woocommerce)):
        path = tmp_path / f"{number}.txt"
        path.write_text("Report\n\n" + "\t".join(("", *shop.LAYOUT.columns)) + "\n", encoding="utf-16")
        result = Cli()("import", str(path), "--from", "auto")
        assert NAMES[shop.__name__.rpartition(".")[2]] in result.stderr


def test_own_csv_is_recognized_and_an_unknown_file_is_not(tmp_path: Path) -> None:
    cli, path = Cli(), tmp_path / "orders.csv"
    cli("export", str(path))
    assert "recognized as a CSV of orderkeep" in cli("import", str(path), "--from", "auto").stderr
    path.write_text("a,b\n1,2\n")
    assert cli.error("import", str(path), "--from", "auto", code=2)["code"] == "not_recognized"


# --- Shopify ---

SHOPIFY = (
    "Name,Email,Financial Status,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,Total,"
    "Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,"
    "Lineitem discount,Notes,Billing Zip,Cancelled at,Tags"
)


def _shopify(**cells: str) -> bytes:
    row = dict.fromkeys(SHOPIFY.split(","), "") | {
        "Name": "#7", "Email": "ann@example.com", "Financial Status": "paid", "Currency": "EUR", "Subtotal": "20.00",
        "Shipping": "0.00", "Taxes": "0.00", "Total": "20.00", "Created at": "2026-03-02 10:11:10 -0400",
        "Lineitem quantity": "2", "Lineitem name": "Mug", "Lineitem price": "10.00", "Lineitem sku": "M1",
    }  # fmt: skip
    row |= {name.replace("_", " "): text for name, text in cells.items()}
    return f"{SHOPIFY}\n{','.join(row.values())}\n".encode()


@pytest.mark.parametrize(
    "cancelled, fulfilled, paid, status",
    [
        ("", "", "pending", "pending"), ("", "", "paid", "processing"), ("", "partial", "paid", "processing"),
        ("", "fulfilled", "paid", "shipped"), ("", "fulfilled", "refunded", "shipped"),
        ("", "unfulfilled", "refunded", "cancelled"), ("", "", "voided", "cancelled"),
        ("2026-03-05 11:00:00 +0100", "fulfilled", "paid", "cancelled"),
    ],
)  # fmt: skip
def test_shopify_status_is_that_of_three_columns(cancelled: str, fulfilled: str, paid: str, status: str) -> None:
    cells = {"Cancelled_at": cancelled, "Fulfillment_Status": fulfilled, "Financial_Status": paid}
    [order] = _read(_shopify(**cells), shopify)
    assert order.status == status
    if order.cancellation:
        assert order.cancellation.at == order.updated_at == datetime(2026, 3, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "cells, tax, discount, line_discount",
    [
        ({"Taxes": "3.80", "Total": "23.80"}, 380, 0, 0),
        ({"Taxes": "3.19"}, 0, 0, 0),
        ({"Discount_Amount": "5.00", "Subtotal": "15.00", "Total": "15.00"}, 0, 500, 0),
        ({"Lineitem_discount": "5.00", "Subtotal": "15.00", "Total": "15.00"}, 0, 0, 500),
        ({"Discount_Amount": "5.00", "Lineitem_discount": "5.00", "Subtotal": "15.00", "Total": "15.00"}, 0, 500, 0),
    ],
)
def test_shopify_taxes_and_discounts_add_up(cells: dict[str, str], tax: int, discount: int, line_discount: int) -> None:
    [order] = _read(_shopify(**cells), shopify)
    assert (order.tax, order.discount, order.lines[0].discount) == (tax, discount, line_discount)
    assert order.metadata.get("tax_included") == ("319" if cells.get("Taxes") == "3.19" else None)


# --- WooCommerce ---

WOO_HEADER = (
    "Order Number,Order Status,Order Date,Email (Billing),Customer Note,Phone (Billing),Coupon Code,"
    "Cart Discount Amount,Order Subtotal Amount,Order Shipping Amount,Order Total Amount,"
    "Order Total Tax Amount,SKU,Item Name,Quantity (- Refund),Item Cost"
)


def test_woocommerce_prices_finer_than_a_cent_are_exact() -> None:
    row = "W1,wc-completed,2026-03-02 10:11,a@example.com,,,,0,10,0,11.90,1.90,A1,Screw,3,3.33333333"
    [order] = _read(f"{WOO_HEADER}\n{row}\n".encode(), woocommerce, currency="CHF")
    assert (order.total, order.tax, order.currency, order.status) == (1190, 190, "CHF", "delivered")
    assert order.lines == (LineDTO("A1", "Screw", 3, 334, 2),)


def test_woocommerce_refunded_line_beside_another_follows_from_the_subtotal() -> None:
    of_order = "W1,processing,2026-03-02 10:11,a@example.com,,,,0,50,0,50,0"
    rows = f"{of_order},A1,Lamp,0,15\n{of_order},B2,Mug,2,10\n"
    [order] = _read(f"{WOO_HEADER}\n{rows}".encode(), woocommerce)
    assert [(line.sku, line.quantity) for line in order.lines] == [("A1", 2), ("B2", 2)]


# --- Amazon ---


def test_amazon_prices_are_those_of_the_whole_row() -> None:
    header = (
        "order-id order-item-id purchase-date buyer-email sku product-name quantity-purchased currency item-price "
        "item-tax shipping-price shipping-tax item-promotion-discount"
    )
    first = '305-1 1 2026-03-02T10:11:12-08:00 a@x A1 24"_TV 3 USD 10.00 0.80 4.00 0.30 -1.00'
    second = '305-1 2 2026-03-02T10:11:12-08:00 a@x B2 "Cable 1 USD 5.00 0.40 1.00 0.08 0.00'
    [order] = _read("\r\n".join((header, first, second)).replace(" ", "\t").encode(), amazon)
    assert order.created_at == datetime(2026, 3, 2, 18, 11, 12, tzinfo=UTC)
    assert order.lines == (LineDTO("A1", '24"_TV', 3, 334, 102, 80), LineDTO("B2", '"Cable', 1, 500, 0, 40))
    assert (order.shipping, order.tax, order.total) == (500, 38, 900 + 80 + 540 + 538)


# --- Magento and eBay ---


def test_magento_closed_order_is_cancelled_and_tax_may_be_included() -> None:
    header = (
        "increment_id,created_at,status,customer_email,order_currency_code,shipping_amount,discount_amount,tax_amount,"
        "grand_total,item_sku,item_name,item_qty_ordered,item_price"
    )
    row = "00012,2026-03-02 10:11:12,closed,a@example.com,EUR,0.0000,0.0000,3.1900,20.0000,A1,Mug,2.0000,10.0000"
    [order] = _read(f"{header}\n{row}\n".encode(), magento)
    [of_guest] = _read(f"{header}\n{row.replace('a@example.com', '')}\n".encode(), magento)
    assert of_guest.user_id == "00012"
    assert (order.external_ref, order.status, order.tax, order.metadata) == (
        "00012",
        "cancelled",
        0,
        {"tax_included": "319"},
    )


EBAY = (
    "Sales Record Number,Order Number,Buyer Username,Sale Date,Quantity,Item Title,Custom Label,Sold For,"
    "Postage And Packaging,Total Price,Posted On Date\n"
)


def test_ebay_price_of_all_units_and_order_of_several_items() -> None:
    rows = (
        "1,12-1,ann,02-Mar-26,3,Mug,M1,AU $10.00,AU $2.00,AU $12.00,03-Mar-26\n"
        "2,12-2,ben,02-Mar-26,3,,,,$5.00,$35.00,\n2,12-2,ben,02-Mar-26,1,Lamp,L1,$10.00,,,\n"
        "2,12-2,ben,02-Mar-26,2,Cup,C1,$10.00,,,\n2,record(s) downloaded,,\n"
    )
    in_canada = _read(f"{EBAY}{rows}".encode(), ebay, currency="CAD")
    assert [order.currency for order in in_canada] == ["AUD", "CAD"]
    first, second = _read(f"{EBAY}{rows}".encode(), ebay)
    assert (first.currency, first.total, first.status, first.lines) == (
        "AUD",
        1200,
        "shipped",
        (LineDTO("M1", "Mug", 3, 334, 2),),
    )
    assert (second.currency, second.total, [line.quantity for line in second.lines]) == ("USD", 3500, [1, 2])


# --- Payments ---

EACH = {
    "shopify": f"{SHOPIFY},Paid at,Payment Method,Refunded Amount,Outstanding Balance",
    "woocommerce": f"{WOO_HEADER},Payment Method Title,Order Refund Amount,Paid Date",
    "magento": (
        "increment_id,created_at,status,customer_email,order_currency_code,shipping_amount,discount_amount,tax_amount,"
        "grand_total,item_sku,item_name,item_qty_ordered,item_price,payment_method,total_paid,total_refunded"
    ),
    "amazon": (
        "order-id,order-item-id,purchase-date,buyer-email,sku,product-name,quantity-purchased,currency,item-price,"
        "payments-date,payment-method"
    ),
    "ebay": f"{EBAY.strip()},Paid On Date,Payment Method",
}
"""By shop, a header with the columns of payments, which are all optional."""
CELLS = {
    "Name": "7", "Order Number": "7", "increment_id": "7", "order-id": "7", "Currency": "EUR", "currency": "EUR",
    "order_currency_code": "EUR", "Email": "a@x", "Email (Billing)": "a@x", "customer_email": "a@x",
    "buyer-email": "a@x", "Buyer Username": "ann", "Created at": "2026-03-02 10:11:10 +0000",
    "Order Date": "2026-03-02 10:11:10", "created_at": "2026-03-02 10:11:10", "purchase-date": "2026-03-02T10:11:10Z",
    "Sale Date": "02-Mar-26",
    "Lineitem quantity": "1", "Lineitem name": "Mug", "Lineitem price": "20.00", "Item Name": "Mug", "SKU": "M1",
    "Quantity (- Refund)": "1", "Item Cost": "20.00", "item_sku": "M1", "item_name": "Mug", "item_qty_ordered": "1",
    "item_price": "20.00", "order-item-id": "1", "sku": "M1", "product-name": "Mug", "quantity-purchased": "1",
    "item-price": "20.00", "Quantity": "1", "Item Title": "Mug", "Custom Label": "M1", "Sold For": "20.00",
    **dict.fromkeys(("Total", "Subtotal", "Order Total Amount", "Order Subtotal Amount", "grand_total"), "20.00"),
    "Total Price": "EUR 20.00", "Postage And Packaging": "0",
    **dict.fromkeys(("Shipping", "Taxes", "Cart Discount Amount", "Order Shipping Amount"), "0"),
    **dict.fromkeys(("Order Total Tax Amount", "shipping_amount", "discount_amount", "tax_amount"), "0"),
}  # fmt: skip
"""The cells of an order of 20.00 EUR, by the columns of all shops."""
MODULES = {"shopify": shopify, "woocommerce": woocommerce, "magento": magento, "amazon": amazon, "ebay": ebay}


def _paid(shop: str, cells: dict[str, str], without: tuple[str, ...] = ()) -> bytes:
    columns = [column for column in EACH[shop].split(",") if column not in without]
    delimiter = "\t" if shop == "amazon" else ","
    rows = (columns, [cells.get(column, CELLS.get(column, "")) for column in columns])
    return "".join(f"{delimiter.join(row)}\n" for row in rows).encode()


PAID = "2026-03-03 12:13:14"
PAYMENTS: list[tuple[str, dict[str, str], tuple[str, int, str | None] | None, int | None]] = [
    (
        "shopify",
        {"Financial Status": "paid", "Paid at": f"{PAID} +0000", "Payment Method": "Gift Card"},
        ("captured", 2000, "Gift Card"),
        None,
    ),
    ("shopify", {"Financial Status": "partially_refunded", "Refunded Amount": "5.00"}, ("captured", 2000, None), 500),
    ("shopify", {"Financial Status": "partially_refunded"}, ("captured", 2000, None), None),
    ("shopify", {"Financial Status": "refunded"}, ("captured", 2000, None), 2000),
    ("shopify", {"Financial Status": "refunded", "Refunded Amount": "21.00"}, ("captured", 2100, None), 2100),
    ("shopify", {"Financial Status": "partially_paid", "Outstanding Balance": "7"}, ("captured", 1300, None), None),
    ("shopify", {"Financial Status": "partially_paid"}, None, None),
    ("shopify", {"Financial Status": "authorized"}, ("authorized", 2000, None), None),
    ("shopify", {"Financial Status": "voided"}, None, None),
    ("shopify", {"Financial Status": "pending"}, None, None),
    ("woocommerce", {"Order Status": "Processing", "Paid Date": PAID}, ("captured", 2000, None), None),
    ("woocommerce", {"Order Status": "Processing"}, None, None),
    ("woocommerce", {"Order Status": "Completed"}, None, None),
    (
        "woocommerce",
        {"Order Status": "wc-refunded", "Paid Date": PAID, "Payment Method Title": "P" * 51},
        ("captured", 2000, "P" * 50),
        2000,
    ),
    (
        "woocommerce",
        {"Order Status": "completed", "Paid Date": PAID, "Order Refund Amount": "-5"},
        ("captured", 2000, None),
        500,
    ),
    ("magento", {"status": "complete", "payment_method": "checkmo"}, ("captured", 2000, "checkmo"), None),
    ("magento", {"status": "closed"}, ("captured", 2000, None), 2000),
    ("magento", {"status": "processing"}, None, None),
    (
        "magento",
        {"status": "processing", "total_paid": "12.0000", "total_refunded": "2.0000"},
        ("captured", 1200, None),
        200,
    ),
    ("magento", {"status": "complete", "total_paid": "0.0000"}, None, None),
    ("amazon", {"payments-date": f"{PAID}Z", "payment-method": "CVS"}, ("captured", 2000, "CVS"), None),
    ("amazon", {}, None, None),
    ("ebay", {"Paid On Date": "03-Mar-26", "Payment Method": "PayPal"}, ("captured", 2000, "PayPal"), None),
    ("ebay", {}, None, None),
]


@pytest.mark.parametrize("shop, cells, payment, refunded", PAYMENTS)
def test_payment_and_refund_are_those_of_the_file(
    shop: str, cells: dict[str, str], payment: tuple[str, int, str | None] | None, refunded: int | None
) -> None:
    [order] = _read(_paid(shop, cells), MODULES[shop])
    found = [(each.reference, (each.kind, each.amount, each.method)) for each in order.payments]
    assert found == ([("7", payment)] if payment else [])
    refunds = [(each.reference, each.amount, each.status) for each in order.refunds]
    assert refunds == ([("7", refunded, "succeeded")] if refunded else [])
    if payment:
        day = "2026-03-03" if {"Paid at", "Paid Date", "payments-date", "Paid On Date"} & cells.keys() else "2026-03-02"
        assert order.payments[0].occurred_at.date().isoformat() == day


@pytest.mark.parametrize(
    "status, refunds", [("Completed", []), ("Refunded", [2000]), ("Processing", None), ("Failed", None)]
)
def test_woocommerce_without_times_of_payments_is_paid_by_its_status(status: str, refunds: list[int] | None) -> None:
    [order] = _read(_paid("woocommerce", {"Order Status": status}, without=("Paid Date",)), woocommerce)
    assert [each.amount for each in order.payments] == ([] if refunds is None else [2000])
    assert [each.amount for each in order.refunds] == (refunds or [])


def test_paid_order_is_imported_once_and_its_export_read_back(tmp_path: Path) -> None:
    (path := tmp_path / "shop.csv").write_bytes(
        _paid("shopify", {"Financial Status": "partially_refunded", "Refunded Amount": "5.00"})
    )
    cli = Cli()
    for count in ("imported", "unchanged"):
        assert json.loads(cli("import", str(path), "--from", "auto", "--prefix", "de-", "--json").stdout)[count] == 1
    exported = cli("export").stdout
    assert '"payment_status":"partially_refunded"' in exported
    for name in ("orders.csv", "orders.jsonl"):
        cli("export", str(tmp_path / name))
        elsewhere = Cli()
        elsewhere("import", str(tmp_path / name))
        assert elsewhere("export").stdout == exported


def test_order_without_a_number_or_an_amount_has_no_payment() -> None:
    free = {"Total": "0", "Subtotal": "0", "Lineitem price": "0", "Financial Status": "paid"}
    [order] = _read(_paid("shopify", free), shopify)
    assert order.payments == ()
    rows = list(OrderFile(io.BytesIO(_paid("ebay", {"Paid On Date": "03-Mar-26", "Order Number": " "})), ebay.convert))
    assert [problem.field for row in rows for problem in row.problems] == ["external_ref"]
