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


def minor_units(amount: str, currency: str, option: str) -> int:
    """Return the amount in minor units. Raises `click.BadParameter` for the option."""
    if not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
        nearest = amount.replace(",", ".") if re.fullmatch("[0-9]+,[0-9]{1,3}", amount, re.ASCII) else ""
        message = "must be an amount such as 1234.50, in digits with a decimal point"
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
        raise click.BadParameter(in_major_units(error, currency), param_hint=option) from None


def in_major_units(error: InvalidInput, currency: str) -> str:
    """Return the message with the amounts as they are given in options."""
    if isinstance(error, TotalMismatch):
        amounts = (error.expected, error.given, abs(error.difference))
        expected, given, difference = (Decimal(minor).scaleb(-EXPONENTS[currency]) for minor in amounts)
        by = f"{difference} too {'high' if error.difference > 0 else 'low'}"
        return f"must be {expected} {currency}, which is lines + shipping + tax - discount: {given} is {by}"
    limit = Decimal(MAX_MINOR_UNITS).scaleb(-EXPONENTS[currency])
    return str(error).replace("10^15 minor units", f"{limit} {currency}")
