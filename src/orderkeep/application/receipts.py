"""The content of a receipt, as formatted texts. Each format defines the layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import PaymentKind, RefundStatus
from orderkeep.domain.personal_data import PersonalData, PersonalRecord
from orderkeep.domain.value_objects import UNPRINTABLE, in_major_units, in_utc

_LINE_BREAK = re.compile(r"\r\n?|\n")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_UNPRINTABLE = re.compile(f"{UNPRINTABLE}|[{_NONCHARACTERS}]")
_MINUS = "\N{MINUS SIGN}"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its text, which may have several lines."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line. `discount` is negative: unit price times quantity, discount and tax add up to the amount."""

    name: str
    sku: str
    quantity: str
    unit_price: str
    discount: str
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class ReceiptContent:
    """The content of a receipt. The printed sums add up to the total. `settlement` is what happened to it since: value
    that was cancelled, payments and refunds.
    """

    title: str
    seller: tuple[str, ...]
    facts: tuple[Fact, ...]
    caption: str
    lines: tuple[ReceiptLine, ...]
    sums: tuple[Fact, ...]
    total: Fact
    settlement: tuple[Fact, ...]


def receipt_of(order: OrderDTO, seller: str = "", personal: PersonalRecord | None = None) -> ReceiptContent:
    """Return the content of the receipt. `seller` may have several lines.

    Metadata and tags are internal to the shop and not included. Unprintable characters are replaced by U+FFFD.
    """
    goods = order.total - order.shipping - order.tax + order.discount
    if order.lines:
        goods = sum(_amount_of(line) for line in order.lines)
    sums = {"Subtotal": goods, "Shipping": order.shipping, "Discount": -order.discount, "Tax": order.tax}
    return ReceiptContent(
        title="Receipt",
        seller=tuple(_printable(line) for line in _lines_of(seller)),
        facts=_facts(order, personal),
        caption=f"All amounts in {order.currency}",
        lines=tuple(_line(line, order.currency) for line in order.lines),
        sums=tuple(Fact(label, _amount(minor, order.currency)) for label, minor in sums.items()),
        total=Fact(f"Total {order.currency}", _amount(order.total, order.currency)),
        settlement=tuple(Fact(label, _amount(minor, order.currency)) for label, minor in _settlement(order)),
    )


def _settlement(order: OrderDTO) -> Iterator[tuple[str, int]]:
    if order.current_total != order.total and order.status != OrderStatus.CANCELLED:
        yield "Cancelled", order.current_total - order.total
        yield f"New total {order.currency}", order.current_total
    for payment in order.payments:
        if payment.kind == PaymentKind.CAPTURED:
            by = f" by {_printable(payment.method)}" if payment.method else ""
            yield f"Paid{by} on {payment.occurred_at.date()}", payment.amount
    for refund in order.refunds:
        if refund.status == RefundStatus.SUCCEEDED:
            yield f"Refunded on {(refund.closed_at or refund.created_at).date()}", -refund.amount


def _facts(order: OrderDTO, personal: PersonalRecord | None) -> tuple[Fact, ...]:
    found: dict[str, str | None] = {
        "Order": order.id,
        "Reference": order.external_ref,
        "Customer": order.user_id,
        **(_person(personal.data) if personal else {}),
        "Placed": _moment(order.created_at),
        "Status": order.status,
        "Version": f"{order.version}, of {_moment(order.updated_at)}",
    }
    if cancelled := order.cancellation:
        found |= {"Cancelled": _moment(cancelled.at), "Reason": cancelled.reason, "Note": cancelled.note}
    if personal:
        found["Code"] = personal.receipt_code
    return tuple(Fact(label, _printable(text)) for label, text in found.items() if text)


def _person(personal: PersonalData) -> dict[str, str | None]:
    """Return the name of the customer, and the billing address or else the shipping address."""
    label, address = "Bill to", personal.billing_address
    if address is None:
        label, address = "Ship to", personal.shipping_address
    found = {"Name": personal.customer.name if personal.customer else None}
    if address is not None:
        city = " ".join(part for part in (address.postal_code, address.city) if part)
        lines = (address.name, address.company, address.line1, address.line2, city, address.region, address.country)
        found[label] = "\n".join(line for line in lines if line)
    return found


def _line(line: LineDTO, currency: str) -> ReceiptLine:
    return ReceiptLine(
        _printable(line.name),
        _printable(line.sku),
        str(line.quantity),
        _amount(line.unit_price, currency),
        _amount(-line.discount, currency),
        _amount(line.tax, currency),
        _amount(_amount_of(line), currency),
    )


def _amount_of(line: LineDTO) -> int:
    return line.quantity * line.unit_price - line.discount + line.tax


def _amount(minor: int, currency: str) -> str:
    # Without digit grouping: 1,234 differs between countries. Without Money: a subtotal may exceed its limit.
    return str(in_major_units(minor, currency)).replace("-", _MINUS)


def _moment(moment: datetime) -> str:
    return f"{in_utc(moment).replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def _lines_of(text: str) -> list[str]:
    # A shell passes \n between quotes as a backslash and an n.
    return [line.strip() for line in _LINE_BREAK.split(text.replace("\\n", "\n")) if line.strip()]


def _printable(text: str) -> str:
    lines = _LINE_BREAK.split(text.replace("\t", " "))
    return "\n".join(_UNPRINTABLE.sub(_REPLACEMENT, line) for line in lines)
