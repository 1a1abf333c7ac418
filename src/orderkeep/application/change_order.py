"""How every command changes an order: load, look for the key, check the version, decide, save; again if beaten to it.

State first, key second. With the key looked up first, a retry that runs beside its twin misses the twin's record,
then loads the state the twin has just written, and refuses what in truth succeeded.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import CommandResult, EventDTO, OrderDTO
from orderkeep.application.errors import Contention, IdempotencyKeyReused
from orderkeep.application.ownership import load_for
from orderkeep.application.ports import OrderHistory
from orderkeep.domain.entities import Order
from orderkeep.domain.events import Attribution
from orderkeep.domain.exceptions import ConcurrentUpdate, OrderNotFound, VersionMismatch
from orderkeep.domain.repositories import OrderRepository

ATTEMPTS = 12
"""How often a command is decided anew after losing the race to save, before it gives up with `Contention`."""

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """How a command is asked: by whom, and under which conditions.

    `key`: the same request with the same key has one effect and one answer, however often it is sent.
    `expected_version`: refuse with `VersionMismatch` unless the order is at that version.
    `dry_run`: answer what would happen, and write nothing.
    """

    actor: Actor = SYSTEM
    key: str | None = None
    expected_version: int | None = None
    dry_run: bool = False
    request_id: str | None = None

    def attribution(self, command: tuple[str, Any]) -> Attribution:
        """Return who is to stand in the change; the key as a digest, bound to the actor."""
        if self.key is None:
            return Attribution(str(self.actor), request_id=self.request_id)
        key = _digest(f"{self.actor}\n{self.key}")
        return Attribution(str(self.actor), key, fingerprint_of(command), self.request_id)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode

Decide = Callable[[Order | None], Order | Awaitable[Order]]
"""Gets the order as it is (None: there is none) and returns it changed, or raises and changes nothing."""

SYSTEM_CONTEXT = CommandContext()
"""A request by the system, with no conditions."""


async def change_order(
    repo: OrderRepository,
    order_id: str,
    decide: Decide,
    context: CommandContext,
    command: tuple[str, Any],
    history: OrderHistory | None = None,
    *,
    scope: Scope,
    is_new: bool = False,
) -> CommandResult:
    """Run one command on one order. Where `decide` raises nothing is written, nor where it returns the order without
    an event, as one on which this was done before. It may be called again, on a later state, after a lost race; what
    it waits for must bear that. `command` is the name and the values that make two requests the same.

    Raises what `decide` raises, and `NotAllowed` where the actor lacks the `scope`, `OrderNotFound`,
    `IdempotencyKeyReused`, `VersionMismatch`, `Contention`, `StoreUnavailable`. Without a `history` a repeated key is
    answered with the order as it is now. `is_new` says that the id was made a moment ago, so there is nothing to load.
    """
    if context.actor.sees_all:
        context.actor.require(scope)  # before anything is looked up
    attribution = context.attribution(command)
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(_pause(attempt))
        order = None if is_new else await load_for(context.actor, repo, order_id)
        if order is not None:
            context.actor.require(scope)
            if attribution.key in order.idempotency_keys:
                return await _answer_again(order, attribution, history)
            _check_version(order, context.expected_version)
        decided = decide(copy.deepcopy(order) if context.dry_run else order)
        changed = decided if isinstance(decided, Order) else await decided
        if not changed.events:
            return CommandResult(OrderDTO.of(changed), (), replayed=True, dry_run=context.dry_run)
        result = _result(changed, context.dry_run)
        if context.dry_run:
            return result
        changed.set_attribution(attribution)
        try:
            await repo.save(changed)
        except ConcurrentUpdate:
            continue
        return result
    raise Contention(ATTEMPTS)


def on_existing(order_id: str, change: Callable[[Order], None]) -> Callable[[Order | None], Order]:
    """Return a decision that changes the order, or raises `OrderNotFound` where there is none."""

    def decide(order: Order | None) -> Order:
        if order is None:
            raise OrderNotFound(order_id)
        change(order)
        return order

    return decide


def fingerprint_of(command: tuple[str, Any]) -> str:
    """Return the digest of a command's name and canonical values: spaces, key order and defaults do not matter."""
    return _digest(_encode(_canonical(command)))


async def _answer_again(order: Order, asked: Attribution, history: OrderHistory | None) -> CommandResult:
    remembered = order.idempotency_keys[asked.key or ""]
    if remembered.fingerprint != asked.fingerprint:
        raise IdempotencyKeyReused
    then = await history.get_change(order.id, remembered.version) if history is not None else None
    if then is None:
        return CommandResult(OrderDTO.of(order), (), replayed=True)
    return CommandResult(then.order, then.events, replayed=True)


def _check_version(order: Order, expected: int | None) -> None:
    if expected is not None and expected != order.version:
        raise VersionMismatch(expected, order.version)


def _result(order: Order, dry_run: bool) -> CommandResult:
    events = tuple(EventDTO.of(event) for event in order.events)
    return CommandResult(OrderDTO.of(order, version=order.version + 1), events, dry_run=dry_run)


def _pause(attempt: int) -> float:
    return random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))  # noqa: S311


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _canonical(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        given = ((name, getattr(value, name), default) for name, default in _defaults(type(value)))
        return {name: _canonical(found) for name, found, default in given if found != default}
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    return value


@cache
def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((f.name, f.default if f.default_factory is MISSING else f.default_factory()) for f in fields(kind))
