"""Personal data of an order: the customer and the addresses.

It is stored beside the order, not in it. The order contains only the commitment, the SHA-256 of a random salt and the
data: without the salt, which is erased with the data, it cannot be compared with guesses.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from orderkeep.domain import limits
from orderkeep.domain.exceptions import InvalidCountry, InvalidEmail, InvalidOrder
from orderkeep.domain.value_objects import check_text

SALT_BYTES = 16

_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW AN CS SU "
    "TP XK YU ZR"
)
COUNTRIES = frozenset(_COUNTRIES.split())
"""The codes of ISO 3166-1 alpha-2, those withdrawn since 1990, which orders from the past may have, and XK (Kosovo)."""

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True, repr=False)
class Customer:
    """The person to contact about an order."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A postal address. `country` is an ISO 3166-1 alpha-2 code."""

    name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class PersonalData:
    """All personal data of an order; at least one value is given. Its `repr`, like those of its parts, shows none."""

    customer: Customer | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None

    @property
    def json(self) -> bytes:
        """The data as JSON, the same bytes for the same values: every field, in the order of declaration."""
        values = {part: None if (of := getattr(self, part)) is None else _values_of(of) for part in PARTS}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def email(self) -> str | None:
        """The customer's e-mail address as it is compared: in Unicode's form NFC and in lower case."""
        return None if self.customer is None or not self.customer.email else email_key(self.customer.email)

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that a value breaks."""
        for part in PARTS:
            for name, longest in _LENGTHS.items():
                text = getattr(getattr(self, part), name, None)
                if text is None:
                    continue
                field = f"{part}/{name}"
                check_text(text, field, longest)
                if name == "email" and not _EMAIL.fullmatch(text):
                    raise InvalidEmail(field)
                if name == "country" and text not in COUNTRIES:
                    raise InvalidCountry(field)


_KINDS: dict[str, type[Customer | Address]] = {
    "customer": Customer,
    "shipping_address": Address,
    "billing_address": Address,
}
PARTS = tuple(_KINDS)
"""The parts of personal data."""

_NAMES: dict[type, tuple[str, ...]] = {kind: tuple(f.name for f in fields(kind)) for kind in (Customer, Address)}

_LENGTHS = {
    "name": limits.MAX_NAME_LENGTH,
    "email": limits.MAX_EMAIL_LENGTH,
    "phone": limits.MAX_PHONE_LENGTH,
    "company": limits.MAX_NAME_LENGTH,
    "line1": limits.MAX_ADDRESS_LINE_LENGTH,
    "line2": limits.MAX_ADDRESS_LINE_LENGTH,
    "city": limits.MAX_CITY_LENGTH,
    "region": limits.MAX_CITY_LENGTH,
    "postal_code": limits.MAX_POSTAL_CODE_LENGTH,
    "country": 2,
}


@dataclass(frozen=True, slots=True, repr=False)
class PersonalRecord:
    """Personal data with the random salt of its commitment, to be stored beside the order."""

    data: PersonalData
    salt: bytes

    @property
    def commitment(self) -> str:
        """What the order contains in place of the data."""
        return commitment_of(self.salt, self.data.json)

    @property
    def receipt_code(self) -> str:
        """A random text that every receipt with this data contains. Without it, the digest of a receipt, which the
        order keeps, could be compared with guesses of the erased data.
        """
        return hashlib.sha256(b"receipt" + self.salt).hexdigest()[:32]


Part = TypeVar("Part", Customer, Address)
PartChanges = Mapping[str, str | None] | None
"""Changes of a part, as a JSON merge patch (RFC 7396)."""


def personal_data_of(
    customer: Customer | None = None, shipping_address: Address | None = None, billing_address: Address | None = None
) -> PersonalData | None:
    """Return personal data, or None if no value is given."""
    data = PersonalData(_given(customer), _given(shipping_address), _given(billing_address))
    return None if data == PersonalData() else data


def merged(data: PersonalData | None, changes: Mapping[str, PartChanges]) -> PersonalData | None:
    """Return personal data after a merge patch of its parts: None removes a part or a value, and what is not given is
    kept. None if no value is left. Raises `InvalidOrder` for an unknown field.
    """
    parts: dict[str, object] = {name: getattr(data, name, None) for name in PARTS}
    for part, patch in changes.items():
        if patch is None:
            parts[part] = None
            continue
        kind = _KINDS[part]
        names = [each.name for each in fields(kind)]
        if unknown := next((name for name in patch if name not in names), None):
            raise InvalidOrder(f"must have only the fields {', '.join(names)}", f"{part}/{unknown}")
        before = {name: getattr(parts[part], name, None) for name in names}
        parts[part] = kind(**{**before, **patch})
    return personal_data_of(**parts)  # type: ignore[arg-type]


def commitment_of(salt: bytes, record: bytes) -> str:
    """Return the SHA-256 (FIPS 180-4) of the salt and the JSON of personal data, in hexadecimal."""
    return hashlib.sha256(salt + record).hexdigest()


def email_key(email: str) -> str:
    """Return an e-mail address as it is compared, without distinction of upper and lower case."""
    return unicodedata.normalize("NFC", email).lower()


def _values_of(part: Customer | Address) -> dict[str, str | None]:
    """Return the values by name, in a fraction of the time of `asdict`: a page has the data of many orders."""
    return {name: getattr(part, name) for name in _NAMES[type(part)]}


def _given(part: Part | None) -> Part | None:
    return None if part is None or part == type(part)() else part
