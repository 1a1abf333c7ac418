"""Amounts of options, which are in major units, such as 99.00, and the messages about them."""

import re
from decimal import Decimal

import click

from orderkeep.domain.exceptions import InvalidInput, TotalMismatch, UnknownCurrency
from orderkeep.domain.limits import MAX_MINOR_UNITS
from orderkeep.domain.value_objects import EXPONENTS, Money


class MajorAmount(str):
    """An amount in major units, of a currency that is known only with the order."""

    __slots__ = ()


_OTHER_FORMS = re.compile(r"[^0-9.,]*([0-9][0-9.,]*)[^0-9.,]*")
_UNIT = re.compile(r" \(minor units of ([A-Z]{3})\)")
_AMOUNT = re.compile(r"(\b(?:with|most|not|of|got|expected|difference)|:) ([-+]?[0-9]+)\b")
"""Amounts by the word before them, because references are numbers, too."""


def minor_units(amount: str, currency: str, option: str) -> int:
    """Return the amount in minor units; messages about it are then in major units. Raises `click.BadParameter` for the
    option.
    """
    if (context := click.get_current_context(silent=True)) and context.obj:
        context.obj.currency = currency
    if not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
        nearest = _nearest(amount)
        message = "must be an amount such as 1234.50: digits with a decimal point, no thousands separator or currency"
        message += f". Did you mean {nearest}?" if nearest else ""
        raise click.BadParameter(message, param_hint=option)
    if len(amount.partition(".")[2]) > EXPONENTS.get(currency, len(amount)):  # 1.200 may be meant as 1200
        message = f"must have at most {EXPONENTS[currency]} decimal places in {currency}"
        raise click.BadParameter(message, param_hint=option)
    try:
        return Money.of(Decimal(amount), currency).minor
    except UnknownCurrency as error:
        nearest = f". Did you mean {currency.upper()}?" if currency.upper() in EXPONENTS else ""
        raise click.BadParameter(f"{error}{nearest}", param_hint="--currency") from None
    except InvalidInput as error:
        raise click.BadParameter(message_in_major_units(error, currency), param_hint=option) from None


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
            _major(minor, currency) for minor in (error.expected, error.given, abs(error.difference))
        )
        by = f"{difference} too {'high' if error.difference > 0 else 'low'}"
        return f"must be {expected} {currency}, which is lines + shipping + tax - discount: {given} is {by}"
    return text_in_major_units(str(error), currency)


def currency_of(text: str) -> str:
    """Return the currency of a text that ends with the unit of its amounts; "" of others."""
    return unit[1] if (unit := _UNIT.search(text)) else ""


def text_in_major_units(text: str, currency: str) -> str:
    """Return the text with its amounts in major units, each with its currency: those of a text that ends with their
    unit, `(minor units of EUR)`, and the limit of an amount.
    """
    limit = f"{_major(MAX_MINOR_UNITS, currency)} {currency}"
    text = text.replace("a whole number of minor units from 1 to below 10^15", f"more than 0 and below {limit}")
    text = text.replace("10^15 minor units", limit).replace(f"{MAX_MINOR_UNITS - 1} minor units", f"below {limit}")
    text = text.replace("from 1 to below", "more than 0 and below").replace("from 0 to below", "at least 0 and below")
    if unit := _UNIT.search(text):
        text = _AMOUNT.sub(
            lambda found: f"{found[1]} {_major(int(found[2]), unit[1])} {unit[1]}", text.replace(unit[0], "")
        )
    return text


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-EXPONENTS[currency])
