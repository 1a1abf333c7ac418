"""Orders whose texts try to be more than text, and orders as large as they get."""

from dataclasses import replace

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.domain.limits import MAX_LINES
from orderkeep.testing.orders import cancelled_order, pending_order

SELLER = "Lamps & Shades <Ltd.>\n12 Mill Lane\nLeeds"
PENDING = OrderDTO.of(pending_order(), version=1)
CANCELLED = OrderDTO.of(cancelled_order(), version=3)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><style>body{display:none}",
    "<!-- &lt; &#x3c; -->",
    "{style} {0} %s ${total}",
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.1": *',
    "$x$ *bold* _it_ `raw`",
    "= Heading // not /* a comment",
    "\\u{41} \\ @ref <label> [a](b) https://example.com/",
    "\u202eturned \u2067round",
    "مصباح كهربائي",
    "מנורה",
    "日本語のランプ",
    "😀 👩\u200d👩\u200d👧",
    "e" + "\u0301" * 199,
    "W" * 200,
)
"""Each stands in a field of an order that takes it, and must be read on the receipt as it is here."""


def with_lines(order: OrderDTO, lines: tuple[LineDTO, ...]) -> OrderDTO:
    """Return the order with other lines, and the total they come to."""
    goods = sum(line.quantity * line.unit_price - line.discount + line.tax for line in lines)
    total = goods + order.shipping + order.tax - order.discount
    return replace(order, lines=lines, total=total, current_total=total)


def hostile_order(texts: tuple[str, ...] = HOSTILE) -> OrderDTO:
    """Return an order that says these texts wherever it can."""
    lines = tuple(LineDTO(text[:64], text, n, 1_000 + n, 3 * n, 5 * n) for n, text in enumerate(texts, start=1))
    [reference, user, *_] = texts
    return with_lines(replace(CANCELLED, external_ref=reference[:128], user_id=user[:128]), lines)


def long_order(width: int = 20) -> OrderDTO:
    """Return an order of as many lines as there may be, with names so long."""
    names = ((f"Lamp {n} " + "of brass " * 25)[:width] for n in range(1, MAX_LINES + 1))
    lines = tuple(LineDTO(f"S-{n}", name, n, 10_000 + n, n, 2 * n) for n, name in enumerate(names, start=1))
    return with_lines(PENDING, lines)
