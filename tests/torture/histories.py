"""Concurrent requests about one order must be linearizable."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import msgspec

from orderkeep.application.access.actor import SYSTEM
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, OrderDTO, PlaceOrder
from orderkeep.application.errors import Contention
from orderkeep.application.ids import new_order_id, order_id_for_key
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.exceptions import OrderkeepError, StoreUnavailable
from orderkeep.testing.orders import OWN, own_user
from tests.torture.linearizability import Finding, Operation, linearize
from tests.torture.order_model import DONE, Ask, Kept, OrderOperation, Reply, Sight, step
from tests.torture.watched_store import ContractViolation

COMMANDS = ("confirm", "ship", "cancel", "cancel")
VERSIONS = (None, None, 1, 2, 3)


@dataclass(slots=True)
class HistoryCount:
    """The numbers of histories, of operations, and of each response."""

    histories: int = 0
    operations: int = 0
    answers: Counter[str] = field(default_factory=Counter)


async def record_histories(store: OrderStore, *, rounds: int = 1, clients: int = 5, each: int = 4) -> HistoryCount:
    """Let clients place, get, confirm, ship and cancel one order concurrently, with and without keys and expected
    versions. The responses must be linearizable, and the stored changes must be the ones returned.
    """
    counted = HistoryCount()
    for _ in range(rounds):
        recorder = _Recorder(store)
        plans = [_plan(recorder.chance, each) for _ in range(clients)]
        following = (recorder.follow(client, plan) for client, plan in enumerate(plans, start=1))
        for failure in await asyncio.gather(*following, return_exceptions=True):
            if failure is not None:
                raise failure
        await recorder.follow(0, [Ask("get")])
        judge_history(recorder.history)
        await recorder.see_what_is_kept()
        counted.histories += 1
        counted.operations += len(recorder.history)
        counted.answers.update(done.answer.outcome for done in recorder.history if done.answer)
    return counted


def judge_history(history: list[OrderOperation]) -> None:
    """Raise `ContractViolation` unless the history is linearizable."""
    finding = linearize(history, None, step)
    if not finding.holds:
        raise ContractViolation(_told(history, finding))


def _plan(chance: Random, each: int) -> list[Ask]:
    first = Ask(
        "place", key="place", detail=chance.choice((f"{OWN}first", f"{OWN}first", f"{OWN}first", f"{OWN}other"))
    )
    return [
        first if chance.random() < 0.6 else _some_request(chance),
        *(_some_request(chance) for _ in range(each - 1)),
    ]


def _some_request(chance: Random) -> Ask:
    if chance.random() < 0.35:
        return Ask("get")
    what = chance.choice(COMMANDS)
    detail = f"reason {chance.randrange(3)}" if what == "cancel" else None
    key = chance.choice((None, None, f"{what} {detail}", what, "any"))
    return Ask(what, key, chance.choice(VERSIONS), detail)


class _Recorder:
    """Sends requests about one new order, and records requests, responses and times."""

    def __init__(self, store: OrderStore) -> None:
        self.store, self.do = store, build_use_cases(store)
        self.chance = Random()  # variety, not secrets
        self.run, self.user = new_order_id(), own_user()
        self.order_id = order_id_for_key(SYSTEM, self._key("place") or "")
        self.clock = count()
        self.history: list[OrderOperation] = []

    async def follow(self, client: int, plan: list[Ask]) -> None:
        for ask in plan:
            invoked = next(self.clock)
            try:
                reply = await self._ask(ask)
            except StoreUnavailable:
                self.history.append(Operation(client, ask, None, invoked, None))
            except Contention:
                continue  # nothing was written, and the response contains no order
            except OrderkeepError as error:
                self.history.append(Operation(client, ask, Reply(error.code), invoked, next(self.clock)))
            else:
                self.history.append(Operation(client, ask, reply, invoked, next(self.clock)))

    async def see_what_is_kept(self) -> None:
        """Compare the stored changes with the ones in responses."""
        kept = {
            change.version: sight_of(change.order) for change in await self.store.list_changes(self.order_id, 0, 100)
        }
        told = [done.answer.order for done in self.history if done.answer and done.answer.order]
        odd = [sight for sight in told if kept.get(sight.version) != sight]
        if odd or list(kept) != list(range(1, len(kept) + 1)):
            raise ContractViolation(f"responses contained {odd}, which are not the stored changes {kept}")

    async def _ask(self, ask: Ask) -> Reply:
        if ask.what == "get":
            snapshot = await self.do.get_order.execute(self.order_id)
            return Reply(DONE, sight_of(msgspec.json.decode(snapshot.json, type=OrderDTO)))
        result = await self._command(ask, CommandContext(key=self._key(ask.key), expected_version=ask.expected_version))
        return Reply(DONE, sight_of(result.order), result.replayed)

    def _command(self, ask: Ask, request: CommandContext) -> Awaitable[CommandResult]:
        if ask.what == "place":
            command = PlaceOrder(user_id=self.user, total=9_900, currency="EUR", external_ref=ask.detail)
            return self.do.place_order.execute(command, request)
        if ask.what == "cancel":
            return self.do.cancel_order.execute(self.order_id, request, reason=ask.detail)
        move = self.do.confirm_order if ask.what == "confirm" else self.do.ship_order
        return move.execute(self.order_id, request)

    def _key(self, name: str | None) -> str | None:
        return name and f"{self.run} {name}"


def sight_of(order: OrderDTO) -> Sight:
    """Return the part of an order that the model has."""
    reason = order.cancellation.reason if order.cancellation else None
    return Sight(order.version, order.status, order.external_ref, reason)


def _told(history: list[OrderOperation], finding: Finding[Kept | None, Ask, Reply]) -> str:
    kept = finding.state.order if finding.state else "no order"
    told = [
        f"{len(finding.order)} of {len(history)} responses can follow one another, and lead to {kept}; then none of"
    ]
    told += [f"  {_line(operation)}" for operation in finding.stuck]
    told += ["after", *(f"  {_line(operation)}" for operation in finding.order)]
    return "\n".join(told)


def _line(operation: OrderOperation) -> str:
    said = operation.asked, operation.answer or "no response"
    return f"client {operation.client}, {operation.invoked} to {operation.answered}: {said[0]} -> {said[1]}"
