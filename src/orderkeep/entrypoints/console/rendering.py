"""Templates: Jinja2 with autoescape, in which undefined names are errors; and how amounts, times and statuses look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orderkeep.application.ports import utc_now
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.amounts import outstanding
from orderkeep.entrypoints.console.static_files import static_file

TEMPLATES = Path(__file__).with_name("templates")

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "VND": "₫"}
"""Symbols of amounts; those in other currencies have the code. `$` alone is the US dollar."""

STATUSES: dict[str, tuple[str, str, str]] = {
    "pending": ("off", "pending", "Pending"),
    "processing": ("info", "processing", "Processing"),
    "partially_shipped": ("info", "part", "Partially shipped"),
    "shipped": ("info", "shipped", "Shipped"),
    "delivered": ("ok", "done", "Delivered"),
    "cancelled": ("off", "x", "Cancelled"),
    "none_due": ("off", "none", "Nothing due"),
    "unpaid": ("off", "none", "Unpaid"),
    "authorized": ("info", "auth", "Authorized"),
    "partially_authorized": ("info", "auth", "Partially authorized"),
    "partially_paid": ("warn", "part", "Partially paid"),
    "paid": ("ok", "done", "Paid"),
    "overpaid": ("warn", "over", "Overpaid"),
    "partially_refunded": ("info", "back", "Partially refunded"),
    "refunded": ("off", "back", "Refunded"),
    "unshipped": ("off", "none", "Not shipped"),
    "none": ("off", "none", "None"),
    "requested": ("warn", "pending", "Requested"),
    "received": ("ok", "done", "Received"),
    "rejected": ("off", "x", "Rejected"),
    "partially_returned": ("info", "back", "Partially returned"),
    "returned": ("off", "back", "Returned"),
    "captured": ("ok", "done", "Captured"),
    "voided": ("off", "x", "Voided"),
    "failed": ("bad", "x", "Failed"),
    "succeeded": ("ok", "done", "Settled"),
    "in_transit": ("info", "shipped", "In transit"),
    "active": ("ok", "done", "Active"),
    "expired": ("off", "none", "Expired"),
    "revoked": ("off", "x", "Revoked"),
}
"""The colour class, icon and word of each status."""

ICONS = dict(line.split(" ", 1) for line in (TEMPLATES / "icons.txt").read_text("utf-8").splitlines())
"""The paths of the icons, 16 by 16 pixels, by name."""

_WORD = re.compile("(?<=[a-z])(?=[A-Z])")

MINUS = "\N{MINUS SIGN}"


_STATUS = Markup(
    '<span class="s {tone}"><svg class="i" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{icon}"/></svg>{text}'
    "</span>"
)


class Icons(dict[str, str]):
    """The icons that a page uses, in the order of their first use."""

    def use(self, name: str) -> str:
        """Note the use of an icon, and return its name."""
        self[name] = ICONS[name]
        return name

    def status(self, word: str) -> Markup:
        """Return a status with its icon. Lists have many, and a macro takes ten times as long."""
        icon, content = _status(word)
        self[icon] = ICONS[icon]
        return content


@cache
def _status(word: str) -> tuple[str, Markup]:
    tone, icon, text = STATUSES[word]
    return icon, _STATUS.format(tone=tone, icon=icon, text=text)


def when(value: datetime | str) -> Markup:
    """Return a time in a list: relative, exact on hover and on focus."""
    time = moment(value)
    text = f'<time datetime="{iso(time)}" title="{exact(time)}" tabindex="0">{relative(time)}</time>'
    return Markup(text)  # noqa: S704  # of digits and names of months


def money(minor: int, currency: str) -> str:
    """Return an amount such as `€1,234.50`, `SEK 1,390.00`, with a minus sign before the unit."""
    exponent = EXPONENTS.get(currency, 2)
    whole, rest = divmod(abs(minor), 10**exponent)
    digits = f"{whole:,}" + (f".{rest:0{exponent}}" if exponent else "")
    unit = SYMBOLS.get(currency) or f"{currency}\N{NO-BREAK SPACE}"
    return f"{MINUS if minor < 0 else ''}{unit}{digits}"


def moment(value: datetime | str) -> datetime:
    """Return the time of a document, in UTC."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def exact(value: datetime | str) -> str:
    """Return a time such as `27 Nov 2026, 09:14 UTC`."""
    return f"{moment(value):%-d %b %Y, %H:%M} UTC"


def relative(value: datetime | str, now: datetime | None = None) -> str:
    """Return a time as lists show it: `4 min ago`, `in 2 h`, `Fri 27 Nov`, or with the year if it is another one."""
    time, now = moment(value), now or utc_now()
    ago = now - time
    if abs(ago) < timedelta(minutes=1):
        return "just now" if ago >= timedelta(0) else "in a moment"
    if abs(ago) < timedelta(hours=24):
        seconds = abs(ago).total_seconds()
        text = f"{int(seconds // 60)} min" if seconds < 3_600 else f"{int(seconds // 3_600)} h"
        return f"{text} ago" if ago > timedelta(0) else f"in {text}"
    return f"{time:%a %-d %b}" if time.year == now.year else f"{time:%-d %b %Y}"


def iso(value: datetime | str) -> str:
    """Return a time as HTML has it in `datetime`."""
    return f"{moment(value):%Y-%m-%dT%H:%M:%SZ}"


def sentence(text: str) -> str:
    """Return a text with a capital at its start and a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 unit`, `1,284 units`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def query(given: Mapping[str, str], **changes: str | None) -> str:
    """Return a query string with changes; None removes a parameter. Starts with `?` unless it is empty."""
    values = {name: value for name, value in {**given, **changes}.items() if value}
    return f"?{urlencode(values)}" if values else ""


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.filters |= {
        "money": money,
        "outstanding": outstanding,
        "exact": exact,
        "relative": relative,
        "iso": iso,
        "sentence": sentence,
        "count": count,
        "day": lambda time: f"{time:%-d %b %Y}",
        "words": lambda name: Markup("<wbr>").join(_WORD.split(name)),
        "host": lambda url: url.partition("://")[2] or url,
        "milliseconds": lambda seconds: f"{seconds * 1_000:,.0f} ms",
        "segment": lambda text: quote(text, safe=""),
    }
    found.globals |= {
        "statuses": STATUSES,
        "query": query,
        "when": when,
        "static": lambda name: static_file(name).path,
        "NBSP": Markup("&nbsp;"),
    }
    return found


def render(template: str, **values: Any) -> str:
    """Return the page that a template renders."""
    return environment().get_template(template).render(values)
