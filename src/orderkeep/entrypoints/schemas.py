"""Request bodies: the fields that clients may send, with their bounds.

The constraints are pydantic's own, so that they run in its compiled validator and appear in the JSON Schema. They
repeat the bounds of `domain/limits.py`; the domain enforces the same rules on every other path to an order. A new
optional field of the order is one line in `PlaceOrderBody`.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError
from pydantic import WithJsonSchema as JsonSchema

from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.strict_json import read_json
from orderkeep.domain import limits
from orderkeep.domain.entities import OrderChanges
from orderkeep.domain.exceptions import InvalidCountry, InvalidEmail
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.personal_data import COUNTRIES, PARTS, Address, Customer, PersonalData, personal_data_of
from orderkeep.domain.value_objects import (
    BIDI_CONTROLS,
    CURRENCIES,
    EXPONENTS,
    INVISIBLE,
    SAFE_ID,
)
from orderkeep.entrypoints.field_errors import InvalidFields, rule_broken

_BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
NOT_ON_A_LINE = rf"\u0000-\u001f\u007f-\u009f\u2028\u2029{BIDI_CONTROLS}"
_NOT_IN_LINES = rf"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f{BIDI_CONTROLS}"
_VISIBLE = f"[^{NOT_ON_A_LINE}{_BLANK}{INVISIBLE}]"
ONE_LINE = rf"^[^{NOT_ON_A_LINE}]*{_VISIBLE}[^{NOT_ON_A_LINE}]*$"
SOME_LINES = rf"^[^{_NOT_IN_LINES}]*{_VISIBLE}[^{_NOT_IN_LINES}]*$"
ANY_LINES = rf"^[^{_NOT_IN_LINES}]*$"
"""The texts that `check_text` accepts: on one line; on several lines; on several lines or blank."""

_EMAIL = re.compile(rf"[^\s@{NOT_ON_A_LINE}]+@[^\s@{NOT_ON_A_LINE}]+")

LARGEST_AMOUNT = limits.MAX_MINOR_UNITS - 1
LARGEST_VERSION = 10**15 - 1
"""Upper bound of a version in a request: safe as an integer in every client."""

_DAY, _TIME = r"(\d{4}-\d\d-\d\d)", r"((?:[01]\d|2[0-3]):\d\d:\d\d)"
_RFC3339 = re.compile(rf"{_DAY}[Tt ]{_TIME}(\.\d{{1,9}})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_CURRENCIES = tuple(sorted(CURRENCIES))
_EVER_CURRENCIES = tuple(sorted(EXPONENTS))
_STATUSES = tuple(map(str, OrderStatus))


def _text(longest: int, pattern: str = ONE_LINE) -> Any:
    return Field(min_length=1, max_length=longest, pattern=pattern)


def _check_unique(tags: tuple[str, ...]) -> tuple[str, ...]:
    for index, tag in enumerate(tags):
        if tag in tags[:index]:
            raise rule_broken("duplicate_tag", "repeats an earlier tag: remove it", str(index))
    return tags


def _check_email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise rule_broken(InvalidEmail.code, str(InvalidEmail("")))
    return text


def _check_country(text: str) -> str:
    if text not in COUNTRIES:
        raise rule_broken(InvalidCountry.code, str(InvalidCountry("")))
    return text


def read_instant(text: str) -> datetime:
    """Return an RFC 3339 time in UTC, to the microsecond. Raises `ValueError` with a message for people."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        alone = "; a date alone is not accepted" if re.fullmatch(_DAY, text, re.ASCII) else ""
        raise ValueError(f"must be an RFC 3339 time with an offset, such as 2026-11-22T10:00:00Z{alone}")
    day, time, fraction, offset = found.groups(default="")
    try:
        return datetime.fromisoformat(f"{day}T{time}{fraction[:7]}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an existing time in the years 1 to 9999, without leap seconds") from None


def _read_instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise rule_broken("wrong_type", "must be a string")
    try:
        return read_instant(value)
    except ValueError as error:
        raise rule_broken("invalid_time", str(error)) from None


Amount = Annotated[int, Field(ge=0, le=LARGEST_AMOUNT)]
_CODE = JsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})
Currency = Annotated[Literal[_CURRENCIES], _CODE]  # type: ignore[valid-type]
AnyCurrency = Annotated[Literal[_EVER_CURRENCIES], _CODE]  # type: ignore[valid-type]
"""A currency of an imported order, which may have been withdrawn since."""

Instant = Annotated[datetime, BeforeValidator(_read_instant), JsonSchema({"type": "string", "format": "date-time"})]
LineId = Annotated[str, Field(min_length=1, max_length=limits.MAX_LINE_ID_LENGTH, pattern=f"^{SAFE_ID.pattern}$")]
MetadataKey = Annotated[str, _text(limits.MAX_METADATA_KEY_LENGTH)]
MetadataValue = Annotated[str, Field(max_length=limits.MAX_METADATA_VALUE_LENGTH, pattern=ANY_LINES)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=limits.MAX_METADATA_KEYS)]
Quantity = Annotated[int, Field(ge=limits.MIN_QUANTITY, le=limits.MAX_QUANTITY)]
Status = Annotated[Literal[_STATUSES], JsonSchema({"type": "string", "enum": [*_STATUSES]})]  # type: ignore[valid-type]
Tag = Annotated[str, _text(limits.MAX_TAG_LENGTH)]
Tags = Annotated[tuple[Tag, ...], Strict(False), Field(max_length=limits.MAX_TAGS), AfterValidator(_check_unique)]
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION)]
_EMAIL_SCHEMA = {"minLength": 3, "maxLength": limits.MAX_EMAIL_LENGTH, "pattern": f"^{_EMAIL.pattern}$"}
Email = Annotated[
    str, _text(limits.MAX_EMAIL_LENGTH), AfterValidator(_check_email), JsonSchema({"type": "string", **_EMAIL_SCHEMA})
]
Country = Annotated[str, AfterValidator(_check_country), JsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})]


def not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional value without its alternative null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}} if kinds else schema


def _describe_metadata(schema: dict[str, Any]) -> None:
    """Constrain the names and the values of any name; pydantic constrains only the values of names that match."""
    described = schema["anyOf"][0]
    [(pattern, values)] = described.pop("patternProperties").items()
    described["propertyNames"] = {**described["propertyNames"], "pattern": pattern}
    described["additionalProperties"] = values


def _omit_defaults(schema: dict[str, Any]) -> None:
    """Remove `default`: generators make a field that has one required, or send null for it."""
    for field in schema["properties"].values():
        field.pop("default", None)


class Body(BaseModel):
    """Base of all bodies: exact types, and no unknown fields. The value null of an optional field means its absence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, json_schema_extra=_omit_defaults)

    def given(self) -> dict[str, Any]:
        """Return the values by name, without those that are null."""
        values = self.__dict__
        if None not in values.values():
            return values
        return {name: value for name, value in values.items() if value is not None}


class LineBody(Body):
    """Order line. Amounts are in minor units of the order's currency. Optional amounts are 0 by default."""

    sku: Annotated[str, _text(limits.MAX_SKU_LENGTH)] = Field(description="Stock keeping unit.")
    name: Annotated[str, _text(limits.MAX_NAME_LENGTH)] = Field(description="Display name.")
    quantity: Quantity = Field(description="Number of units.")
    unit_price: Amount = Field(description="Price of one unit.")
    discount: Amount | None = Field(0, description="Discount on the whole line; at most quantity times unit_price.")
    tax: Amount | None = Field(0, description="Tax on the whole line.")
    id: LineId | None = Field(None, description="Identifies the line in its order. By default `l1`, `l2` and so on.")


class CancelBody(Body):
    """Reason for a cancellation."""

    reason: Annotated[str, _text(limits.MAX_REASON_LENGTH)] | None = Field(
        None, description="Short reason, for programs or reports. The customer sees it."
    )
    note: Annotated[str, _text(limits.MAX_NOTE_LENGTH, SOME_LINES)] | None = Field(
        None, description="Free text. The customer sees it, also on the receipt."
    )


class ReceiptBody(Body):
    """Receipt to issue."""

    format: Annotated[str, JsonSchema({"type": "string", "enum": ["html", "pdf"]})] | None = Field(
        "html", description="File format. Default: `html`. `pdf` requires an optional package on the server."
    )
    version: Version | None = Field(
        None, description="Version of the order to show. By default, the order as it was last changed."
    )


class CustomerBody(Body):
    """The person to contact about an order. Every value is optional."""

    name: Annotated[str, _text(limits.MAX_NAME_LENGTH)] | None = Field(None, description="Name.")
    email: Email | None = Field(None, description="E-mail address. Upper and lower case are not distinguished.")
    phone: Annotated[str, _text(limits.MAX_PHONE_LENGTH)] | None = Field(None, description="Telephone number.")


class AddressBody(Body):
    """Postal address. Every value is optional."""

    name: Annotated[str, _text(limits.MAX_NAME_LENGTH)] | None = Field(None, description="Name of the recipient.")
    company: Annotated[str, _text(limits.MAX_NAME_LENGTH)] | None = Field(None, description="Company.")
    line1: Annotated[str, _text(limits.MAX_ADDRESS_LINE_LENGTH)] | None = Field(None, description="Street and number.")
    line2: Annotated[str, _text(limits.MAX_ADDRESS_LINE_LENGTH)] | None = Field(
        None, description="Second line, such as the floor."
    )
    city: Annotated[str, _text(limits.MAX_CITY_LENGTH)] | None = Field(None, description="City.")
    region: Annotated[str, _text(limits.MAX_CITY_LENGTH)] | None = Field(
        None, description="Region, such as a state or a province."
    )
    postal_code: Annotated[str, _text(limits.MAX_POSTAL_CODE_LENGTH)] | None = Field(None, description="Postal code.")
    country: Country | None = Field(None, description="Country: ISO 3166-1 alpha-2 code, such as `DE`.")


CUSTOMER: Any = Field(None, description="The person to contact about the order.")
SHIPPING_ADDRESS: Any = Field(None, description="Address to ship to.")
BILLING_ADDRESS: Any = Field(None, description="Address of the invoice.")


class PlaceOrderBody(Body):
    """Order to place. Amounts are in minor units: 9900 is 99.00 EUR. Optional amounts are 0 by default. If `lines`
    are given, lines + shipping + tax - discount must equal `total`; without lines, shipping + tax - discount is its
    minimum.
    """

    user_id: Annotated[str, _text(limits.MAX_USER_ID_LENGTH)] = Field(description="User who owns the order.")
    total: Amount = Field(description="Amount to pay.")
    currency: Currency = Field(description="ISO 4217 code; applies to every amount in the order.")
    lines: Annotated[tuple[LineBody, ...], Strict(False), Field(max_length=limits.MAX_LINES)] | None = Field(
        (), description="Order lines, up to 500."
    )
    shipping: Amount | None = Field(0, description="Shipping costs.")
    discount: Amount | None = Field(0, description="Order-level discount, in addition to those of the lines.")
    tax: Amount | None = Field(0, description="Order-level tax, in addition to those of the lines.")
    external_ref: Annotated[str, _text(limits.MAX_EXTERNAL_REF_LENGTH)] | None = Field(
        None,
        description="Your own reference, such as the order number in your shop. It need not be unique. It is stored "
        "without surrounding spaces, and in Unicode's form NFC.",
    )
    tags: Tags | None = Field((), description="Tags to filter orders by, each at most once.")
    metadata: Metadata | None = Field(
        default_factory=dict,
        description="Key-value pairs of your own; values are strings.",
        json_schema_extra=_describe_metadata,
    )
    customer: CustomerBody | None = CUSTOMER
    shipping_address: AddressBody | None = SHIPPING_ADDRESS
    billing_address: AddressBody | None = BILLING_ADDRESS

    def to_command(self) -> PlaceOrder:
        """Return the command to place this order."""
        values = {name: value for name, value in self.__dict__.items() if value is not None and name not in PARTS}
        values["lines"], values["personal"] = lines_of(self.lines), self.personal()
        return PlaceOrder(**values)

    def personal(self) -> PersonalData | None:
        """Return the personal data, None if no value is given."""
        customer, *addresses = self.customer, self.shipping_address, self.billing_address
        if customer is None and addresses == [None, None]:  # most orders
            return None
        return personal_data_of(
            None if customer is None else Customer(**customer.given()),
            *(None if each is None else Address(**each.given()) for each in addresses),
        )


_COMMANDS = {
    "lines": "cancel-lines returns",
    "status": "confirm ship deliver cancel",
    "cancellation": "cancel cancel-lines",
    **dict.fromkeys(("hold", "on_hold"), "hold release"),
    **dict.fromkeys(("shipments", "shipping_status"), "shipments"),
    **dict.fromkeys(("payments", "payment_status"), "payments"),
    **dict.fromkeys(("returns", "return_status"), "returns"),
    "refunds": "refunds",
    "notes": "notes",
}
"""The commands that change fields of an order which `PATCH` cannot change."""


def _unchangeable(name: str) -> str:
    paths = " or ".join([f"/orders/{{order_id}}/{command}" for command in _COMMANDS.get(name, "").split()])
    return f"cannot be changed with PATCH: use POST {paths}" if paths else "cannot be changed"


class EditOrderBody(Body):
    """Changes of an order, as a JSON merge patch (RFC 7396): null removes a value, and an omitted field is kept. This
    is also true of the values of `customer` and of the addresses.
    """

    unchangeable: ClassVar[dict[str, str]] = {each.name: _unchangeable(each.name) for each in fields(OrderDTO)}

    external_ref: Annotated[str, _text(limits.MAX_EXTERNAL_REF_LENGTH)] | None = Field(
        None, description="Your own reference. It can be set if the order has none, and not changed or removed."
    )
    tags: Tags | None = Field((), description="Tags to filter orders by. They replace all tags of the order.")
    metadata: Annotated[dict[MetadataKey, MetadataValue | None], Field(max_length=limits.MAX_METADATA_KEYS)] | None = (
        Field(
            default_factory=dict,
            description="Key-value pairs to add or to change; a key with the value null is removed.",
            json_schema_extra=_describe_metadata,
        )
    )
    customer: CustomerBody | None = CUSTOMER
    shipping_address: AddressBody | None = SHIPPING_ADDRESS
    billing_address: AddressBody | None = BILLING_ADDRESS

    def changes(self) -> OrderChanges:
        """Return the given fields, None for those to be removed."""
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        for part in changes.keys() & set(PARTS):
            if (body := changes[part]) is not None:
                changes[part] = {name: getattr(body, name) for name in body.model_fields_set}
        return cast(OrderChanges, changes)


def lines_of(bodies: tuple[LineBody, ...] | None) -> tuple[LineDTO, ...]:
    """Return the lines of a body."""
    return tuple(
        [
            LineDTO(
                each.sku, each.name, each.quantity, each.unit_price, each.discount or 0, each.tax or 0, each.id or ""
            )
            for each in bodies or ()
        ]
    )


Model = TypeVar("Model", bound=BaseModel)

_SCALARS = frozenset((str, int, NoneType))
"""Most fields. The check of `isinstance(value, BaseModel)` is a Python function."""

_NAME_ENDS = (b'":', b" :", b"\t:", b"\r:", b"\n:")
"""Each name of an object ends with one of these. Other parts of a text rarely contain one."""


def parse_json(model: type[Model], body: bytes) -> Model:
    """Parse and validate a JSON text. Raises `InvalidJSON`, and `InvalidFields` with everything that is wrong."""
    try:
        parsed = model.__pydantic_validator__.validate_json(body)
    except ValidationError:
        return parse(model, read_json(body))
    # As many names in the text as in the model: then no name occurs twice. A text may contain colons as well.
    names = _count_names(parsed)
    if body.count(b":") != names and sum(map(body.count, _NAME_ENDS)) != names:
        read_json(body)
    return parsed  # type: ignore[no-any-return]


def parse(model: type[Model], data: object) -> Model:
    """Validate decoded JSON. Raises `InvalidFields` with everything that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        if not any(_is_whole(details["input"]) for details in error.errors(include_url=False)):
            raise InvalidFields.of(error, model) from None
    return parse(model, with_integers(data))


def _is_whole(value: object) -> bool:
    return type(value) is float and value.is_integer()


def with_integers(value: Any) -> Any:
    """Return decoded JSON with 9900.0 as 9900, because programs whose only numbers are floats send it. Strict integers
    accept no float, and so no `DecimalNumber`, such as 99.00, which is more likely to be an amount in major units.
    """
    if isinstance(value, dict):
        return {name: with_integers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [with_integers(each) for each in value]
    return int(value) if _is_whole(value) else value


def read_place_order(data: object) -> PlaceOrder:
    """Return the command to place the order that decoded JSON describes. Raises `InvalidFields`."""
    return parse(PlaceOrderBody, data).to_command()


def _count_names(model: BaseModel) -> int:
    count = len(model.__pydantic_fields_set__)
    for value in model.__dict__.values():
        kind = type(value)
        if kind in _SCALARS:
            continue
        if kind is dict:
            count += len(value)
        elif kind is tuple and value and isinstance(value[0], BaseModel):
            count += sum([_count_names(item) for item in value])
        elif isinstance(value, BaseModel):
            count += _count_names(value)
    return count
