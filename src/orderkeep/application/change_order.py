"""How every command changes an order: load, look up the key, check the version, decide, save; repeat after a conflict.

Load the order before looking up the key. If the key were looked up first, a concurrent duplicate could commit in
between, and this request would be rejected although it succeeded. A new order is inserted first: its ID is derived from
the key, so the insert itself detects the duplicate, and the loop takes over.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import datetime
from functools import cache
from json.encoder import encode_basestring_ascii
from types import NoneType
from typing import Any, ClassVar

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import CommandResult, EventDTO, visible_result
from orderkeep.application.errors import Contention, IdempotencyKeyReused
from orderkeep.application.personal_data import stored_personal_data, with_personal_data
from orderkeep.application.ports import Clock, OrderHistory, OrderStore, utc_now
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, InvalidInput, OrderNotFound, VersionMismatch
from orderkeep.domain.personal_data import PersonalData
from orderkeep.domain.policies import NO_POLICIES, Policies
from orderkeep.domain.repositories import OrderRepository

ATTEMPTS = 12
"""Maximum attempts after a load, before `Contention`; a new order has one more, its insert."""

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """The context of a command: its actor and its conditions.

    `key`: repeated requests with the same key have one effect and one result.
    `expected_version`: reject with `VersionMismatch` unless the order is at that version, or at one of several.
    `dry_run`: return what would happen, and write nothing.
    """

    actor: Actor = SYSTEM
    key: str | None = None
    expected_version: int | tuple[int, ...] | None = None
    dry_run: bool = False
    request_id: str | None = None

    def attribution(self, command: tuple[str, Any]) -> Attribution:
        """Return what the change records about the request; the key as a digest that includes the actor."""
        actor = str(self.actor)
        if self.key is None:
            return Attribution(actor, request_id=self.request_id)
        return Attribution(actor, _digest(f"{actor}\n{self.key}"), fingerprint_of(command), self.request_id)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode
_LEAVES: dict[type[Any], Callable[[Any], str]] = {str: encode_basestring_ascii, int: str, NoneType: lambda _: "null"}

Decide = Callable[[Order | None], Order | Awaitable[Order]]
"""Takes the current order (None: it does not exist) and returns it changed, or raises and changes nothing."""

IsSameData = Callable[[PersonalData | None], bool]
"""Returns whether a repeated request would leave the order with the personal data that it has."""

SYSTEM_CONTEXT = CommandContext()
"""A request by the system, without conditions."""


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
    is_same_data: IsSameData | None = None,
) -> CommandResult:
    """Run one command on one order. Nothing is written if `decide` raises, or if it returns the order without a new
    event. After a lost race `decide` runs again, on a later state. `command` is the name and the values that make two
    requests the same.

    Raises what `decide` raises, and `NotAllowed` if the actor lacks the `scope`, `OrderNotFound`,
    `IdempotencyKeyReused`, `VersionMismatch`, `Contention`, `StoreUnavailable`. Without a `history` the result of a
    repeated key is the order as it is now. `is_new`: the order most likely does not exist yet, so insert it first and
    load it only after a conflict, if the repository is an `OrderStore`. `is_same_data` compares personal data, which
    must not be part of the `command`: its fingerprint is stored, and would be a test of guesses after an erasure.
    """
    if context.actor.sees_all or is_new:
        context.actor.require(scope)  # before any lookup
    attribution = context.attribution(command)
    # A request with a key may have a duplicate. An `OrderStore` detects it; any other repository may overwrite it.
    if is_new and not context.dry_run and (context.key is None or isinstance(repo, OrderStore)):
        try:
            return await _shown(await _decide_and_save(repo, None, decide, context, attribution), context, repo)
        except (ConcurrentUpdate, InvalidInput):
            # After a conflict, the ID is in use. On invalid input, it may be: a repeated key gets its original result,
            # whatever this body is. If the order does not exist, `decide` raises `InvalidInput` again below.
            pass
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(_pause(attempt))
        order = await load_order(repo, order_id, context.actor)
        if order is not None:
            context.actor.require(scope)
            if attribution.key in order.idempotency_keys:
                return await _shown(await _replay(order, attribution, history, repo, is_same_data), context, repo)
            _check_version(order, context.expected_version)
        elif not context.actor.sees_all:
            raise OrderNotFound(order_id)
        try:
            return await _shown(await _decide_and_save(repo, order, decide, context, attribution), context, repo)
        except ConcurrentUpdate:
            continue
    raise Contention(ATTEMPTS)


async def load_order(repo: OrderRepository, order_id: str, actor: Actor) -> Order | None:
    """Load an order, or None if it does not exist. To a customer, another customer's order does not exist."""
    order = await repo.get_by_id(order_id)
    return order if order is not None and actor.may_see(order.user_id) else None


Trial = Callable[[Order, datetime], None]
"""Runs a command on a copy of an order, at a time, with values that succeed if any do."""

Actions = Mapping[str, Trial]
"""What can be done with an order, by name."""


class OrderCommand:
    """Base class of the use cases that change one order: with the `scope` that an actor needs, and the actions that
    `GET /orders/{id}/actions` lists. Without a `history`, see `change_order`.
    """

    scope: ClassVar[Scope]

    def __init__(
        self,
        repo: OrderRepository,
        history: OrderHistory | None = None,
        clock: Clock = utc_now,
        policies: Policies = NO_POLICIES,
    ) -> None:
        self.repo, self.history, self.clock, self.policies = repo, history, clock, policies

    async def change(
        self,
        order_id: str,
        change: Callable[[Order], None],
        context: CommandContext,
        command: tuple[str, Any],
    ) -> CommandResult:
        """Run `change` on an order that exists, and confirm the order if it becomes ready by it and the policies say
        so. Raises what `change` raises, and like `change_order`.
        """

        def decide(order: Order | None) -> Order:
            if order is None:
                raise OrderNotFound(order_id)
            may_become_ready = self.policies.auto_confirm and not self.policies.is_ready(order)
            change(order)
            if may_become_ready:
                self.policies.confirm_if_ready(order)
            return order

        return await change_order(self.repo, order_id, decide, context, command, self.history, scope=self.scope)

    def actions(self) -> Actions:
        """Return the trial of each action of the command; most commands are one action, with the same name, and
        those that place an order or change many have none.
        """
        return {}


def fingerprint_of(command: tuple[str, Any]) -> str:
    """Return the digest of a command's name and canonical values: whitespace, key order and defaults do not matter.

    The digests are stored with the keys: the same values must have the same digest in every version.
    """
    return _digest(_canonical(command))


async def _decide_and_save(
    repo: OrderRepository, order: Order | None, decide: Decide, context: CommandContext, attribution: Attribution
) -> CommandResult:
    if context.dry_run and not isinstance(repo, OrderStore):  # whose `order` is a copy; to copy a large one takes long
        order = copy.deepcopy(order)
    decision = decide(order)
    changed = decision if isinstance(decision, Order) else await decision
    if not changed.events:
        return CommandResult(changed.id, changed.version, (), changed, dry_run=context.dry_run, unchanged=True)
    version, events = changed.version + 1, tuple([EventDTO.of(event) for event in changed.events])
    personal = changed.personal_record.data if changed.personal_record else None
    if context.dry_run:
        return CommandResult(changed.id, version, events, changed, dry_run=True, personal=personal)
    changed.set_attribution(attribution)
    snapshots = await repo.save(changed)
    json = snapshots[0].json if snapshots else None
    return CommandResult(changed.id, version, events, changed, json, personal=personal)


async def _replay(
    order: Order,
    repeated: Attribution,
    history: OrderHistory | None,
    repo: OrderRepository,
    is_same_data: IsSameData | None,
) -> CommandResult:
    remembered = order.idempotency_keys[repeated.key or ""]
    if remembered.fingerprint != repeated.fingerprint:
        raise IdempotencyKeyReused
    change = await history.get_change(order.id, remembered.version) if history is not None else None
    source = order if change is None else change.order
    personal = None
    if source.personal_data == order.personal_data:  # or it was erased or replaced since, and cannot be compared
        personal = await stored_personal_data(repo, order.id) if order.personal_data else None
        if is_same_data is not None and not is_same_data(personal):
            raise IdempotencyKeyReused
    version, events = (order.version, ()) if change is None else (change.version, change.events)
    return CommandResult(order.id, version, events, source, replayed=True, personal=personal)


async def _shown(result: CommandResult, context: CommandContext, repo: OrderRepository) -> CommandResult:
    """Return the result as the actor may see it, with the personal data of the order."""
    result = visible_result(result, context.actor)
    if result.source.personal_data is None:  # most orders
        return result
    personal = result.personal
    if personal is None and not (result.replayed and result.events):  # `_replay` has read it
        personal = await stored_personal_data(repo, result.order_id)
    json = None if result.json is None else with_personal_data(result.json, personal)
    return replace(result, json=json, personal=personal)


def _check_version(order: Order, expected: int | tuple[int, ...] | None) -> None:
    versions = (expected,) if isinstance(expected, int) else expected
    if versions is not None and order.version not in versions:
        raise VersionMismatch(versions[0], order.version)


def _pause(attempt: int) -> float:
    return random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))  # noqa: S311


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _canonical(value: Any) -> str:
    """Return the value as JSON: of a dataclass, the fields that do not have their default, sorted by name."""
    kind: Any = type(value)
    if kind is tuple or kind is list:
        return f"[{','.join([_LEAVES.get(type(item), _canonical)(item) for item in value])}]"
    known = _fields(kind)
    if known is None:
        return _encode(value)
    given = [
        start + _LEAVES.get(type(found), _canonical)(found)
        for name, start, default in known
        if (found := getattr(value, name)) != default
    ]
    return f"{{{','.join(given)}}}"


@cache
def _fields(kind: type[Any]) -> list[tuple[str, str, Any]] | None:
    """Return the names of the fields, sorted, each with its JSON and its default, if it is a dataclass."""
    if not is_dataclass(kind):
        return None
    known = sorted(fields(kind), key=lambda f: f.name)
    return [(f.name, f'"{f.name}":', f.default if f.default_factory is MISSING else f.default_factory()) for f in known]
