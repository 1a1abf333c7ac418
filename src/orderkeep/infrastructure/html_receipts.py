"""Receipts as HTML, by the template `receipt.html`: one file that loads nothing and runs no script."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.domain.personal_data import PersonalRecord

if TYPE_CHECKING:
    from orderkeep.application.receipts import Fact, ReceiptContent, ReceiptLine

log = logging.getLogger("orderkeep.receipts")

_STYLE = "\n" + Path(__file__).with_name("receipt.css").read_text(encoding="utf-8")
_PAGE = Path(__file__).with_name("receipt.html").read_text(encoding="utf-8")

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"

_LINES_AT_ONCE = 20
"""A longer receipt takes milliseconds."""

_HEAD = """\
<thead>
<tr><th scope="col">Article</th><th scope="col">Quantity</th><th scope="col">Unit price</th>\
<th scope="col">Discount</th><th scope="col">Tax</th><th scope="col">Amount</th></tr>
</thead>
"""


class HtmlReceipts(ReceiptRenderer):
    """Renders receipts as HTML. `seller` is the text about the seller, line by line."""

    media_type = "text/html"

    def __init__(self, seller: str = "") -> None:
        self._seller = seller
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="receipts")

    async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
        """Return a complete document in UTF-8. If it is long, it is rendered in a thread, so that others are served."""
        if not self._seller:
            log.warning("a receipt has no seller: set ORDERKEEP_SELLER")
        if len(order.lines) <= _LINES_AT_ONCE:
            return self._render(order, personal)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._render, order, personal)

    def _render(self, order: OrderDTO, personal: PersonalRecord | None) -> bytes:
        from orderkeep.application.receipts import receipt_of  # most processes issue no receipt

        return _page(receipt_of(order, self._seller, personal)).encode()


def _page(content: ReceiptContent) -> str:
    columns = 5 if content.lines else 1
    rows = "".join(_line(line) for line in content.lines)
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(f"{content.title} {content.facts[0].text}"),
        style=_STYLE,
        heading=escape(content.title),
        seller=_address(content.seller),
        facts="".join(f"<dt>{escape(fact.label)}</dt><dd>{_foreign(fact.text)}</dd>\n" for fact in content.facts),
        caption=escape(content.caption),
        lines=f'{_HEAD}<tbody class="lines">\n{rows}</tbody>\n' if rows else "",
        sums="".join(_sum(fact, columns) for fact in content.sums)
        + _sum(content.total, columns, ' class="total"')
        + "".join(_sum(fact, columns) for fact in content.settlement),
    )


def _address(seller: tuple[str, ...]) -> str:
    if not seller:
        return ""
    lines = "".join(f"<p>{_foreign(line)}</p>\n" for line in seller)
    return f"<address>\n{lines}</address>\n"


def _line(line: ReceiptLine) -> str:
    amounts = (line.quantity, line.unit_price, line.discount, line.tax, line.amount)
    cells = "".join(f"<td>{escape(amount)}</td>" for amount in amounts)
    return f'<tr><th scope="row">{_foreign(line.name)} <small>{_foreign(line.sku)}</small></th>{cells}</tr>\n'


def _sum(fact: Fact, columns: int, attributes: str = "") -> str:
    label = f'<th scope="row" colspan="{columns}">{escape(fact.label)}</th>'
    return f"<tr{attributes}>{label}<td>{escape(fact.text)}</td></tr>\n"


def _foreign(text: str) -> str:
    """Escape text from outside, and isolate its direction marks from the rest of the page."""
    return f"<bdi>{escape(text)}</bdi>"
