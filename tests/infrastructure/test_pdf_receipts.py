"""Receipts as PDF: every page has its content, entered text stays text, and a missing extra is reported."""

import io
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.errors import UnknownFormat
from orderkeep.application.receipts import receipt_of
from orderkeep.infrastructure import pdf_receipts
from orderkeep.infrastructure.pdf_receipts import PdfReceipts
from tests.infrastructure.receipt_samples import (
    CANCELLED,
    HOSTILE,
    PENDING,
    SELLER,
    hostile_order,
    long_order,
    with_lines,
)

RECEIPTS = PdfReceipts(SELLER)


async def document_of(order: OrderDTO, receipts: PdfReceipts = RECEIPTS) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(await receipts.render(order)), strict=True)


def text_of(document: pypdf.PdfReader) -> str:
    """Return what can be read, without the marks where words that are too long may be broken."""
    return "\n".join(page.extract_text() for page in document.pages).replace("\u200b", "")


def squeezed(text: str) -> str:
    """Return the text without spaces and line breaks."""
    return "".join(text.split())


def root_of(document: pypdf.PdfReader) -> Any:
    return document.trailer["/Root"]


def conformance_of(document: pypdf.PdfReader) -> tuple[str, str]:
    """Return which parts of PDF/A and of PDF/UA the document says it keeps to."""
    metadata = root_of(document)["/Metadata"].get_data().decode()
    found = dict(re.findall(r"<(pdf\w+id:part)>(\d)<", metadata))
    return found.get("pdfaid:part", ""), found.get("pdfuaid:part", "")


async def test_says_all_that_a_receipt_says() -> None:
    text = text_of(await document_of(CANCELLED))
    content = receipt_of(CANCELLED, SELLER)
    told = [content.title, *content.seller, content.caption, content.total.label, content.total.text, "1 / 1"]
    told += [part for fact in content.facts for part in (fact.label, *fact.text.split("\n"))]
    told += [part for fact in content.sums for part in (fact.label, fact.text)]
    for line in content.lines:
        told += [line.name, line.sku, line.quantity, line.unit_price, line.discount, line.tax, line.amount]
    assert [each for each in told if each not in text] == []


async def test_an_order_without_lines_is_its_sums() -> None:
    text = text_of(await document_of(with_lines(PENDING, ()), PdfReceipts()))
    assert "Total CHF" in text
    assert "Quantity" not in text


async def test_what_was_typed_stays_text() -> None:
    readable = tuple(text for text in HOSTILE if text.isascii())
    text = text_of(await document_of(hostile_order(readable)))
    assert [each for each in readable if squeezed(each) not in squeezed(text)] == []
    assert "root:" not in text


async def test_a_word_too_long_is_broken_where_its_column_ends() -> None:
    amount = 999_999_999_999_989  # as wide as amounts get: little is left for the name
    huge = LineDTO("V" * 64, "W" * 200, 1_000_000, 999_999_999, amount, amount - 10)
    order = replace(with_lines(CANCELLED, (huge,)), user_id="M" * 128, external_ref="m" * 127)
    text = text_of(await document_of(order, PdfReceipts("O" * 300)))
    longest = {letter: max(len(run) for run in re.findall(f"{letter}+", text)) for letter in "VWMmO"}
    assert longest == {"V": 21, "W": 12, "M": 48, "m": 51, "O": 34}
    assert squeezed("W" * 200) in squeezed(text)


async def test_five_hundred_lines_go_over_pages_that_are_numbered_and_headed() -> None:
    order = long_order()
    document = await document_of(order)
    pages = [page.extract_text() for page in document.pages]
    assert len(pages) > 10
    for number, text in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in text
        assert ("Unit price" in text) == ("S-" in text)
    assert re.findall(r"^S-\d+", "\n".join(pages), re.MULTILINE) == [line.sku for line in order.lines]


async def test_can_be_kept_and_read_aloud_where_there_is_a_glyph_for_every_character() -> None:
    latin = await document_of(CANCELLED)
    assert conformance_of(latin) == ("2", "1")
    assert root_of(latin)["/Lang"] == "en"
    greek = await document_of(hostile_order(("Λάμπα", "Лампа", "מנורה", "مصباح", "đèn ₫")))
    assert conformance_of(greek) == ("2", "1")


async def test_shows_a_box_for_a_character_without_a_glyph_and_promises_less() -> None:
    document = await document_of(hostile_order(("日本語のランプ", "😀")))
    assert conformance_of(document) == ("", "")
    assert root_of(document)["/MarkInfo"]["/Marked"]
    assert "Total CHF" in text_of(document)


@settings(max_examples=30)
@given(text=st.text(min_size=1, max_size=30))
async def test_any_text_can_be_printed(text: str) -> None:
    assert "Total CHF" in text_of(await document_of(hostile_order((text, text)), PdfReceipts(text)))


@pytest.mark.parametrize(
    "changed_at",
    [
        datetime(2026, 2, 3, 4, 5, 6, 789_012, UTC),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(7, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 3, 1, 8, 30, tzinfo=timezone(timedelta(hours=9))),
    ],
    ids=str,
)
async def test_is_dated_as_the_order_last_changed_and_not_as_it_was_printed(changed_at: datetime) -> None:
    document = await document_of(replace(PENDING, updated_at=changed_at))
    assert document.metadata is not None
    assert document.metadata.creation_date_raw == f"D:{changed_at.astimezone(UTC):%Y%m%d%H%M%S}Z".replace(
        "D:7", "D:0007"
    )


async def test_brings_its_fonts_and_takes_none_of_the_machine() -> None:
    document = await document_of(hostile_order())
    resources: list[Any] = [page["/Resources"] for page in document.pages]
    fonts = {font["/BaseFont"] for found in resources for font in found["/Font"].values()}
    families = {re.sub(r"^/[A-Z]{6}\+|-(Regular|Bold|Identity-H)", "", font) for font in fonts}
    assert families == {"LibertinusSerif", "DejaVuSansMono", "NewCMMath"}


def test_the_template_takes_in_nothing_but_the_receipt() -> None:
    template = Path(pdf_receipts.__file__).with_name("receipt.typ").read_text("utf-8")
    assert (
        re.findall(r"#?\b(?:import|include|read|eval|plugin|image|csv|toml|yaml|xml|cbor)\b\s*[(\"@]", template) == []
    )
    assert re.findall(r"json\(.*", template) == ["json(bytes(sys.inputs.receipt))"]


async def test_long_receipts_do_not_fill_the_memory() -> None:
    process = psutil.Process()
    await RECEIPTS.render(long_order(40))
    before = process.memory_info().rss
    for number in range(3):
        await RECEIPTS.render(replace(long_order(40), id=f"order-{number}", user_id=f"user-{number}"))
    assert process.memory_info().rss - before < 60 * 1024 * 1024  # 3 * 90 where each is remembered


async def test_missing_extra_is_reported_with_what_a_client_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(
        UnknownFormat, match=r"^must be html: pdf needs an extra where the receipt is issued "
    ) as refused:
        await PdfReceipts().render(PENDING)
    assert refused.value.field == "format"
