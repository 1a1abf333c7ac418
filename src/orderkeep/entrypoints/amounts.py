"""Amounts as people type and read them: in major units, such as 99.00; the messages about them, and what is owed."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orderkeep.domain.exceptions import HasAmounts, InvalidInput, TotalMismatch, UnknownCurrency
from orderkeep.domain.limits import MAX_MINOR_UNITS
from orderkeep.domain.value_objects import EXPONENTS, Money, in_major_units, precision_of

_OTHER_FORMS = re.compile(r"[^0-9.,]*([0-9][0-9.,]*)[^0-9.,]*")

LIMIT = "10^15 minor units"
"""How messages about amounts name their limit."""


def parse_amount(amount: str, currency: str) -> int:
    """Return the amount in minor units. Raises `ValueError` with a message for the person who typed it, and
    `UnknownCurrency`.
    """
    if not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
        nearest = _nearest(amount)
        message = "must be an amount such as 1234.50: digits with a decimal point, no thousands separator or currency"
        raise ValueError(message + (f". Did you mean {nearest}?" if nearest else ""))
    if len(amount.partition(".")[2]) > EXPONENTS.get(currency, len(amount)):  # 1.200 may be meant as 1200
        raise ValueError(precision_of(currency))
    try:
        return Money.of(Decimal(amount), currency).minor
    except UnknownCurrency:
        raise
    except InvalidInput as error:
        raise ValueError(message_in_major_units(error, currency)) from None


def outstanding(order: Mapping[str, Any]) -> int:
    """Return what the customer has not paid yet, in minor units; 0 once something was refunded."""
    missing: int = order.get("current_total", 0) - order.get("captured", 0)
    return 0 if order.get("refunded") else max(0, missing)


def _nearest(amount: str) -> str:
    """Return what may be meant: without currency and thousands separators, and with a decimal point. Nothing if a
    single separator precedes three digits, because it may be either.
    """
    found = _OTHER_FORMS.fullmatch(amount)
    if found is None or re.match(r"\s*[-+(]", amount) or "%" in amount:
        return ""
    whole, mark, rest = re.fullmatch(r"(.*?)(?:([.,])([0-9]*))?", found[1]).groups()  # type: ignore[union-attr]
    if mark is None or (len(rest) == 3 and not re.search("[.,]", whole)):
        return whole if mark is None else ""
    groups = re.split("[.,]", whole)
    if len(rest) > 3 or mark in whole or any(len(group) != 3 for group in groups[1:]):
        return ""
    return f"{''.join(groups)}.{rest}"


def message_in_major_units(error: Exception, currency: str) -> str:
    """Return the message of an error with its amounts as they are given in options."""
    if isinstance(error, TotalMismatch):
        expected, given, difference = (
            in_major_units(minor, currency) for minor in (error.expected, error.given, abs(error.difference))
        )
        by = f"{difference} too {'high' if error.difference > 0 else 'low'}"
        return f"must be {expected} {currency}, which is lines + shipping + tax - discount: {given} is {by}"
    if isinstance(error, HasAmounts):
        return error.worded(lambda minor: f"{in_major_units(minor, currency)} {currency}")
    return str(error).replace(LIMIT, f"{in_major_units(MAX_MINOR_UNITS, currency)} {currency}")
