"""What a change did to an order, in words, as a history shows it."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from orderkeep.application.dtos import ChangeDTO, EventDTO, OrderDTO
from orderkeep.domain.value_objects import in_major_units

_EVENTS = {
    "OrderHeld": "put on hold",
    "ObligationsChanged": "amounts due changed",
}
_TRACKING = ("carrier", "tracking_number", "tracking_url")

Amount = Callable[[int], str]
"""How an amount of the order is shown."""


def event_text(event: EventDTO) -> str:
    """Return the name of an event in words: `order placed` for `OrderPlaced`."""
    return _EVENTS.get(event.type) or re.sub("(?<=[a-z])(?=[A-Z])", " ", event.type).lower()


def _with_code(minor: int, currency: str) -> str:
    return f"{in_major_units(minor, currency)} {currency}"


def details_text(change: ChangeDTO, before: OrderDTO | None, money: Callable[[int, str], str] = _with_code) -> str:
    """Return what the events of a change are about, with the resulting order and the one before, if it is known.
    `money` is how amounts in minor units of a currency are shown.
    """
    order = change.order

    def amount(minor: int) -> str:
        return money(minor, order.currency)

    texts = [_DETAILS.get(event.type, _fields)(event, order, before, amount) for event in change.events]
    return "; ".join(text for text in texts if text)


def _fields(event: EventDTO, *_: object) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in event.data.items() if value is not None)


def _of(name: str, key: str) -> Callable[[Callable[[Any, Amount, Any], str]], Any]:
    """Make a function of a part of an order, and of the same part before, one of an event; `key` is the part's ID."""

    def decorate(describe: Callable[[Any, Amount, Any], str]) -> Any:
        def text(event: EventDTO, order: OrderDTO, before: OrderDTO | None, amount: Amount) -> str:
            value = event.data.get(f"{name}_id", event.data.get(key))

            def part(of: OrderDTO | None) -> Any:
                parts = getattr(of, f"{name}s", ())
                same = [each for each in parts if getattr(each, key) == value]
                return next(
                    (each for each in same if "kind" not in event.data or each.kind == event.data["kind"]), None
                )

            return describe(found, amount, part(before)) if (found := part(order)) else _fields(event)

        return text

    return decorate


def _units(lines: Iterable[Any]) -> str:
    return ", ".join(f"{each.quantity} of {each.line}" for each in lines)


def _joined(start: str, *parts: str | None) -> str:
    return f"{start}: {', '.join(found)}" if (found := [part for part in parts if part]) else start


@_of("payment", "reference")
def _payment(payment: Any, amount: Amount, _: Any) -> str:
    return _joined(f"{payment.kind} {amount(payment.amount)}", payment.reference, payment.method)


@_of("refund", "reference")
def _refund(refund: Any, amount: Amount, _: Any) -> str:
    return _joined(refund.reference, amount(refund.amount), _units(refund.lines), refund.reason)


@_of("shipment", "id")
def _shipment(shipment: Any, _: Amount, before: Any) -> str:
    if before is None:
        return _joined(shipment.id, _units(shipment.lines), shipment.carrier, shipment.tracking_number)
    values = [(name, getattr(before, name), getattr(shipment, name)) for name in _TRACKING]
    return _joined(
        shipment.id,
        *(f"{name.replace('_', ' ')} {old or '-'} -> {new or '-'}" for name, old, new in values if old != new),
    )


@_of("return", "id")
def _return(found: Any, *_: object) -> str:
    return _joined(found.id, _units(found.received or found.lines), found.note if found.closed_at else found.reason)


@_of("note", "id")
def _note(note: Any, *_: object) -> str:
    return _joined(note.id, note.text)


def _cancelled_lines(event: EventDTO, order: OrderDTO, before: OrderDTO | None, _: Amount) -> str:
    earlier = {line.id: line.cancelled for line in before.lines} if before else {}
    units = [(line.cancelled - earlier.get(line.id, line.cancelled), line.id) for line in order.lines]
    texts = [f"{count} of {line_id}" for count, line_id in units if count]
    return "; ".join(filter(None, [", ".join(texts), _fields(event)]))


def _held(event: EventDTO, order: OrderDTO, *_: object) -> str:
    until = order.hold.until if order.hold else None
    return "; ".join([_fields(event), *([f"until: {until:%Y-%m-%d %H:%MZ}"] if until else [])])


def _amounts_due(_: EventDTO, order: OrderDTO, __: OrderDTO | None, amount: Amount) -> str:
    amounts = (("refund due", order.refund_due), ("void due", order.void_due))
    return ", ".join(f"{name}: {amount(minor)}" for name, minor in amounts if minor) or "none"


_DETAILS: dict[str, Callable[[EventDTO, OrderDTO, OrderDTO | None, Amount], str]] = {
    **dict.fromkeys(("PaymentRecorded",), _payment),
    **dict.fromkeys(("RefundCreated", "RefundSucceeded", "RefundFailed"), _refund),
    **dict.fromkeys(("ShipmentCreated", "ShipmentUpdated", "ShipmentDelivered"), _shipment),
    **dict.fromkeys(("ReturnRequested", "ReturnReceived", "ReturnRejected", "ReturnCancelled"), _return),
    **dict.fromkeys(("NoteAdded", "NoteEdited"), _note),
    "LinesCancelled": _cancelled_lines,
    "OrderHeld": _held,
    "ObligationsChanged": _amounts_due,
}
