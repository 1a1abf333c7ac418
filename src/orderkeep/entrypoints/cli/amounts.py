"""Amounts of options, which are in major units, such as 99.00."""

import click

from orderkeep.domain.exceptions import AmountOutOfRange, UnknownCurrency
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.amounts import LIMIT, parse_amount


class MajorAmount(str):
    """An amount in major units, of a currency that is known only with the order."""

    __slots__ = ()


def minor_units(amount: str, currency: str, option: str) -> int:
    """Return the amount in minor units; messages about it are then in major units. Raises `click.BadParameter` for the
    option.
    """
    if (context := click.get_current_context(silent=True)) and context.obj:
        context.obj.currency = currency
    try:
        return parse_amount(amount, currency)
    except UnknownCurrency as error:
        nearest = f". Did you mean {currency.upper()}?" if currency.upper() in EXPONENTS else ""
        raise click.BadParameter(f"{error}{nearest}", param_hint="--currency") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def positive_minor_units(amount: str, currency: str, option: str) -> int:
    """Return the amount in minor units like `minor_units`. Raises `AmountOutOfRange` for 0."""
    if not (minor := minor_units(amount, currency, option)):
        raise AmountOutOfRange(f"must be more than 0 and below {LIMIT}", "amount")
    return minor
