"""What holds for every amount of money in every currency."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.exceptions import InvalidAmount, InvalidOrder
from orderkeep.domain.limits import MAX_MINOR_UNITS
from orderkeep.domain.value_objects import EXPONENTS, Money

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(1 - MAX_MINOR_UNITS, MAX_MINOR_UNITS - 1)
small = st.integers(-(10**12), 10**12)


@given(minors, currencies)
def test_major_units_and_back_are_the_same_amount(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Fraction(money.major) == Fraction(minor, 10 ** EXPONENTS[currency])
    assert Money.of(money.major, currency) == money
    assert Money.of(str(money.major), currency) == money
    assert Money.of(str(money).removesuffix(f" {currency}"), currency) == money


def test_major_units_and_back_for_every_currency_there_is() -> None:
    for currency, exponent in EXPONENTS.items():
        for minor in (1 - MAX_MINOR_UNITS, -1, 0, 1, 10**exponent, MAX_MINOR_UNITS - 1):
            money = Money(minor, currency)
            assert Money.of(money.major, currency) == money
            assert -money.major.as_tuple().exponent == exponent  # type: ignore[operator]


@given(st.integers(-(10**9), 10**9), currencies)
def test_a_float_with_the_currencys_decimals_is_taken_to_the_minor_unit(minor: int, currency: str) -> None:
    assert Money.of(minor / 10 ** EXPONENTS[currency], currency) == Money(minor, currency)


@given(st.integers(-(10**13), 10**13), st.integers(1, 30), currencies)
def test_anything_finer_than_the_minor_unit_is_rejected(units: int, further: int, currency: str) -> None:
    finer = Decimal(f"{units}E-{EXPONENTS[currency] + further}")
    if units % 10**further:
        with pytest.raises(InvalidAmount):
            Money.of(finer, currency)
    else:
        assert Money.of(finer, currency).minor == units // 10**further


@given(st.text() | st.floats() | st.decimals(), currencies)
def test_whatever_comes_in_is_an_exact_amount_or_rejected(amount: str | float | Decimal, currency: str) -> None:
    try:
        money = Money.of(amount, currency)
    except InvalidOrder:
        return
    assert type(money.minor) is int
    assert money.major == Decimal(str(amount))


@given(small, small, st.integers(0, 900), currencies)
def test_sums_are_those_of_the_minor_units(a: int, b: int, times: int, currency: str) -> None:
    one, other = Money(a, currency), Money(b, currency)
    for money, minor in ((one + other, a + b), (one - other, a - b), (one * times, a * times)):
        assert money == Money(minor, currency)
        assert type(money.minor) is int
    assert one + other - other == one
    assert one + Money.zero(currency) == one
