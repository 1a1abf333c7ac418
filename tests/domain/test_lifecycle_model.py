"""Every state that an order of one or two lines can reach, explored on the real class."""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import LIFECYCLE, Command, CommandRejected, OrderStatus
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.returns import ReturnState
from tests.domain.orders import NOW, order_of, quantities_of

OPEN = ("pending", "processing", "partially_shipped")
TERMINAL = ("delivered", "cancelled")


class Step(NamedTuple):
    """A command of the lifecycle, or None for one on returns, and the method and the arguments that run it."""

    command: Command | None
    method: str
    arguments: tuple[Any, ...]


def parts_of(left: dict[str, int]) -> Iterator[tuple[LineQuantity, ...]]:
    """Yield every non-empty selection of units."""
    for counts in product(*[range(count + 1) for count in left.values()]):
        if any(counts):
            yield tuple(LineQuantity(line, count) for line, count in zip(left, counts, strict=True) if count)


def steps_of(order: Order) -> Iterator[Step]:
    """Yield all that can be asked of an order. A part of the units only while a line has some left."""
    yield Step(Command.CONFIRM, "confirm", ())
    yield Step(Command.CANCEL, "cancel", ())
    yield Step(Command.HOLD, "put_on_hold", ("address",))
    yield Step(Command.RELEASE, "release", ())
    yield Step(Command.SHIP, "ship", ())
    yield Step(Command.DELIVER, "deliver", ())
    yield Step(Command.CANCEL_LINES, "cancel_lines", ())
    for part in parts_of({line.id: line.unshipped for line in order.lines}):
        yield Step(Command.SHIP, "add_shipment", (part,))
        yield Step(Command.CANCEL_LINES, "cancel_lines", (part,))
    for shipment in order.shipments:
        if shipment.delivered_at is None:
            yield Step(Command.DELIVER, "deliver_shipment", (shipment.id,))
    pending = [each.id for each in order.returns if each.status == ReturnState.REQUESTED]
    if not pending:  # several, or larger ones, lead to the same quantities
        for line in order.lines:
            if line.returned < line.delivered:
                yield Step(None, "request_return", ([LineQuantity(line.id, 1)],))
    for each in pending:
        yield Step(None, "receive_return", (each,))
        yield Step(None, "close_return", (each, "rejected"))


def key_of(order: Order) -> tuple[object, ...]:
    """Return all that decides about the future of an order, whatever happened before."""
    return (
        str(order.status),
        order.on_hold,
        tuple((line.quantity, *counts) for line, counts in zip(order.lines, quantities_of(order), strict=True)),
        tuple(sorted(str(each.lines) for each in order.shipments if each.delivered_at is None)),
        tuple(sorted(str(each.lines) for each in order.returns if each.status == ReturnState.REQUESTED)),
    )


def broken_invariants(order: Order) -> Iterator[str]:
    """Yield the names of the invariants that do not hold."""
    for line in order.lines:
        if not 0 <= line.returned <= line.delivered <= line.shipped <= line.quantity - line.cancelled:
            yield f"quantities of {line}"
    if any((line.shipped, line.delivered, line.returned) != sums for line, sums in sums_by_line(order)):
        yield "the lines are not the sum of shipments and returns"
    if order.lines and order.status != status_by_quantities(order):
        yield f"the status does not follow from the quantities: {order.status}"
    if order.on_hold and order.status not in OPEN:
        yield "on hold past the point"
    if order.can_be_cancelled() != (order.status in ("pending", "processing")):
        yield "cancellable in another status than pending and processing"
    if (order.cancellation is not None) != (order.status == "cancelled"):
        yield "a cancellation without the status, or the reverse"


def sums_by_line(order: Order) -> Iterator[tuple[OrderLine, tuple[int, int, int]]]:
    """Yield each line, and what was shipped, delivered and returned of it by the records of the order."""
    shipped, delivered, returned = Counter[str](), Counter[str](), Counter[str]()
    for shipment in order.shipments:
        units = {each.line: each.quantity for each in shipment.lines}
        shipped.update(units)
        if shipment.delivered_at is not None:
            delivered.update(units)
    for each in order.returns:
        returned.update({received.line: received.quantity for received in each.received})
    for line in order.lines:
        yield line, (shipped[line.id], delivered[line.id], returned[line.id])


def status_by_quantities(order: Order) -> str:
    """Return the status that the quantities imply, by the words of the design."""
    live = sum(line.quantity - line.cancelled for line in order.lines)
    shipped, delivered = sum(line.shipped for line in order.lines), sum(line.delivered for line in order.lines)
    if live == 0:
        return "cancelled"
    if shipped == 0:
        return "pending" if order.status == "pending" else "processing"
    if shipped < live:
        return "partially_shipped"
    return "delivered" if delivered == live else "shipped"


def test_no_state_is_stuck_and_the_invariants_hold_in_each() -> None:
    quantities = [(one,) for one in (1, 2, 3)] + [*combinations_with_replacement((1, 2, 3), 2)]
    waiting = [order_of(*each, confirmed=False) for each in quantities]
    states = {key_of(order): order for order in waiting}
    before: dict[object, set[object]] = defaultdict(set)
    followers: dict[tuple[str, Command], set[str]] = defaultdict(set)
    while waiting:
        order = waiting.pop()
        key = key_of(order)
        assert list(broken_invariants(order)) == []
        accepted = set()
        for step in steps_of(order):
            after = copy.copy(order)  # all of its parts are immutable, but for the events
            after.events = []
            try:
                getattr(after, step.method)(*step.arguments, at=NOW)
            except CommandRejected:
                after.events = order.events
                assert vars(after) == vars(order)
                continue
            accepted.add(step.command)
            if step.command is not None:
                followers[order.status, step.command].add(after.status)
            else:
                assert after.status == order.status
            reached = key_of(after)
            before[reached].add(key)
            if reached not in states:
                states[reached] = after
                waiting.append(after)
        accepted.discard(None)
        assert not accepted if order.status in TERMINAL else accepted - {Command.HOLD}
        assert (Command.CANCEL in accepted) is order.can_be_cancelled()
    assert len(states) >= 2_000
    # The lifecycle lists exactly what can happen, and the end can be reached from everywhere.
    assert followers == {pair: set(listed) for pair, listed in LIFECYCLE.items()}
    ending: list[object] = [key for key, order in states.items() if order.status in TERMINAL]
    can_end = set(ending)
    while ending:
        new = before[ending.pop()] - can_end
        can_end |= new
        ending.extend(new)
    assert len(states) - len(can_end) == 0
    assert {order.status for order in states.values()} == set(OrderStatus)
