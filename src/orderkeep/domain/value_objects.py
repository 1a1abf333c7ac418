"""The values of an order (`Money`, lines, documents) and their rules. Stored values are not checked again: limits may
become stricter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import cache

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    AmountOutOfRange,
    CurrencyMismatch,
    DuplicateTag,
    InvalidAmount,
    InvalidId,
    InvalidOrder,
    InvalidTime,
    TextMissing,
    TextNotPrintable,
    TextTooLong,
    TooManyMetadataKeys,
    TooManyTags,
    UnknownCurrency,
)
from orderkeep.domain.limits import MAX_MINOR_UNITS

DEFAULT_CURRENCY = "EUR"
"""The currency of a plain number if none is given, as in `Order("1", "user-42", 99.0, …)`."""

_NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_HUNDREDTHS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
    "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG "
    "YER ZAR ZMW ZWG"
)
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_WITHDRAWN_NO_MINOR_UNIT = "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL"
_WITHDRAWN_HUNDREDTHS = (
    "AFA ANG ATS AZM BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK IEP LTL LVL MRO MTL MZM NLG ROL RUR SDD SIT SKK "
    "SLL SRG STD TMM VEB VEF YUM ZMK ZWD ZWL ZWN ZWR"
)

EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in (
        (0, f"{_NO_MINOR_UNIT} {_WITHDRAWN_NO_MINOR_UNIT}"),
        (2, f"{_HUNDREDTHS} {_WITHDRAWN_HUNDREDTHS}"),
        (3, _THOUSANDTHS),
    )
    for code in codes.split()
}
"""ISO 4217 codes with the number of decimal places of their minor unit: 0, 2 or 3. Also those that were withdrawn since
1999, which orders from the past may have.
"""

CURRENCIES = frozenset(f"{_NO_MINOR_UNIT} {_HUNDREDTHS} {_THOUSANDTHS}".split())
"""The codes that a new order may have."""

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]*")
"""Order IDs appear unescaped in URLs, file names and logs."""

BIDI_CONTROLS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Characters that change the direction of a text: with them, a text can look like another one."""

UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Control characters, line separators and surrogates, which a text on one line must not contain."""

INVISIBLE = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164"
    r"\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
)
"""Characters without a glyph, in addition to whitespace. Some join others, but a text needs one that is visible."""

_INVISIBLE_ENDS = re.compile(rf"^[\s{INVISIBLE}]+|[\s{INVISIBLE}]+$")
_UNPRINTABLE = re.compile(rf"{UNPRINTABLE}|[{BIDI_CONTROLS}]")
_UNPRINTABLE_BUT_BREAKS = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff{BIDI_CONTROLS}]")
_VISIBLE = re.compile(rf"[^\s{INVISIBLE}{BIDI_CONTROLS}\U000e0000-\U000e0fff]")

# Decimal itself also accepts 1_000, " 9 " and digits of other scripts.
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EXACT = Context(prec=28, Emin=-99, Emax=99, traps=[InvalidOperation, Overflow, Inexact])  # 1e999999 takes a minute


def in_major_units(minor: int, currency: str) -> Decimal:
    """Return an amount in major units, with the decimal places of the currency. Sums of amounts have no limit."""
    return Decimal(minor).scaleb(-EXPONENTS[currency])


def precision_of(currency: str) -> str:
    """Return the rule about the decimal places of amounts in a currency."""
    places = EXPONENTS[currency]
    return (
        f"must have at most {places} decimal places in {currency}"
        if places
        else f"must be a whole number in {currency}"
    )


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency: `Money(9900, "EUR")` is 99.00 EUR, `Money(99, "JPY")` is 99 yen.

    Raises `UnknownCurrency`, `InvalidAmount` if `minor` is not an integer, and `AmountOutOfRange` from 10^15 on.
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
    @cache
    def zero(cls, currency: str) -> Money:
        """Return an amount of zero in that currency."""
        return cls(0, currency)

    @classmethod
    def of(cls, amount: Decimal | float | str, currency: str) -> Money:
        """Return an amount given in major units (`99.0`, `"99.00"`), converted through its decimal text.

        A text consists of digits, with a point before decimal places. Raises `InvalidAmount` if it is not a finite
        number, or has more decimal places than the currency.
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
            raise InvalidAmount(precision_of(currency))
        return cls(whole, currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units, with the decimal places of the currency."""
        return in_major_units(self.minor, self.currency)

    def check(self, field: str, currency: str) -> None:
        """Raise `CurrencyMismatch` or `AmountOutOfRange` unless this is a non-negative amount in that currency."""
        if self.currency != currency:
            raise CurrencyMismatch(currency, self.currency, field)
        if self.minor < 0:
            raise AmountOutOfRange("must not be negative", field)

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


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The reason and time of a cancellation."""

    reason: str | None
    note: str | None
    at: datetime

    def check(self) -> None:
        """Raise `InvalidInput` if a given text breaks a rule."""
        if self.reason is not None:
            check_text(self.reason, "reason", limits.MAX_REASON_LENGTH)
        if self.note is not None:
            check_text(self.note, "note", limits.MAX_NOTE_LENGTH, breaks=True)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an order is on hold, and until when at the latest."""

    reason: str
    note: str | None
    until: datetime | None
    at: datetime

    def has_ended(self, at: datetime) -> bool:
        """Return whether the time until which the order was on hold has come."""
        return self.until is not None and self.until <= at

    def check(self) -> None:
        """Raise `InvalidInput` if a text breaks a rule."""
        check_text(self.reason, "reason", limits.MAX_REASON_LENGTH)
        if self.note is not None:
            check_text(self.note, "note", limits.MAX_NOTE_LENGTH, breaks=True)


INTERNAL, FOR_CUSTOMERS = VISIBILITIES = ("internal", "customer")
"""Who sees a note: staff only, or also the customer."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note on an order."""

    id: str
    text: str
    visibility: str
    created_at: datetime
    edited_at: datetime | None = None

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that it breaks."""
        if self.visibility not in VISIBILITIES:
            raise InvalidOrder(f"must be {' or '.join(VISIBILITIES)}", "visibility")
        check_text(self.text, "text", limits.MAX_NOTE_LENGTH, breaks=True)


@dataclass(frozen=True, slots=True)
class Document:
    """A file that belongs to an order, such as a receipt. It is stored before the order refers to it.

    `id` is the SHA-256 of its content in hexadecimal, and `size` its length in bytes. It shows the order as of
    `order_version`; the order lists it from `since_version` on.
    """

    id: str
    kind: str
    media_type: str
    size: int
    order_version: int
    since_version: int
    created_at: datetime


def in_utc(moment: datetime, field: str = "") -> datetime:
    """Return the same instant in UTC; a naive datetime is UTC already. Raises `InvalidTime`."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidTime("must be in the years 1 to 9999 (UTC)", field) from None


def normalized_ref(external_ref: str) -> str:
    """Return an external reference without surrounding whitespace and invisible characters, in Unicode's form NFC:
    clients and files that write a number differently mean the same order.
    """
    if external_ref.isascii():
        return external_ref.strip()
    return _INVISIBLE_ENDS.sub("", unicodedata.normalize("NFC", external_ref))


def check_text(text: str, field: str, longest: int, *, breaks: bool = False, blank: bool = False) -> None:
    """Check a text of up to `longest` characters, with line `breaks` if allowed. It needs a visible character, unless
    it may be `blank`.
    """
    if isinstance(text, str) and len(text) <= longest and text.isprintable() and (blank or is_visible(text)):
        return  # almost every text
    if not isinstance(text, str) or not (blank or is_visible(text)):
        raise TextMissing("must not be empty or blank", field)
    if len(text) > longest:
        raise TextTooLong(f"must have at most {longest} characters", field)
    if (_UNPRINTABLE_BUT_BREAKS if breaks else _UNPRINTABLE).search(text):
        raise TextNotPrintable("must not contain control characters", field)


def is_visible(text: str) -> bool:
    """Return whether the text has a visible character."""
    return bool(text.strip()) if text.isascii() else _VISIBLE.search(text) is not None


def check_id(id: str, longest: int = limits.MAX_ID_LENGTH) -> None:
    """Check the length and the characters of an ID."""
    check_text(id, "id", longest)
    if not SAFE_ID.fullmatch(id):
        raise InvalidId("must start with a letter or digit and contain only letters, digits and . _ : -", "id")


def check_tags(tags: tuple[str, ...]) -> None:
    """Check the number, length and uniqueness of tags."""
    if len(tags) > limits.MAX_TAGS:
        raise TooManyTags(f"must have at most {limits.MAX_TAGS} items", "tags")
    for index, tag in enumerate(tags):
        check_text(tag, f"tags/{index}", limits.MAX_TAG_LENGTH)
        if tag in tags[:index]:
            raise DuplicateTag("repeats an earlier tag: remove it", f"tags/{index}")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Check the number and length of metadata keys and values. A value may be empty."""
    if len(metadata) > limits.MAX_METADATA_KEYS:
        raise TooManyMetadataKeys(f"must have at most {limits.MAX_METADATA_KEYS} keys", "metadata")
    for key, value in metadata.items():
        check_text(key, "metadata", limits.MAX_METADATA_KEY_LENGTH)
        check_text(value, f"metadata/{key}", limits.MAX_METADATA_VALUE_LENGTH, breaks=True, blank=True)
