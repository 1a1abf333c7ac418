"""From an order to a PDF: typst compiles one template, in a thread of its own, with the fonts it brings."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import UnknownFormat
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.application.receipts import ReceiptContent, receipt_of
from orderkeep.domain.value_objects import in_utc

if TYPE_CHECKING:
    from typst import Compiler, PDFStandard

_TEMPLATE = Path(__file__).with_name("receipt.typ")

_TO_KEEP: list[PDFStandard] = ["a-2a", "ua-1"]
"""PDF/A, to be read in ten years' time, and PDF/UA, to be read aloud. Both want a glyph for every character."""

_PLAIN: list[PDFStandard] = ["1.7"]

_LONG = 50
"""More lines than this are not remembered. A line takes 180 KB of what typst keeps until ten documents later."""

_UNTIL_FORGOTTEN = 11


class PdfReceipts(ReceiptRenderer):
    """Lays receipts out as PDF, on A4. `seller` is what they say of who sold, a line each."""

    media_type = "application/pdf"

    def __init__(self, seller: str = "") -> None:
        self._seller = seller
        # One at a time, and in no thread that others wait for: a receipt takes all of a core while it is made.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="receipts")

    async def render(self, order: OrderDTO) -> bytes:
        """Return a PDF, dated as the order last changed. Raises `UnknownFormat` where typst is not installed."""
        content = receipt_of(order, self._seller)
        date = in_utc(order.updated_at).replace(microsecond=0)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._make, content, date)

    def _make(self, content: ReceiptContent, date: datetime) -> bytes:
        compiler = self._compiler
        try:
            return _pdf_of(compiler, json.dumps(dataclasses.asdict(content)), date)
        finally:
            if len(content.lines) > _LONG:
                _forget(compiler)

    @cached_property
    def _compiler(self) -> Compiler:
        try:
            from typst import Compiler, Fonts
        except ImportError:
            raise UnknownFormat("pdf needs the extra: pip install 'orderkeep[pdf]'", "format") from None
        # It sees no font of this machine, and no file but the template.
        return Compiler(root=_TEMPLATE.parent, font_paths=Fonts(include_system_fonts=False))


def _pdf_of(compiler: Compiler, said: str, date: datetime) -> bytes:
    from typst import TypstError

    try:
        return _compiled(compiler, said, date, _TO_KEEP)
    except TypstError:  # the fonts lack one of its characters
        return _compiled(compiler, said, date, _PLAIN)


def _compiled(compiler: Compiler, said: str, date: datetime, standards: list[PDFStandard]) -> bytes:
    template = _TEMPLATE.read_bytes()  # given each time: a compiler made with it would forget it after one call
    inputs = {"receipt": said}
    pdf = compiler.compile(template, format="pdf", sys_inputs=inputs, timestamp=date, pdf_standards=standards)
    return cast("bytes", pdf)


def _forget(compiler: Compiler) -> None:
    for _ in range(_UNTIL_FORGOTTEN):
        compiler.compile(b"", format="svg")
