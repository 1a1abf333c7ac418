"""The checks that a new order passes before it exists. Stored orders are not checked again: bounds may tighten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    AmountOutOfRange,
    CurrencyMismatch,
    DiscountExceedsLine,
    DuplicateTag,
    InvalidId,
    InvalidOrder,
    QuantityOutOfRange,
    TextMissing,
    TextNotPrintable,
    TextTooLong,
    TooManyLines,
    TooManyMetadataKeys,
    TooManyTags,
    TotalMismatch,
)

if TYPE_CHECKING:
    from orderkeep.domain.entities import Order
    from orderkeep.domain.value_objects import Money, OrderLine

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:\-]*$"
"""Ids stand in URLs, file names and logs as they are."""

UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Control characters, line separators and surrogates: nothing that is shown on one line may hold them."""

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_UNPRINTABLE = re.compile(UNPRINTABLE)
_UNPRINTABLE_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def check_order(order: Order) -> None:
    """Raise the `InvalidOrder` of the first rule that the order breaks, with the field it stands in."""
    check_text(order.id, "id", limits.MAX_ID_LENGTH)
    if not _ID.match(order.id):
        raise InvalidId("must be letters, digits and . _ : - and begin with a letter or a digit", "id")
    check_text(order.user_id, "user_id", limits.MAX_USER_ID_LENGTH)
    if order.external_ref is not None:
        check_text(order.external_ref, "external_ref", limits.MAX_EXTERNAL_REF_LENGTH)
    for field in ("total", "shipping", "discount", "tax"):
        check_amount(getattr(order, field), field, order.currency)
    check_tags(order.tags)
    check_metadata(order.metadata)
    if order.updated_at < order.created_at:
        raise InvalidOrder("must not be before created_at", "updated_at")
    if order.cancellation is not None:
        if order.status != "cancelled":
            raise InvalidOrder("must be absent, as the order is not cancelled", "cancellation")
        check_cancellation(order.cancellation.reason, order.cancellation.note)
    check_lines(order)


def check_lines(order: Order) -> None:
    """Check each line, and that lines + shipping + tax - discount are the total."""
    if len(order.lines) > limits.MAX_LINES:
        raise TooManyLines(f"must be at most {limits.MAX_LINES} lines", "lines")
    for index, line in enumerate(order.lines):
        _check_line(line, f"lines/{index}", order.currency)
    if order.lines:
        parts = sum(line.total.minor for line in order.lines)
        expected = parts + order.shipping.minor + order.tax.minor - order.discount.minor
        if expected != order.total.minor:
            raise TotalMismatch(expected, order.total.minor, order.currency)


def _check_line(line: OrderLine, path: str, currency: str) -> None:
    check_text(line.sku, f"{path}/sku", limits.MAX_SKU_LENGTH)
    check_text(line.name, f"{path}/name", limits.MAX_NAME_LENGTH)
    if type(line.quantity) is not int or not limits.MIN_QUANTITY <= line.quantity <= limits.MAX_QUANTITY:
        raise QuantityOutOfRange(
            f"must be a whole number from {limits.MIN_QUANTITY} to {limits.MAX_QUANTITY}", f"{path}/quantity"
        )
    for field in ("unit_price", "discount", "tax"):
        check_amount(getattr(line, field), f"{path}/{field}", currency)
    gross = line.quantity * line.unit_price.minor
    if gross + line.tax.minor >= limits.MAX_MINOR_UNITS:
        raise AmountOutOfRange(
            "is too large: quantity times unit_price plus tax must be below 10^15 minor units", f"{path}/unit_price"
        )
    if line.discount.minor > gross:
        raise DiscountExceedsLine("must not exceed quantity times unit_price", f"{path}/discount")


def check_amount(amount: Money, field: str, currency: str) -> None:
    """Check that an amount is in the order's currency and not negative."""
    if amount.currency != currency:
        raise CurrencyMismatch(currency, amount.currency, field)
    if amount.minor < 0:
        raise AmountOutOfRange("must not be negative", field)


def check_text(text: str, field: str, longest: int, *, breaks: bool = False, blank: bool = False) -> None:
    """Check a text that must be there, in characters up to `longest`; `breaks` allows tabs and line breaks, `blank`
    a text that says nothing.
    """
    if not isinstance(text, str) or not (blank or text.strip()):
        raise TextMissing("must be a text that is not empty", field)
    if len(text) > longest:
        raise TextTooLong(f"must be at most {longest} characters", field)
    if (_UNPRINTABLE_BUT_BREAKS if breaks else _UNPRINTABLE).search(text):
        raise TextNotPrintable("must not hold control characters", field)


def check_tags(tags: tuple[str, ...]) -> None:
    """Check number, length and uniqueness of tags."""
    if len(tags) > limits.MAX_TAGS:
        raise TooManyTags(f"must be at most {limits.MAX_TAGS} tags", "tags")
    for index, tag in enumerate(tags):
        check_text(tag, f"tags/{index}", limits.MAX_TAG_LENGTH)
        if tag in tags[:index]:
            raise DuplicateTag("must not stand there twice", f"tags/{index}")


def check_metadata(metadata: dict[str, str]) -> None:
    """Check number and length of metadata keys and values. A value may be empty."""
    if len(metadata) > limits.MAX_METADATA_KEYS:
        raise TooManyMetadataKeys(f"must be at most {limits.MAX_METADATA_KEYS} keys", "metadata")
    for key, value in metadata.items():
        check_text(key, "metadata", limits.MAX_METADATA_KEY_LENGTH)
        check_text(value, f"metadata/{key}", limits.MAX_METADATA_VALUE_LENGTH, breaks=True, blank=True)


def check_cancellation(reason: str | None, note: str | None) -> None:
    """Check the texts of a cancellation; both may be absent."""
    if reason is not None:
        check_text(reason, "reason", limits.MAX_REASON_LENGTH)
    if note is not None:
        check_text(note, "note", limits.MAX_NOTE_LENGTH, breaks=True)
