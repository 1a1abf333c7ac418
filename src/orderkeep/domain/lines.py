"""The lines of an order: their rules, their quantities, and the value of a part of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, dataclass_transform

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    AmountOutOfRange,
    DiscountExceedsLine,
    DuplicateLine,
    InvalidInput,
    QuantityOutOfRange,
    UnknownLine,
)
from orderkeep.domain.lifecycle import QuantityNotAvailable
from orderkeep.domain.value_objects import Money, check_id, check_text


@dataclass_transform(frozen_default=True)
def _value_object(of: Any) -> Any:
    """Make a dataclass that only type checkers treat as frozen: `frozen` would triple the time to create one, and an
    order may have 500 lines.
    """
    return dataclass(slots=True, unsafe_hash=True)(of)


@_value_object
class OrderLine:
    """A product in an order, and how many units of it. `discount` and `tax` apply to the whole line, not to one unit.

    `id` identifies the line in its order: `l1`, `l2` and so on, unless the caller chose another. Of the `quantity` that
    was ordered, so many units are `cancelled` and `shipped`; of these, `delivered`; and of these, `returned`.
    """

    sku: str
    name: str
    quantity: int
    unit_price: Money
    discount: Money
    tax: Money
    id: str = ""
    cancelled: int = 0
    shipped: int = 0
    delivered: int = 0
    returned: int = 0

    @property
    def total(self) -> Money:
        """Quantity times unit price, less discount, plus tax."""
        return Money(self.total_minor, self.unit_price.currency)

    @property
    def total_minor(self) -> int:
        """The total in minor units."""
        return self.quantity * self.unit_price.minor - self.discount.minor + self.tax.minor

    @property
    def live(self) -> int:
        """The units that were not cancelled."""
        return self.quantity - self.cancelled

    @property
    def unshipped(self) -> int:
        """The units that are left to be shipped."""
        return self.quantity - self.cancelled - self.shipped

    def check(self, currency: str) -> None:
        """Raise the `InvalidInput` of the first rule that the line breaks; its `field` is one of the line."""
        check_text(self.sku, "sku", limits.MAX_SKU_LENGTH)
        check_text(self.name, "name", limits.MAX_NAME_LENGTH)
        if type(self.quantity) is not int or not limits.MIN_QUANTITY <= self.quantity <= limits.MAX_QUANTITY:
            raise QuantityOutOfRange(
                f"must be a whole number from {limits.MIN_QUANTITY} to {limits.MAX_QUANTITY}", "quantity"
            )
        self.unit_price.check("unit_price", currency)
        self.discount.check("discount", currency)
        self.tax.check("tax", currency)
        gross = self.quantity * self.unit_price.minor
        if gross + self.tax.minor >= limits.MAX_MINOR_UNITS:
            message = "is too large: quantity times unit_price plus tax must be below 10^15 minor units"
            raise AmountOutOfRange(message, "tax" if self.tax.minor > gross else "unit_price")
        if self.discount.minor > gross:
            raise DiscountExceedsLine("must not exceed quantity times unit_price", "discount")


@dataclass(frozen=True, slots=True)
class LineQuantity:
    """A number of units of a line. `line` is the ID of the line."""

    line: str
    quantity: int


_USUAL_IDS = tuple([f"l{number}" for number in range(1, limits.MAX_LINES + 1)])


def with_ids(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    """Return the lines, with the IDs `l1`, `l2` and so on where they have none."""
    return tuple([line if line.id else replace(line, id=f"l{number}") for number, line in enumerate(lines, start=1)])


def check_line_ids(lines: Sequence[OrderLine]) -> None:
    """Raise `DuplicateLine` if two lines have the same ID, and `InvalidInput` if one is not valid."""
    ids = tuple([line.id for line in lines])
    if ids == _USUAL_IDS[: len(ids)]:  # almost all orders
        return
    seen: set[str] = set()
    for index, line in enumerate(lines):
        try:
            check_id(line.id, limits.MAX_LINE_ID_LENGTH)
        except InvalidInput as error:
            error.field = f"lines/{index}/id"
            raise
        if line.id in seen:
            raise DuplicateLine(
                f"must be unique in the order: {line.id} is the ID of another line", f"lines/{index}/id"
            )
        seen.add(line.id)


def quantities(lines: Sequence[OrderLine], wanted: Iterable[LineQuantity]) -> dict[str, int]:
    """Return the wanted units by line ID. Raises `InvalidInput` for a line that the order does not have, or that is
    named twice, and for a quantity out of range.
    """
    known, units = {line.id for line in lines}, dict[str, int]()
    for index, each in enumerate(wanted):
        if each.line not in known:
            of_order = f": {', '.join([line.id for line in lines[:10]])}" if lines else ", which has none"
            raise UnknownLine(f"must be the ID of a line of the order{of_order}", f"lines/{index}/line")
        if each.line in units:
            raise DuplicateLine("names an earlier line again: add up the quantities", f"lines/{index}/line")
        if type(each.quantity) is not int or not limits.MIN_QUANTITY <= each.quantity <= limits.MAX_QUANTITY:
            message = f"must be a whole number from {limits.MIN_QUANTITY} to {limits.MAX_QUANTITY}"
            raise QuantityOutOfRange(message, f"lines/{index}/quantity")
        units[each.line] = each.quantity
    return units


def check_available(units: Mapping[str, int], left: Mapping[str, int], status: str, state: str) -> None:
    """Raise `QuantityNotAvailable` for the first line of which more units are wanted than are left in that state."""
    for index, (line_id, count) in enumerate(units.items()):
        if count > left[line_id]:
            raise QuantityNotAvailable(status, line_id, count, left[line_id], state, index)


def cancel_units(lines: Sequence[OrderLine], units: Mapping[str, int], status: str) -> tuple[OrderLine, ...]:
    """Return the lines after units of them were cancelled. Raises `QuantityNotAvailable`."""
    check_available(units, {line.id: line.unshipped for line in lines}, status, "units left to cancel")
    return tuple([replace(line, cancelled=line.cancelled + units.get(line.id, 0)) for line in lines])


def cancelled_value(lines: Sequence[OrderLine], goods: int) -> int:
    """Return the value of the cancelled units, in minor units. `goods` is the value of all lines, less the order's
    discount and plus its tax.

    It is divided among the lines by their totals, and the share of a line equally among its units, both with the
    largest-remainder method: the parts sum to the whole, and the order of several cancellations does not matter.
    """
    return _value(lines, goods, {line.id: line.cancelled for line in lines})


def value_of(lines: Sequence[OrderLine], goods: int, units: Mapping[str, int]) -> int:
    """Return the value of some units that are returned, in minor units. Returned units are a line's last, as cancelled
    ones are its first, so that the values of all parts sum to `goods`, whatever came first.
    """
    before = {line.id: line.quantity - line.returned for line in lines}
    after = {line_id: count - units.get(line_id, 0) for line_id, count in before.items()}
    return _value(lines, goods, before) - _value(lines, goods, after)


def _value(lines: Sequence[OrderLine], goods: int, units: Mapping[str, int]) -> int:
    shares = allocate(goods, [line.total_minor for line in lines])
    return sum(_first_units(share, line.quantity, units[line.id]) for line, share in zip(lines, shares, strict=True))


def _first_units(share: int, quantity: int, count: int) -> int:
    """Return the value of the first units of a line: each gets one of the remainder, from the first."""
    each, rest = divmod(share, quantity)
    return each * count + min(rest, count)


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount in proportion to the weights, with the largest-remainder method: the parts sum to the amount.

    Without any weight, the parts are equal, as far as possible.
    """
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    parts, rests = [amount * weight // total for weight in weights], [amount * weight % total for weight in weights]
    for index in sorted(range(len(weights)), key=lambda index: -rests[index])[: amount - sum(parts)]:
        parts[index] += 1
    return parts
