"""Money: whole minor units of an ISO 4217 currency. There is no float in it, and nothing is ever rounded silently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from orderkeep.domain.exceptions import AmountOutOfRange, CurrencyMismatch, InvalidAmount, UnknownCurrency
from orderkeep.domain.limits import MAX_MINOR_UNITS

DEFAULT_CURRENCY = "EUR"
"""What a plain number is in, where nobody said: the article's `Order("1", "user-42", 99.0, …)`."""

_NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_HUNDREDTHS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
    "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG "
    "YER ZAR ZMW ZWG"
)
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in ((0, _NO_MINOR_UNIT), (2, _HUNDREDTHS), (3, _THOUSANDTHS))
    for code in codes.split()
}
"""ISO 4217 codes with the number of decimals of their minor unit: 0, 2 or 3."""

# Decimal itself takes 1_000, " 9 " and other scripts' digits as well.
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EXACT = Context(prec=28, Emin=-99, Emax=99, traps=[InvalidOperation, Overflow, Inexact])  # 1e999999 takes a minute


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency: `Money(9900, "EUR")` is 99.00 EUR, `Money(99, "JPY")` is 99 yen.

    Raises `UnknownCurrency`, `InvalidAmount` where `minor` is no integer, `AmountOutOfRange` from 10^15 on.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise UnknownCurrency
        if type(self.minor) is not int:
            raise InvalidAmount("must be a whole number of minor units")
        if not -MAX_MINOR_UNITS < self.minor < MAX_MINOR_UNITS:
            raise AmountOutOfRange("must be below 10^15 minor units")

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing, in that currency."""
        return cls(0, currency)

    @classmethod
    def of(cls, amount: Decimal | float | str, currency: str) -> Money:
        """Return an amount given in major units (`99.0`, `"99.00"`), taken through its decimal text.

        A text is digits, with a point and decimals if there are any. Raises `InvalidAmount` where it is no finite
        number, or finer than the currency's minor unit.
        """
        if currency not in EXPONENTS:
            raise UnknownCurrency
        if isinstance(amount, str) and not _DECIMAL.fullmatch(amount):
            raise InvalidAmount("must be a decimal number, such as 99.00")
        try:
            minor = _EXACT.scaleb(Decimal(str(amount)), EXPONENTS[currency])
            whole = int(minor)
        except (ArithmeticError, ValueError):
            raise InvalidAmount("must be a decimal number, such as 99.00") from None
        if whole != minor:
            raise InvalidAmount(f"must have at most {EXPONENTS[currency]} decimals in {currency}")
        return cls(whole, currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units, with the currency's number of decimals."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._minor_of(other), self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.minor * quantity, self.currency)

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    def _minor_of(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other.minor
