"""The fields of the forms of actions: what they are called, what they start with, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orderkeep.application.errors import InvalidQuery
from orderkeep.application.periods import zone_of
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.value_objects import in_major_units
from orderkeep.entrypoints.amounts import parse_amount
from orderkeep.entrypoints.console.pages import Form
from orderkeep.entrypoints.console.rendering import moment, money

Order = Mapping[str, Any]
"""An order as JSON has it."""

Options = Sequence[tuple[str, str]]
"""The values of a selection and their labels."""


class FieldError(ValueError):
    """A field has a value that cannot be read."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form: a text, unless a subclass says otherwise. `start` returns its first value for an order. A
    `prefilled` field starts with the stored value, and is sent only if it is changed; `replaces` returns the stored
    value that another field replaces.
    """

    name: str
    label: str
    hint: str = ""
    is_required: bool = False
    start: Callable[[Order], str] = lambda _: ""
    suggestions: tuple[str, ...] = ()
    kind: str = "text"
    prefilled: bool = False
    replaces: Callable[[Order, Form], str] | None = None

    def normal(self, text: str) -> str:
        """Return a text that is equal for equal values."""
        return text.strip()

    def options(self, order: Order) -> Options:  # noqa: ARG002
        """Return the values to choose from."""
        return ()

    def read(self, form: Form, order: Order) -> Any:  # noqa: ARG002
        """Return the value. Raises `FieldError`."""
        value = form.optional(self.name)
        if value is None and self.is_required:
            raise FieldError(self.name, "must not be empty")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class LongText(Field):
    """A text of several lines."""

    kind: str = "textarea"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Field):
    """One of several values."""

    kind: str = "select"
    choices: Callable[[Order], Options]

    def options(self, order: Order) -> Options:
        return self.choices(order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount(Field):
    """An amount in major units of the order's currency."""

    kind: str = "money"

    def read(self, form: Form, order: Order) -> Any:
        text, currency = form.text(self.name), order["currency"]
        try:
            minor = 0 if re.fullmatch(r"(-.*|\d+e\d+)?", text, re.IGNORECASE) else parse_amount(text, currency)
        except ValueError as error:
            raise FieldError(self.name, str(error)) from None
        if minor == 0:
            raise FieldError(self.name, f"must be above 0, such as {major(1_250, currency)}")
        return minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Country(Field):
    """The code of a country, in upper case however it is typed."""

    def normal(self, text: str) -> str:
        return text.strip().upper()

    def read(self, form: Form, order: Order) -> Any:  # noqa: ARG002
        code = self.normal(form.text(self.name))
        if code and len(code) != 2:
            raise FieldError(self.name, "must be a code of two letters, such as DE")
        return code or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Time(Field):
    """A time, in the time zone of the form's field `zone`, or else in UTC; None if it is empty."""

    kind: str = "datetime-local"

    def read(self, form: Form, order: Order) -> Any:  # noqa: ARG002
        text = form.optional(self.name)
        try:
            zone = zone_of(form.text("zone") or "UTC")
            return None if text is None else datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
        except InvalidQuery:
            raise FieldError(self.name, "is in a time zone that the server does not have: update its tzdata") from None
        except (ValueError, OverflowError):
            raise FieldError(self.name, "must be a time such as 2026-11-30T14:30") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Units(Field):
    """Numbers of units of lines. `most` returns how many of a line are possible; `is_full`: they are filled in."""

    kind: str = "units"
    most: Callable[[Order, Mapping[str, Any]], int]
    is_full: bool = False
    is_needed: bool = True
    """Whether at least one unit must be given, if the order has lines."""

    def rows(self, order: Order) -> list[tuple[Mapping[str, Any], int]]:
        """Return the lines, each with its maximum; those without any at the end."""
        rows = [(line, self.most(order, line)) for line in order["lines"]]
        return sorted(rows, key=lambda row: row[1] == 0)

    def read(self, form: Form, order: Order) -> Any:
        found = []
        for line_id, text in form.starting(f"{self.name}:"):
            if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
                raise FieldError(self.name, "must be whole numbers")
            if text and int(text):
                found.append(LineQuantity(line_id, int(text)))
        if not found and order["lines"] and self.is_needed:
            raise FieldError(self.name, "must have at least one unit")
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Field):
    """Words that are separated by commas."""

    def normal(self, text: str) -> str:
        return ", ".join(_words(text))

    def read(self, form: Form, order: Order) -> Any:  # noqa: ARG002
        return _words(form.text(self.name))


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def major(minor: int, currency: str) -> str:
    """Return an amount as it is typed."""
    return str(in_major_units(minor, currency))


def failed(refunds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the refunds that failed, newest first, if no other one was made afterwards."""

    def is_last(index: int) -> bool:
        at = moment(refunds[index]["closed_at"])
        return all(moment(later["created_at"]) < at for later in refunds[index + 1 :])

    return [each for index, each in enumerate(refunds) if each["status"] == "failed" and is_last(index)][::-1]


def suggested(order: Order) -> int:
    """Return the value of the units that arrived from the customer after the last refund that did not fail."""
    last = max((moment(each["created_at"]) for each in order["refunds"] if each["status"] != "failed"), default=None)
    received = [each for each in order["returns"] if each["status"] == "received"]
    return sum(each["suggested_refund"] for each in received if last is None or moment(each["closed_at"]) > last)


def to_refund(order: Order) -> int:
    """Return what should be refunded next: what failed, or else what is due and what returns suggest."""
    again = sum(each["amount"] for each in failed(order["refunds"]))
    due: int = again or order["refund_due"] + suggested(order)
    return min(_captured_rest(order), due)


def refundable(order: Order) -> int:
    """Return what the form of a refund starts with: what should be refunded, or else all that can be."""
    return to_refund(order) or _captured_rest(order)


def _captured_rest(order: Order) -> int:
    amount: int = order["captured"] - order["refunded"] - order["refund_pending"]
    return amount


def unshipped(_: Order, line: Mapping[str, Any]) -> int:
    """Return how many units of a line are neither shipped nor cancelled."""
    left: int = line["quantity"] - line["cancelled"] - line["shipped"]
    return left


def returnable(order: Order, line: Mapping[str, Any]) -> int:
    """Return how many units of a line were delivered and are not returned, nor requested to be."""
    left: int = line["delivered"] - line["returned"] - expected(order, line)
    return max(0, left)


def expected(order: Order, line: Mapping[str, Any]) -> int:
    """Return how many units of a line the open returns are about."""
    requested = [each for found in order["returns"] if found["status"] == "requested" for each in found["lines"]]
    return sum(each["quantity"] for each in requested if each["line"] == line["id"])


def parts_in(name: str, key: str, wanted: tuple[str, ...] = ()) -> Callable[[Order], Options]:
    """Return the selection of a part of an order, of those in one of the statuses, in their order, if there are any."""

    def options(order: Order) -> Options:
        parts = order[name]
        chosen = [each for status in wanted for each in parts if _status_of(each) == status] or parts
        return [(each[key], _part_text(each, order)) for each in chosen]

    return options


def value_in(name: str, key: str, wanted: str) -> Callable[[Order, Form], str]:
    """Return what finds a value in a part of an order, the one that the field `key` of a form selects."""

    def value(order: Order, form: Form) -> str:
        return next((each[wanted] or "" for each in order[name] if each["id"] == form.text(key)), "")

    return value


def _status_of(part: Mapping[str, Any]) -> str:
    """Return the status of a return or refund, or of a shipment, which has none of its own."""
    status: str = part["status"] if "status" in part else "delivered" if part["delivered_at"] else "in_transit"
    return status


def _part_text(part: Mapping[str, Any], order: Order) -> str:
    words = [part.get("id") or part.get("reference") or ""]
    if "amount" in part:
        words.append(money(part["amount"], order["currency"]))
    if part.get("carrier"):
        words.append(part["carrier"])
    if part.get("tracking_number"):
        words.append(part["tracking_number"])
    if "text" in part:
        words.append(part["text"][:40])
    return " · ".join(words)
