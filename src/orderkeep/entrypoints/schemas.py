"""What may come in, through any door. The bounds are the domain's, and nothing is converted silently.

A new optional field of the order is one line in `PlaceOrderBody`.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, WithJsonSchema

from orderkeep.application.dtos import OrderDTO, PlaceOrder
from orderkeep.domain import limits
from orderkeep.domain.exceptions import TooManyLines
from orderkeep.entrypoints.field_errors import FieldError, InvalidFields
from orderkeep.entrypoints.field_types import (
    Amount,
    Currency,
    Instant,
    Metadata,
    Quantity,
    Status,
    Tags,
    Version,
    at_most,
    text,
)

__all__ = [
    "Body",
    "CancelBody",
    "FieldError",
    "ImportedOrder",
    "InvalidFields",
    "LineBody",
    "PlaceOrderBody",
    "ReceiptBody",
    "read_cancel",
    "read_imported_order",
    "read_place_order",
    "read_receipt",
    "to_place_order",
    "valid",
]


class Body(BaseModel):
    """What all of them share: exact types, and no field that is not declared."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LineBody(Body):
    """One article of an order. Amounts are minor units of the order's currency."""

    sku: Annotated[str, text(limits.MAX_SKU_LENGTH)] = Field(description="What the article is called in the shop.")
    name: Annotated[str, text(limits.MAX_NAME_LENGTH)] = Field(description="What people call it.")
    quantity: Quantity = Field(description="How many pieces.")
    unit_price: Amount = Field(description="Of one piece.")
    discount: Amount = Field(0, description="Of the whole line, not of one piece; at most quantity times unit_price.")
    tax: Amount = Field(0, description="Of the whole line, not of one piece.")


class CancelBody(Body):
    """Why an order is called off."""

    reason: Annotated[str, text(limits.MAX_REASON_LENGTH)] | None = Field(None, description="In a word or two.")
    note: Annotated[str, text(limits.MAX_NOTE_LENGTH, breaks=True)] | None = Field(None, description="In full.")


class ReceiptBody(Body):
    """Which receipt is wanted."""

    format: Annotated[str, WithJsonSchema({"type": "string", "enum": ["html", "pdf"]})] = Field(
        "html", description="Of the file. `pdf` is to be had where the service has the package that makes it."
    )
    version: Version | None = Field(
        None, description="Of the order as it was at this version; by default as it was last changed."
    )


class PlaceOrderBody(Body):
    """An order to place. Amounts are minor units of one currency: 9900 is 99.00 EUR. Lines are optional; where there
    are some, lines + shipping + tax - discount must be the total.
    """

    user_id: Annotated[str, text(limits.MAX_USER_ID_LENGTH)] = Field(description="Whose order it is.")
    total: Amount = Field(description="What is to be paid.")
    currency: Currency = Field(description="ISO 4217 code, of every amount in the order.")
    lines: Annotated[tuple[LineBody, ...], Strict(False), at_most(limits.MAX_LINES, TooManyLines, "items")] = Field(
        (), description="What was ordered."
    )
    shipping: Amount = Field(0, description="For shipping.")
    discount: Amount = Field(0, description="On the order as a whole, beside the discounts of lines.")
    tax: Amount = Field(0, description="On the order as a whole, beside the taxes of lines.")
    external_ref: Annotated[str, text(limits.MAX_EXTERNAL_REF_LENGTH)] | None = Field(
        None, description="Your own number for the order."
    )
    tags: Tags = Field((), description="Labels to find orders by.")
    metadata: Metadata = Field(default_factory=dict, description="Whatever else you want kept, as texts.")


class ImportedCancellation(CancelBody):
    """Why and when an imported order was called off."""

    at: Instant


class ImportedOrder(PlaceOrderBody):
    """An order that was kept elsewhere, with its dates and its status, as `export` writes it."""

    id: Annotated[str, text(limits.MAX_ID_LENGTH)] | None = None
    status: Status
    created_at: Instant
    updated_at: Instant | None = None
    cancellation: ImportedCancellation | None = None
    documents: Annotated[tuple[dict[str, Any], ...], Strict(False)] = ()
    version: Annotated[int, Field(ge=0)] | None = None


Model = TypeVar("Model", bound=Body)


def read_place_order(data: object) -> PlaceOrder:
    """Return the order to place. Raises `InvalidFields`."""
    return to_place_order(valid(PlaceOrderBody, data))


def to_place_order(body: PlaceOrderBody) -> PlaceOrder:
    """Return the order to place that the body describes."""
    return msgspec.convert(body.model_dump(), PlaceOrder)


def read_cancel(data: object) -> CancelBody:
    """Return why an order is called off. Raises `InvalidFields`."""
    return valid(CancelBody, data)


def read_receipt(data: object) -> ReceiptBody:
    """Return which receipt is wanted. Raises `InvalidFields`."""
    return valid(ReceiptBody, data)


def read_imported_order(data: object) -> OrderDTO:
    """Return the order to import, with the id `""` where none is given. Its version is not taken over, as versions
    count the commits here, nor are its documents, which belong to versions. Raises `InvalidFields`.
    """
    values: dict[str, Any] = valid(ImportedOrder, data).model_dump(exclude={"documents", "version"})
    values["id"] = values["id"] or ""
    values["updated_at"] = values["updated_at"] or values["created_at"]
    return msgspec.convert(values, OrderDTO)


def valid(model: type[Model], data: object) -> Model:
    """Return the data as that model. Raises `InvalidFields`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidFields.of(error) from None
