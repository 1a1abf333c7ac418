"""One request, sent many times with one key: one effect, one answer."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, OrderDTO
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.testing.orders import own_user, place_command
from orderkeep.testing.saving import loaded
from orderkeep.testing.violation import ContractViolation


@dataclass(slots=True)
class RetryCount:
    """How many requests were sent, and how many of them were answered from the first one's record."""

    rounds: int
    at_once: int
    requests: int = 0
    replayed: int = 0


async def retry_with_one_key(store: OrderStore, *, rounds: int = 1, at_once: int = 32) -> RetryCount:
    """Place one order many times at once with one key, then cancel it many times at once with another: one order,
    one cancellation, equal answers, and none of them a refusal.
    """
    count = RetryCount(rounds, at_once)
    do = build_use_cases(store)
    for _ in range(rounds):
        user = own_user()
        command = place_command(user_id=user, external_ref=user)
        placing, cancelling = CommandContext(key=f"place for {user}"), CommandContext(key=f"cancel for {user}")
        placed = await _send(count, [do.place_order.execute(command, placing) for _ in range(at_once)])
        cancels = [do.cancel_order.execute(placed.id, cancelling, reason="retried") for _ in range(at_once)]
        cancelled = await _send(count, cancels)
        kept = OrderDTO.of(await loaded(store, placed.id))
        changes = await store.list_changes(placed.id, 0, 10)
        if kept != cancelled or [change.order for change in changes] != [placed, cancelled]:
            raise ContractViolation(f"answered were {placed} and {cancelled}; kept is {kept}, with {changes}")
    return count


async def _send(count: RetryCount, requests: Sequence[Awaitable[CommandResult]]) -> OrderDTO:
    answers = await asyncio.gather(*requests, return_exceptions=True)
    done = [answer for answer in answers if isinstance(answer, CommandResult)]
    odd = [answer for answer in answers if not isinstance(answer, CommandResult)]
    first = sum(not answer.replayed for answer in done)
    if odd or first != 1 or any((done[0].order, done[0].events) != (answer.order, answer.events) for answer in done):
        raise ContractViolation(f"of {len(answers)} retries {first} had an effect; refused: {odd}; answered: {done}")
    count.requests += len(answers)
    count.replayed += len(done) - first
    return done[0].order
