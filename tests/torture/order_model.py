"""The sequential model of one order: versions, idempotency keys and the lifecycle, without a store."""

from dataclasses import dataclass, replace

from orderkeep.domain.lifecycle import LIFECYCLE, REJECTIONS, Command, OrderStatus
from tests.torture.linearizability import Operation

DONE = "done"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: the name of a command, `place` or `get`.

    `detail` is the reason of a cancellation or the `external_ref`
    of a new order: two requests with one key can differ in it.
    """

    what: str
    key: str | None = None
    expected_version: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """The order in a response."""

    version: int
    status: str
    external_ref: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: `done` and the order, or the code of an error."""

    outcome: str
    order: Sight | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """An idempotency key, its request, and the order after that request."""

    key: str
    request: tuple[str, str | None]
    order: Sight


@dataclass(frozen=True, slots=True)
class Kept:
    """The state of the model: the order and its keys."""

    order: Sight
    remembered: tuple[Remembered, ...] = ()


OrderOperation = Operation[Ask, Reply]


def step(kept: Kept | None, operation: OrderOperation) -> tuple[Kept | None, ...]:
    """Return the state after the operation, or none if its response is not the expected one."""
    after, due = respond(kept, operation.asked)
    return (after,) if operation.answer in (None, due) else ()


def respond(kept: Kept | None, ask: Ask) -> tuple[Kept | None, Reply]:
    """Return the state after the request, and the expected response."""
    if kept is None:
        return _respond_without_order(ask)
    if ask.what == "get":
        return kept, Reply(DONE, kept.order)
    for known in kept.remembered:
        if known.key == ask.key:
            same = known.request == (ask.what, ask.detail)
            return kept, Reply(DONE, known.order, replayed=True) if same else Reply("idempotency_key_reused")
    if ask.expected_version not in (None, kept.order.version):
        return kept, Reply("version_mismatch")
    return _move(kept, ask)


def _respond_without_order(ask: Ask) -> tuple[Kept | None, Reply]:
    if ask.what != "place":
        return None, Reply("order_not_found")
    return _done(Sight(1, OrderStatus.PENDING, ask.detail), (), ask)


def _move(kept: Kept, ask: Ask) -> tuple[Kept, Reply]:
    followers = LIFECYCLE.get((OrderStatus(kept.order.status), Command(ask.what)))
    if followers is None:
        return kept, Reply(REJECTIONS[Command(ask.what)].code)
    reason = ask.detail if ask.what == Command.CANCEL else None
    order = replace(kept.order, version=kept.order.version + 1, status=followers[-1], reason=reason)
    return _done(order, kept.remembered, ask)


def _done(order: Sight, remembered: tuple[Remembered, ...], ask: Ask) -> tuple[Kept, Reply]:
    if ask.key is not None:
        remembered = (*remembered, Remembered(ask.key, (ask.what, ask.detail), order))
    return Kept(order, remembered), Reply(DONE, order)
