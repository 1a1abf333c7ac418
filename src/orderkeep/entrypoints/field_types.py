"""The kinds of fields that schemas are made of: each checks by the domain's own rule, and says its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    AmountOutOfRange,
    InvalidInput,
    QuantityOutOfRange,
    TooManyMetadataKeys,
    TooManyTags,
    UnknownCurrency,
    UnknownStatus,
)
from orderkeep.domain.status import OrderStatus
from orderkeep.domain.validation import check_tags, check_text
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.instants import read_instant

_BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_NOT_ON_A_LINE = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_NOT_IN_LINES = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
ONE_LINE = rf"^[^{_NOT_ON_A_LINE}]*[^{_NOT_ON_A_LINE}{_BLANK}][^{_NOT_ON_A_LINE}]*$"
SOME_LINES = rf"^[^{_NOT_IN_LINES}]*[^{_NOT_ON_A_LINE}{_BLANK}][^{_NOT_IN_LINES}]*$"
ANY_LINES = rf"^[^{_NOT_IN_LINES}]*$"
"""What `check_text` takes, as JSON Schema says it."""

LARGEST_AMOUNT = limits.MAX_MINOR_UNITS - 1
LARGEST_VERSION = 10**15 - 1
"""Of what may be asked for: no order comes near it, and every program can read it."""


def finding(code: str, message: str, below: tuple[str, ...] = (), limit: int | None = None) -> PydanticCustomError:
    """Return a finding in pydantic's form that carries our code and message; `below` goes on from the field."""
    told = {"code": code, "message": message, "below": below, "limit": limit}
    return PydanticCustomError("rule_broken", "{message}", told)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule of the domain, kept by a field: `check` raises the `InvalidInput` that is reported. `schema` says the same
    to people and tools. `prefix` is what the check itself calls the field.
    """

    check: Callable[[Any], None]
    schema: dict[str, Any]
    prefix: str = ""
    first: bool = False
    limit: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if self.first:
            return core_schema.no_info_before_validator_function(self._checked, handler(source))
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **self.schema}

    def _checked(self, value: Any) -> Any:
        try:
            self.check(value)
        except InvalidInput as error:
            below = error.field.removeprefix(self.prefix).split("/")
            raise finding(error.code, str(error), tuple(part for part in below if part), self.limit) from None
        return value


def text(longest: int, *, breaks: bool = False, blank: bool = False) -> Rule:
    """Return the rule of a text of up to `longest` characters; `breaks` allows line breaks, `blank` no words."""

    def check(value: str) -> None:
        check_text(value, "", longest, breaks=breaks, blank=blank)

    pattern = ONE_LINE if not breaks else ANY_LINES if blank else SOME_LINES
    return Rule(check, {"minLength": 0 if blank else 1, "maxLength": longest, "pattern": pattern})


def at_most(limit: int, refusal: type[InvalidInput], what: str) -> Rule:
    """Return the rule that there are not more than `limit`, checked before any of them is looked at."""

    def check(value: Any) -> None:
        if isinstance(value, list | dict) and len(value) > limit:
            raise refusal(f"must have at most {limit} {what}")

    return Rule(check, {"maxProperties" if what == "keys" else "maxItems": limit}, first=True, limit=limit)


class NamedTexts:
    """Says of an object what its names and its values must be. Pydantic says it of the values behind fitting names
    alone, and leaves open what others may hold.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        made = handler(schema)
        [(pattern, values)] = made.pop("patternProperties").items()
        return {**made, "propertyNames": {**made["propertyNames"], "pattern": pattern}, "additionalProperties": values}


def _check_amount(value: int) -> None:
    if not 0 <= value <= LARGEST_AMOUNT:
        raise AmountOutOfRange(f"must be from 0 to {LARGEST_AMOUNT} minor units")


def _check_quantity(value: int) -> None:
    if not limits.MIN_QUANTITY <= value <= limits.MAX_QUANTITY:
        raise QuantityOutOfRange(f"must be a whole number from {limits.MIN_QUANTITY} to {limits.MAX_QUANTITY}")


def _check_currency(value: str) -> None:
    if value not in EXPONENTS:
        raise UnknownCurrency("")


def _check_status(value: str) -> None:
    if value not in tuple(OrderStatus):
        raise UnknownStatus(f"must be one of {', '.join(OrderStatus)}")


def _check_version(value: int) -> int:
    if not 1 <= value <= LARGEST_VERSION:
        raise finding("invalid_value", f"must be a whole number from 1 to {LARGEST_VERSION}")
    return value


def _read_instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise finding("wrong_type", "must be a text")
    try:
        return read_instant(value)
    except ValueError as error:
        raise finding("invalid_time", str(error)) from None


Amount = Annotated[int, Rule(_check_amount, {"minimum": 0, "maximum": LARGEST_AMOUNT})]
Quantity = Annotated[int, Rule(_check_quantity, {"minimum": limits.MIN_QUANTITY, "maximum": limits.MAX_QUANTITY})]
Version = Annotated[
    int,
    AfterValidator(_check_version),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST_VERSION}),
]
Currency = Annotated[str, Rule(_check_currency, {"enum": sorted(EXPONENTS)})]
Status = Annotated[str, Rule(_check_status, {"enum": [*OrderStatus]})]
Instant = Annotated[datetime, BeforeValidator(_read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Tags = Annotated[
    tuple[Annotated[str, text(limits.MAX_TAG_LENGTH)], ...],
    Strict(False),
    Rule(check_tags, {"uniqueItems": True}, prefix="tags"),
    at_most(limits.MAX_TAGS, TooManyTags, "items"),
]
Metadata = Annotated[
    dict[
        Annotated[str, text(limits.MAX_METADATA_KEY_LENGTH)],
        Annotated[str, text(limits.MAX_METADATA_VALUE_LENGTH, breaks=True, blank=True)],
    ],
    NamedTexts(),
    at_most(limits.MAX_METADATA_KEYS, TooManyMetadataKeys, "keys"),
]
