"""Bodies of the commands on the parts of an order: payments, refunds, shipments, returns, notes and holds.

The constraints repeat the bounds of `domain/limits.py`, as those of `schemas.py` do.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic import WithJsonSchema as JsonSchema

from orderkeep.domain import limits
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentKind, RefundStatus
from orderkeep.domain.returns import ReturnedUnits
from orderkeep.domain.shipments import WEB_URL
from orderkeep.domain.value_objects import INTERNAL, VISIBILITIES
from orderkeep.entrypoints.field_errors import rule_broken
from orderkeep.entrypoints.schemas import (
    LARGEST_AMOUNT,
    NOT_ON_A_LINE,
    ONE_LINE,
    SOME_LINES,
    Body,
    CancelBody,
    Instant,
    Quantity,
)


def _line(longest: int) -> Any:
    return Field(min_length=1, max_length=longest, pattern=ONE_LINE)


def _one_of(*values: str) -> Any:
    def check(value: str) -> str:
        if value not in values:
            raise rule_broken("invalid_value", f"must be one of {', '.join(values)}")
        return value

    return Annotated[str, AfterValidator(check), JsonSchema({"type": "string", "enum": [*values]})]


def _check_url(url: str) -> str:
    if not WEB_URL.fullmatch(url):
        raise rule_broken("invalid_url", "must be an https:// or http:// URL")
    return url


def _check_not_empty(lines: tuple[Any, ...]) -> tuple[Any, ...]:
    if not lines:  # it could be read as none or as all
        raise rule_broken("invalid_value", "must have at least one item: add one, or omit the field")
    return lines


PositiveAmount = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)]
LineReference = Annotated[str, _line(limits.MAX_LINE_ID_LENGTH)]
Reason = Annotated[str, _line(limits.MAX_REASON_LENGTH)]
Reference = Annotated[str, _line(limits.MAX_REFERENCE_LENGTH)]
Text = Annotated[str, Field(min_length=1, max_length=limits.MAX_NOTE_LENGTH, pattern=SOME_LINES)]
_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#{NOT_ON_A_LINE}]+[^\s{NOT_ON_A_LINE}]*$"
Url = Annotated[
    str,
    _line(limits.MAX_TRACKING_URL_LENGTH),
    AfterValidator(_check_url),
    JsonSchema({"type": "string", "minLength": 1, "maxLength": limits.MAX_TRACKING_URL_LENGTH, "pattern": _URL}),
]
OrderIdText = Annotated[str, _line(limits.MAX_ID_LENGTH)]
_SEVERAL = Field(max_length=limits.MAX_LINES, json_schema_extra={"minItems": 1})


class LineQuantityBody(Body):
    """A number of units of a line."""

    line: LineReference = Field(description="ID of the line.")
    quantity: Quantity = Field(description="Number of units.")


class ReturnedUnitsBody(LineQuantityBody):
    """Units that arrived."""

    condition: Annotated[str, _line(limits.MAX_CONDITION_LENGTH)] | None = Field(
        None, description="Condition of the units, such as `damaged`."
    )


Units = Annotated[tuple[LineQuantityBody, ...], Strict(False), _SEVERAL, AfterValidator(_check_not_empty)]


def units_of(lines: tuple[LineQuantityBody, ...] | None) -> tuple[LineQuantity, ...]:
    """Return the units that a body lists, none if it lists none."""
    return tuple([LineQuantity(each.line, each.quantity) for each in lines or ()])


class PaymentBody(Body):
    """Something that happened to a payment, as the payment provider reported it."""

    reference: Reference = Field(
        description="ID of the authorization, capture or void at the payment provider; each capture needs its own."
    )
    kind: _one_of(*PaymentKind) = Field(description="What happened to the payment.")  # type: ignore[valid-type]
    amount: PositiveAmount = Field(description="Amount, in minor units of the order's currency.")
    method: Annotated[str, _line(limits.MAX_METHOD_LENGTH)] | None = Field(
        None, description="Payment method, such as `card`."
    )
    occurred_at: Instant | None = Field(None, description="Time at which it happened. Default: now.")


class RefundBody(Body):
    """Refund that you are about to start."""

    reference: Reference = Field(
        description="Your own ID of the refund, such as the idempotency key with which you start it at the provider."
    )
    amount: PositiveAmount = Field(
        description="Amount, in minor units of the order's currency. Refunds cannot exceed what was captured."
    )
    reason: Reason | None = Field(None, description="Short reason, for programs or reports.")
    lines: Units | None = Field(None, description="Units that the refund is for. Their quantities do not change.")


class CloseRefundBody(Body):
    """Outcome of a refund."""

    status: _one_of(RefundStatus.SUCCEEDED, RefundStatus.FAILED) = Field(  # type: ignore[valid-type]
        description="Outcome. A refund that succeeded can still fail; one that failed cannot succeed."
    )
    occurred_at: Instant | None = Field(None, description="Time at which it succeeded or failed. Default: now.")


class TrackingBody(Body):
    """Carrier and tracking of a shipment."""

    carrier: Annotated[str, _line(limits.MAX_CARRIER_LENGTH)] | None = Field(None, description="Carrier.")
    tracking_number: Annotated[str, _line(limits.MAX_TRACKING_NUMBER_LENGTH)] | None = Field(
        None, description="The carrier's number of the parcel."
    )
    tracking_url: Url | None = Field(None, description="Page where the parcel can be tracked, an http or https URL.")


class ShipmentBody(TrackingBody):
    """Units that were shipped together."""

    lines: Units | None = Field(None, description="Shipped units. By default, all that are left.")
    occurred_at: Instant | None = Field(None, description="Time of shipment. Default: now.")


class UpdateShipmentBody(TrackingBody):
    """Changes of a shipment, as a JSON merge patch (RFC 7396): null removes a value, and an omitted field is kept."""

    def changes(self) -> dict[str, str | None]:
        """Return the new values by name, None for those to be removed."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class DeliverShipmentBody(Body):
    """Delivery of a shipment."""

    occurred_at: Instant | None = Field(None, description="Time of delivery. Default: now.")


class CancelLinesBody(CancelBody):
    """Units to cancel, and the reason."""

    lines: Units | None = Field(None, description="Units to cancel. By default, all that are not shipped.")


class HoldBody(Body):
    """Reason for a hold."""

    reason: Reason = Field(description="Short reason, for programs or reports.")
    note: Text | None = Field(None, description="Free text.")
    until: Instant | None = Field(
        None, description="Time at which the hold ends by itself. By default, it ends when the order is released."
    )


class ReturnBody(Body):
    """Units to be returned."""

    lines: Units | None = Field(None, description="Units to be returned. By default, all that were delivered.")
    reason: Reason | None = Field(None, description="Short reason, for programs or reports.")


class ReceiveReturnBody(Body):
    """Units that arrived."""

    lines: (
        Annotated[tuple[ReturnedUnitsBody, ...], Strict(False), _SEVERAL, AfterValidator(_check_not_empty)] | None
    ) = Field(None, description="Units that arrived. By default, those that were to be returned.")
    note: Text | None = Field(None, description="Free text.")

    def units(self) -> tuple[ReturnedUnits, ...]:
        """Return the units that arrived, none if the body lists none."""
        return tuple([ReturnedUnits(each.line, each.quantity, each.condition) for each in self.lines or ()])


class CloseReturnBody(Body):
    """Reason why a return is closed."""

    note: Text | None = Field(None, description="Free text.")


class ErasureBody(Body):
    """Orders whose personal data is to be erased: either a list, or all of a user."""

    orders: Annotated[tuple[OrderIdText, ...], Strict(False), Field(max_length=limits.MAX_ERASED_ORDERS)] | None = (
        Field(None, description=f"IDs of orders, up to {limits.MAX_ERASED_ORDERS}.")
    )
    user_id: Annotated[str, _line(limits.MAX_USER_ID_LENGTH)] | None = Field(
        None, description="User whose orders are to be erased, whatever their number."
    )

    @model_validator(mode="after")
    def _check_one(self) -> ErasureBody:
        if bool(self.orders) == (self.user_id is not None):
            raise rule_broken("invalid_value", "must be given, or user_id, but not both", "orders")
        return self


class NoteBody(Body):
    """Note to add."""

    text: Text = Field(description="Text.")
    visibility: _one_of(*VISIBILITIES) | None = Field(  # type: ignore[valid-type]
        INTERNAL, description="`internal`, for staff only, or `customer`. Default: `internal`."
    )


class EditNoteBody(Body):
    """New text of a note."""

    text: Text = Field(description="Text.")
