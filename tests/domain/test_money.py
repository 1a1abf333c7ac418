"""Money is whole minor units of one currency: exact, bounded, and never a float."""

from decimal import Decimal

import pytest

from orderkeep.domain.exceptions import (
    AmountOutOfRange,
    CurrencyMismatch,
    InvalidAmount,
    InvalidOrder,
    UnknownCurrency,
)
from orderkeep.domain.limits import MAX_MINOR_UNITS
from orderkeep.domain.value_objects import DEFAULT_CURRENCY, EXPONENTS, Money


@pytest.mark.parametrize(
    "amount, currency, minor",
    [
        (99.0, "EUR", 9_900),
        ("99", "EUR", 9_900),
        (Decimal("0.01"), "USD", 1),
        ("1250", "JPY", 1_250),
        ("0.500", "KWD", 500),
        (1.005, "KWD", 1_005),
        ("1.10", "BHD", 1_100),
        ("-3.20", "CHF", -320),
        ("1e3", "EUR", 100_000),
        ("2.00000000000000000000000000000000000000000000", "EUR", 200),
        ("0e999999999", "EUR", 0),
        ("9999999999999.99", "EUR", MAX_MINOR_UNITS - 1),
    ],
)
def test_takes_an_amount_in_major_units_exactly(amount: float | str | Decimal, currency: str, minor: int) -> None:
    assert Money.of(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize("finer", ["0.001", 1.999, "1e-9999999", 5e-324, 0.1 + 0.2, "2." + "0" * 40 + "1"])
def test_rejects_what_is_finer_than_the_minor_unit(finer: float | str) -> None:
    with pytest.raises(InvalidAmount):
        Money.of(finer, "EUR")


def test_says_how_many_decimals_a_currency_has() -> None:
    for amount, currency, decimals in (("0.005", "EUR", 2), ("0.0005", "KWD", 3)):
        with pytest.raises(InvalidAmount, match=f"^must have at most {decimals} decimal places in {currency}$"):
            Money.of(amount, currency)
    with pytest.raises(InvalidAmount, match=r"^must be a whole number in JPY$"):
        Money.of("0.5", "JPY")


@pytest.mark.parametrize(
    "no_number",
    [
        "",
        "ten",
        "9,90",
        "nan",
        "-inf",
        "snan",
        "0x10",
        "1.2.3",
        "1_000",
        " 99",
        "99\n",
        "٩٩",
        ".5",
        float("inf"),
        "9" * 5_000,
    ],
)
def test_rejects_what_is_no_number(no_number: float | str) -> None:
    with pytest.raises(InvalidAmount):
        Money.of(no_number, "EUR")


@pytest.mark.parametrize("huge", ["10000000000000", "-1e13", 1e14])
def test_rejects_an_amount_at_the_bound(huge: float | str) -> None:
    with pytest.raises(AmountOutOfRange, match=r"10\^15"):
        Money.of(huge, "EUR")


@pytest.mark.parametrize("absurd", ["1e999999", "-1e99999999", 1e308])
def test_rejects_absurd_powers_of_ten_without_computing_them(absurd: float | str) -> None:
    with pytest.raises(InvalidOrder):
        Money.of(absurd, "EUR")


@pytest.mark.parametrize("minor", [MAX_MINOR_UNITS - 1, 0, 1 - MAX_MINOR_UNITS])
def test_holds_amounts_up_to_the_bound(minor: int) -> None:
    assert Money(minor, "EUR").minor == minor


@pytest.mark.parametrize("minor", [MAX_MINOR_UNITS, -MAX_MINOR_UNITS, 2**63, -(10**40)])
def test_holds_no_amount_past_the_bound(minor: int) -> None:
    with pytest.raises(AmountOutOfRange):
        Money(minor, "EUR")


@pytest.mark.parametrize("minor", [1.0, "1", True, None, Decimal(1)])
def test_holds_nothing_but_an_integer(minor: object) -> None:
    with pytest.raises(InvalidAmount, match="whole number of minor units"):
        Money(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["", "eur", "EU", "EURO", "XYZ", "€", "XAU", " EUR"])
def test_rejects_a_currency_without_minor_units(code: str) -> None:
    for make in (Money, Money.of):
        with pytest.raises(UnknownCurrency) as refused:
            make(1, code)
        assert refused.value.field == "currency"


def test_knows_the_exponents_of_iso_4217() -> None:
    assert {EXPONENTS[code] for code in ("JPY", "KRW", "CLP", "ISK", "VND", "XOF")} == {0}
    assert {EXPONENTS[code] for code in ("EUR", "USD", "CHF", "MGA", "MRU", "UYU")} == {2}
    assert {EXPONENTS[code] for code in ("KWD", "BHD", "OMR", "TND", "JOD", "IQD", "LYD")} == {3}
    assert DEFAULT_CURRENCY in EXPONENTS
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)


def test_money_is_multiplied_by_whole_numbers() -> None:
    assert Money(4_750, "EUR") + Money(250, "EUR") == Money(5_000, "EUR")
    assert Money(4_750, "EUR") - Money(5_000, "EUR") == Money(-250, "EUR")
    assert Money(4_750, "EUR") * 3 == Money(14_250, "EUR")


def test_rejects_to_mix_currencies() -> None:
    for mix in (Money.__add__, Money.__sub__):
        with pytest.raises(CurrencyMismatch, match="must be in EUR, the currency of the order, not in USD"):
            mix(Money(1, "EUR"), Money(1, "USD"))


def test_money_times_a_fraction_is_rejected() -> None:
    with pytest.raises(InvalidAmount):
        Money(100, "EUR") * 1.5  # type: ignore[operator]


def test_rejects_a_sum_at_the_bound() -> None:
    with pytest.raises(AmountOutOfRange):
        Money(MAX_MINOR_UNITS - 1, "EUR") + Money(1, "EUR")


def test_reads_as_people_write_it() -> None:
    assert [str(Money(123_456, code)) for code in ("JPY", "EUR", "KWD")] == ["123456 JPY", "1234.56 EUR", "123.456 KWD"]
    assert str(Money.zero("EUR")) == "0.00 EUR"


def test_cannot_be_altered() -> None:
    with pytest.raises(AttributeError):
        Money(1, "EUR").minor = 2  # type: ignore[misc]
