"""Fields that the bodies of several commands have. The bodies are in the modules of their routes.

The constraints repeat the bounds of `domain/limits.py`, as those of `schemas.py` do.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic import WithJsonSchema as JsonSchema

from orderkeep.domain import limits
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.shipments import WEB_URL
from orderkeep.entrypoints.field_errors import rule_broken
from orderkeep.entrypoints.schemas import (
    LARGEST_AMOUNT,
    NOT_ON_A_LINE,
    ONE_LINE,
    SOME_LINES,
    Body,
    Quantity,
)


def text_of(longest: int) -> Any:
    """Return the constraints of a text on one line."""
    return Field(min_length=1, max_length=longest, pattern=ONE_LINE)


def one_of(*values: str) -> Any:
    """Return the type of a text that is one of these values."""

    def check(value: str) -> str:
        if value not in values:
            raise rule_broken("invalid_value", f"must be one of {', '.join(values)}")
        return value

    return Annotated[str, AfterValidator(check), JsonSchema({"type": "string", "enum": [*values]})]


def _check_url(url: str) -> str:
    if not WEB_URL.fullmatch(url):
        raise rule_broken("invalid_url", "must be an https:// or http:// URL")
    return url


def check_not_empty(lines: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a list that has items. Raises `rule_broken`."""
    if not lines:  # it could be read as none or as all
        raise rule_broken("invalid_value", "must have at least one item: add one, or omit the field")
    return lines


PositiveAmount = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)]
LineReference = Annotated[str, text_of(limits.MAX_LINE_ID_LENGTH)]
Reason = Annotated[str, text_of(limits.MAX_REASON_LENGTH)]
Reference = Annotated[str, text_of(limits.MAX_REFERENCE_LENGTH)]
Text = Annotated[str, Field(min_length=1, max_length=limits.MAX_NOTE_LENGTH, pattern=SOME_LINES)]
_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#{NOT_ON_A_LINE}]+[^\s{NOT_ON_A_LINE}]*$"
Url = Annotated[
    str,
    text_of(limits.MAX_TRACKING_URL_LENGTH),
    AfterValidator(_check_url),
    JsonSchema({"type": "string", "minLength": 1, "maxLength": limits.MAX_TRACKING_URL_LENGTH, "pattern": _URL}),
]
OrderIdText = Annotated[str, text_of(limits.MAX_ID_LENGTH)]
SEVERAL = Field(max_length=limits.MAX_LINES, json_schema_extra={"minItems": 1})


class LineQuantityBody(Body):
    """A number of units of a line."""

    line: LineReference = Field(description="ID of the line.")
    quantity: Quantity = Field(description="Number of units.")


Units = Annotated[tuple[LineQuantityBody, ...], Strict(False), SEVERAL, AfterValidator(check_not_empty)]


def units_of(lines: tuple[LineQuantityBody, ...] | None) -> tuple[LineQuantity, ...]:
    """Return the units that a body lists, none if it lists none."""
    return tuple([LineQuantity(each.line, each.quantity) for each in lines or ()])


class ErasureBody(Body):
    """Orders whose personal data is to be erased: either a list, or all of a user."""

    orders: Annotated[tuple[OrderIdText, ...], Strict(False), Field(max_length=limits.MAX_ERASED_ORDERS)] | None = (
        Field(None, description=f"IDs of orders, up to {limits.MAX_ERASED_ORDERS}.")
    )
    user_id: Annotated[str, text_of(limits.MAX_USER_ID_LENGTH)] | None = Field(
        None, description="User whose orders are to be erased, whatever their number."
    )

    @model_validator(mode="after")
    def _check_one(self) -> ErasureBody:
        if bool(self.orders) == (self.user_id is not None):
            raise rule_broken("invalid_value", "must be given, or user_id, but not both", "orders")
        return self
