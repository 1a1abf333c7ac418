"""What a command reports on stderr beside the order: that nothing was changed, or what follows from the change."""

from collections.abc import Mapping
from typing import Any

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import PaymentKind, RefundStatus

CANCELLED = "the order is cancelled, which is final"

AS_REQUESTED = "the order already is as requested: nothing was changed"

UNCHANGED = {
    "update_shipment": "shipment {shipment_id} has these values already",
    "deliver_shipment": "shipment {shipment_id} was recorded as delivered before ({delivered_at})",
    "record_payment": "payment {reference} ({kind}) was recorded before",
    "add_refund": "refund {reference} was recorded before",
    "close_refund": "refund {reference} was recorded as {status} before",
    "edit_note": "note {note_id} has this text already",
}
"""Why a command changed nothing, by use case, if that is more than `AS_REQUESTED`."""

Values = Mapping[str, Any]


def unchanged(use_case: str, values: Values, order: OrderDTO) -> str:
    """Return the text about a command that changed nothing: with its values, and when a shipment was delivered."""
    if use_case not in UNCHANGED:
        return AS_REQUESTED
    shipment = _by_id(order.shipments, values.get("shipment_id"))
    at = f"{shipment.delivered_at:%Y-%m-%d %H:%MZ}" if shipment and shipment.delivered_at else ""
    return f"{UNCHANGED[use_case].format(**values, delivered_at=at)}: nothing was changed"


def of_cancelled_lines(_: Values, order: OrderDTO) -> str:
    """The order may be cancelled with its last units."""
    return CANCELLED if order.status == OrderStatus.CANCELLED else ""


def of_delivery(_: Values, order: OrderDTO) -> str:
    """Something may be left to ship."""
    left = [(line.quantity - line.cancelled - line.shipped, line.id) for line in order.lines]
    units = ", ".join(f"{count} of {line_id}" for count, line_id in left if count)
    return f"the shipments are delivered; not shipped yet: {units}" if units else ""


def of_delivered_shipment(values: Values, order: OrderDTO) -> str:
    """The date of the delivery may be a typing error."""
    shipment = _by_id(order.shipments, values["shipment_id"])
    if shipment is None or shipment.delivered_at is None or shipment.delivered_at >= shipment.shipped_at:
        return ""
    return f"{shipment.id} is recorded as delivered before it was shipped ({shipment.shipped_at:%Y-%m-%d %H:%MZ})"


def of_payment(values: Values, order: OrderDTO) -> str:
    """A payment that was captured stays captured."""
    captured = any(
        (each.reference, each.kind) == (values["reference"], PaymentKind.CAPTURED) for each in order.payments
    )
    if not captured or values["kind"] not in (PaymentKind.VOIDED, PaymentKind.FAILED):
        return ""
    refund = "if it was paid back or never received, record a refund of it with `orderkeep refunds add`"
    return f"payment {values['reference']} stays captured: {refund}"


def of_closed_refund(values: Values, _: OrderDTO) -> str:
    """A refund that failed cannot succeed later."""
    final = f"refund {values['reference']} failed, which is final: to pay it, record a refund with another reference"
    return final if values["status"] == RefundStatus.FAILED else ""


def of_received_return(values: Values, order: OrderDTO) -> str:
    """A return is closed also if fewer units arrived."""
    found = _by_id(order.returns, values["return_id"])
    wanted, arrived = (sum(each.quantity for each in units) for units in (found.lines, found.received))
    if arrived >= wanted:
        return ""
    return f"return {found.id} is closed with {arrived} of {wanted} units: for the others, request another return"


def _by_id(parts: Any, part_id: str | None) -> Any:
    return next((each for each in parts if each.id == part_id), None)
