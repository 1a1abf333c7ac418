"""Whether the parts of an imported order fit together: what commands guarantee, a file does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orderkeep.domain.exceptions import InconsistentOrder
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.lines import LineQuantity, quantities
from orderkeep.domain.order_state import OrderState
from orderkeep.domain.payments import RefundStatus, check_sums
from orderkeep.domain.returns import ReturnedUnits, ReturnState
from orderkeep.domain.shipments import Tracking, status_after


def check_parts(order: OrderState) -> None:
    """Raise the `InvalidInput` of the first rule that the shipments, payments, refunds, returns, notes and the hold of
    an imported order break.
    """
    for number, line in enumerate(order.lines):
        if line.cancelled < 0 or line.unshipped < 0:
            raise InconsistentOrder("must not exceed the units that were not shipped", f"lines/{number}/cancelled")
        if line.returned > line.delivered:
            raise InconsistentOrder("must not exceed the units that were delivered", f"lines/{number}/returned")
    _check_units(order)
    if status_after(OrderStatus(order.status), order.lines, order.shipments) != order.status:
        raise InconsistentOrder("must be the status of the units that were shipped and delivered", "status")
    if order.hold is not None:
        order.hold.check()
        if order.status not in (OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.PARTIALLY_SHIPPED):
            raise InconsistentOrder("must be omitted: nothing is left to ship", "hold")
    _check_payments(order)
    for note in order.notes:
        note.check()
    for name in ("shipments", "returns", "notes"):
        _check_unique(name, [part.id for part in getattr(order, name)])


def _check_units(order: OrderState) -> None:
    shipped, delivered, returned = Counter[str](), Counter[str](), Counter[str]()
    for shipment in order.shipments:
        Tracking(shipment.carrier, shipment.tracking_number, shipment.tracking_url).check()
        units = _units(order, shipment.lines, "shipments")
        shipped.update(units)
        delivered.update(units if shipment.delivered_at else {})
    for each in order.returns:
        each.check()
        _units(order, each.lines, "returns")
        received = _units(order, [LineQuantity(units.line, units.quantity) for units in each.received], "returns")
        if received and each.status != ReturnState.RECEIVED:
            raise InconsistentOrder("must contain received units only if their status is received", "returns")
        returned.update(received)
    for number, line in enumerate(order.lines):
        for name, units in (("shipped", shipped), ("delivered", delivered), ("returned", returned)):
            if getattr(line, name) != units[line.id]:
                message = f"must be {units[line.id]}, as in the rest of the order"
                raise InconsistentOrder(message, f"lines/{number}/{name}")


def _units(order: OrderState, lines: Iterable[LineQuantity | ReturnedUnits], field: str) -> dict[str, int]:
    try:
        return quantities(order.lines, [LineQuantity(each.line, each.quantity) for each in lines])
    except ValueError as error:
        raise InconsistentOrder(f"contain an invalid line or quantity: {error}", field) from None


def _check_payments(order: OrderState) -> None:
    for payment in order.payments:
        payment.check()
    for refund in order.refunds:
        refund.check()
        _units(order, refund.lines, "refunds")
    _check_unique("payments", [(payment.reference, payment.kind) for payment in order.payments])
    _check_unique("refunds", [refund.reference for refund in order.refunds])
    check_sums(order.payments, "payments")
    paid_back = sum(refund.amount for refund in order.refunds if refund.status != RefundStatus.FAILED)
    if paid_back > order.balance.captured:
        raise InconsistentOrder("must not exceed the captured payments", "refunds")


def _check_unique(field: str, identities: list[object]) -> None:
    if len({*identities}) < len(identities):
        raise InconsistentOrder("must not contain the same one twice", field)
