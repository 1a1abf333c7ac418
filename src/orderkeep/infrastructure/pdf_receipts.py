"""Receipts as PDF: typst compiles the template `receipt.typ` in a thread, with typst's own fonts."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import UnknownFormat
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.value_objects import in_utc

if TYPE_CHECKING:
    from typst import Compiler, PDFStandard

    from orderkeep.application.receipts import ReceiptContent

log = logging.getLogger("orderkeep.receipts")

_TEMPLATE = Path(__file__).with_name("receipt.typ")

_ARCHIVAL: list[PDFStandard] = ["a-2a", "ua-1"]
"""PDF/A for archives and PDF/UA for screen readers. Both require a glyph for every character."""

_PLAIN: list[PDFStandard] = ["1.7"]

_CACHED_LINES = 50
"""A longer receipt is evicted from typst's cache, which keeps 180 KB for each line until ten documents later."""

_EVICTION_COMPILES = 11


class PdfReceipts(ReceiptRenderer):
    """Renders receipts as PDF on A4. `seller` is the text about the seller, line by line."""

    media_type = "application/pdf"

    def __init__(self, seller: str = "") -> None:
        self._seller = seller
        # One at a time, in a thread of its own: rendering takes a whole core.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="receipts")

    async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
        """Return a PDF, dated with the last change of the order. Raises `UnknownFormat` if typst is not installed."""
        from orderkeep.application.receipts import receipt_of  # most processes issue no receipt

        if not self._seller:
            log.warning("a receipt has no seller: set ORDERKEEP_SELLER")
        content = receipt_of(order, self._seller, personal)
        date = in_utc(order.updated_at).replace(microsecond=0)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._render, content, date)

    def _render(self, content: ReceiptContent, date: datetime) -> bytes:
        compiler = self._compiler
        try:
            return _pdf_of(compiler, json.dumps(dataclasses.asdict(content)), date)
        finally:
            if len(content.lines) > _CACHED_LINES:
                for _ in range(_EVICTION_COMPILES):
                    compiler.compile(b"", format="svg")

    @cached_property
    def _compiler(self) -> Compiler:
        # Imported here, in the thread: the import takes a fifth of a second, and only PDFs need the extra.
        try:
            from typst import Compiler, Fonts
        except ImportError:
            message = "must be html: pdf needs an extra where the receipt is issued (pip install 'orderkeep[pdf]')"
            raise UnknownFormat(message, "format") from None
        # With a file as its root, the template cannot read any other file.
        return Compiler(root=_TEMPLATE, font_paths=Fonts(include_system_fonts=False))


def _pdf_of(compiler: Compiler, content: str, date: datetime) -> bytes:
    from typst import TypstError

    template = _TEMPLATE.read_bytes()  # passed to each call: a compiler that was created with it uses it only once
    compiled = partial(compiler.compile, template, format="pdf", sys_inputs={"receipt": content}, timestamp=date)
    try:
        return cast("bytes", compiled(pdf_standards=_ARCHIVAL))
    except TypstError:  # the fonts lack one of its characters
        return cast("bytes", compiled(pdf_standards=_PLAIN))
