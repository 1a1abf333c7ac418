"""Receipts as HTML: valid, closed to the outside, and what was typed stays text."""

import base64
import hashlib
import re
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.dtos import OrderDTO
from orderkeep.infrastructure.html_receipts import HtmlReceipts
from tests.infrastructure.receipt_samples import (
    CANCELLED,
    HOSTILE,
    PENDING,
    SELLER,
    hostile_order,
    long_order,
    with_lines,
)

ELEMENTS = re.findall(
    r"\w+",
    "html head meta title style body header h1 address p bdi main dl dt dd table caption thead tbody tr th td small",
)
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "scope", "colspan"}


async def page_of(order: OrderDTO, seller: str = SELLER) -> Element:
    """Return the receipt, read by a parser that takes nothing amiss of what the standard allows, and nothing else."""
    content = await HtmlReceipts(seller).render(order)
    page: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(content.decode())
    return page


def text_of(element: Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def rows_of(page: Element, part: str) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in page.findall(f".//tbody[@class='{part}']/tr")]


async def test_says_the_order_in_order() -> None:
    page = await page_of(CANCELLED)
    assert text_of(page.find(".//title")) == "Receipt order-1"
    assert text_of(page.find(".//h1")) == "Receipt"
    assert [text_of(line) for line in page.iter("p")] == SELLER.split("\n")
    facts = dict(zip(map(text_of, page.iter("dt")), map(text_of, page.iter("dd")), strict=True))
    assert facts == {
        "Order": "order-1",
        "Reference": "web-1",
        "Customer": "user-1",
        "Placed": "2026-02-03 04:05:07 UTC",
        "Status": "cancelled",
        "Version": "3, of 2026-02-08 04:05:07 UTC",
        "Cancelled": "2026-02-05 04:05:07 UTC",
        "Reason": "changed mind",
        "Note": "Called on Monday. Was polite.",
    }
    assert rows_of(page, "lines") == [
        ["Lamp A-1", "3", "47.51", "\N{MINUS SIGN}2.11", "9.97", "150.39"],
        ["Shade, linen B-1", "7", "23.01", "\N{MINUS SIGN}1.07", "0.53", "160.53"],
    ]
    assert rows_of(page, "sums") == [
        ["Subtotal", "310.92"],
        ["Shipping", "5.03"],
        ["Discount", "\N{MINUS SIGN}1.01"],
        ["Tax", "0.61"],
        ["Total CHF", "315.55"],
    ]


async def test_an_order_without_lines_or_seller_has_no_empty_table_and_no_empty_address() -> None:
    page = await page_of(with_lines(PENDING, ()), seller="")
    assert (page.find(".//address"), page.find(".//thead"), page.find(".//tbody[@class='lines']")) == (None, None, None)
    assert rows_of(page, "sums")[-1] == ["Total CHF", "4.63"]


async def test_cells_have_headers_for_screen_readers() -> None:
    page = await page_of(CANCELLED)
    assert page.get("lang") == "en"
    assert text_of(page.find(".//table/caption")) == "All amounts in CHF"
    assert {heading.get("scope") for heading in page.findall(".//thead/tr/th")} == {"col"}
    assert all(row[0].tag == "th" and row[0].get("scope") == "row" for row in page.findall(".//tbody/tr"))
    width = len(page.findall(".//thead/tr/th"))
    for row in page.iter("tr"):
        assert sum(int(cell.get("colspan", "1")) for cell in row) == width


async def test_what_was_typed_stays_text() -> None:
    page = await page_of(hostile_order(), seller="\n".join(HOSTILE))
    assert {element.tag for element in page.iter() if isinstance(element.tag, str)} == set(ELEMENTS)
    assert {name for element in page.iter() for name in element.keys()} <= ATTRIBUTES  # noqa: SIM118  # no mapping
    assert [text_of(row.find("./th/bdi")) for row in page.findall(".//tbody[@class='lines']/tr")] == list(HOSTILE)
    assert [text_of(line) for line in page.iter("p")] == list(HOSTILE)


async def test_bidirectional_text_is_isolated() -> None:
    page = await page_of(hostile_order(("\u202eevil", "\u2067turned")))
    turned = [element.tag for element in page.iter() if re.search("[\u202e\u2067]", element.text or "")]
    assert set(turned) == {"bdi"}


@given(text=st.text(min_size=1, max_size=50))
async def test_any_text_makes_a_page_that_the_standard_allows(text: str) -> None:
    await page_of(hostile_order((text, text)), seller=text)


async def test_loads_nothing_runs_nothing_and_its_policy_says_so() -> None:
    page = await page_of(hostile_order())
    [style] = page.iter("style")
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    [policy] = [meta.get("content") for meta in page.iter("meta") if meta.get("http-equiv")]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import|expression", style.text or "")
    first, second = list(page.iter("meta"))[:2]
    assert (first.get("charset"), second.get("http-equiv")) == ("utf-8", "Content-Security-Policy")


async def test_five_hundred_lines_are_five_hundred_rows() -> None:
    page = await page_of(long_order())
    assert [row[0] for row in rows_of(page, "lines")][::499] == [
        "Lamp 1 of brass of b S-1",
        "Lamp 500 of brass of S-500",
    ]


@pytest.mark.parametrize("order", [PENDING, CANCELLED, hostile_order()], ids=["pending", "cancelled", "hostile"])
async def test_two_sellers_make_two_receipts(order: OrderDTO) -> None:
    assert await HtmlReceipts("Lamps").render(order) != await HtmlReceipts("Shades").render(order)
