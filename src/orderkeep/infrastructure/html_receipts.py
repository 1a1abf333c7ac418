"""Receipts as HTML: one file that loads nothing and runs nothing, for a screen, a screen reader and a printer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.application.receipts import Fact, ReceiptContent, ReceiptLine, receipt_of

_STYLE = """
:root { color-scheme: only light; }
* { box-sizing: border-box; }
html { background: #fff; color: #1a1a1a; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 52rem; margin: 2.5rem auto; padding: 0 1.5rem; overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 2rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; overflow-wrap: normal; }
address { font-style: normal; text-align: right; }
address p { margin: 0; }
address p:first-child { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; margin: 1.75rem 0; }
dt { color: #595959; }
dd { margin: 0; white-space: pre-line; }
table { width: 100%; border-collapse: collapse; }
caption { caption-side: top; padding-bottom: .4rem; text-align: right; color: #595959; font-size: .85rem; }
th, td { padding: .45rem 0 .45rem 1rem; vertical-align: top; text-align: right; font-weight: 400;
  font-variant-numeric: tabular-nums; }
td, thead th { white-space: nowrap; }
th:first-child { padding-left: 0; }
thead th { border-bottom: 2px solid #1a1a1a; font-weight: 600; }
.lines th { width: 45%; }
.lines th, thead th:first-child { text-align: left; }
.lines th, .lines td { border-bottom: 1px solid #d6d6d6; }
.lines small { display: block; color: #595959; }
.sums th { color: #595959; }
.sums .total th, .sums .total td { color: inherit; border-top: 2px solid #1a1a1a; font-weight: 700; font-size: 1.1rem; }
@media (max-width: 40rem) {
  html { font-size: 12px; }
  body { margin: 1rem auto; padding: 0 .75rem; }
  th, td { padding-left: .5rem; }
  .lines th { width: auto; min-width: 6rem; }
}
@media print {
  @page { margin: 18mm 16mm 20mm; @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; } }
  html { font-size: 10pt; }
  body { max-width: none; margin: 0; padding: 0; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  .sums { break-inside: avoid; }
}
"""

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{heading}</h1>
{seller}</header>
<main>
<dl>
{facts}</dl>
<table>
<caption>{caption}</caption>
{lines}<tbody class="sums">
{sums}</tbody>
</table>
</main>
</body>
</html>
"""

_HEAD = """\
<thead>
<tr><th scope="col">Article</th><th scope="col">Quantity</th><th scope="col">Unit price</th>\
<th scope="col">Discount</th><th scope="col">Tax</th><th scope="col">Amount</th></tr>
</thead>
"""


class HtmlReceipts(ReceiptRenderer):
    """Lays receipts out as HTML. `seller` is what they say of who sold, a line each."""

    media_type = "text/html"

    def __init__(self, seller: str = "") -> None:
        self._seller = seller

    async def render(self, order: OrderDTO) -> bytes:
        """Return a complete document in UTF-8."""
        return _page(receipt_of(order, self._seller)).encode()


def _page(content: ReceiptContent) -> str:
    order = content.facts[0].text
    columns = 5 if content.lines else 1
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(f"{content.title} {order}"),
        style=_STYLE,
        heading=escape(content.title),
        seller=_address(content.seller),
        facts="".join(f"<dt>{escape(fact.label)}</dt><dd>{_foreign(fact.text)}</dd>\n" for fact in content.facts),
        caption=escape(content.caption),
        lines=_lines(content.lines),
        sums="".join(_sum(fact, columns) for fact in content.sums) + _sum(content.total, columns, ' class="total"'),
    )


def _address(seller: tuple[str, ...]) -> str:
    if not seller:
        return ""
    lines = "".join(f"<p>{_foreign(line)}</p>\n" for line in seller)
    return f"<address>\n{lines}</address>\n"


def _lines(lines: Iterable[ReceiptLine]) -> str:
    rows = "".join(_line(line) for line in lines)
    return f'{_HEAD}<tbody class="lines">\n{rows}</tbody>\n' if rows else ""


def _line(line: ReceiptLine) -> str:
    amounts = (line.quantity, line.unit_price, line.discount, line.tax, line.amount)
    cells = "".join(f"<td>{escape(amount)}</td>" for amount in amounts)
    return f'<tr><th scope="row">{_foreign(line.name)} <small>{_foreign(line.sku)}</small></th>{cells}</tr>\n'


def _sum(fact: Fact, columns: int, attributes: str = "") -> str:
    label = f'<th scope="row" colspan="{columns}">{escape(fact.label)}</th>'
    return f"<tr{attributes}>{label}<td>{escape(fact.text)}</td></tr>\n"


def _foreign(text: str) -> str:
    """Return somebody's text as text; marks that turn the reading direction end where it ends."""
    return f"<bdi>{escape(text)}</bdi>"
