"""Many clients write one order concurrently: one of them wins, and a repeated request has one effect."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, OrderDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import CommandRefused, ConcurrentUpdate
from orderkeep.testing.orders import OWN, SINCE, own_user, place_command, small_order
from orderkeep.testing.stores import ContractViolation, loaded


@dataclass(slots=True)
class RaceCount:
    """How many rounds there were, how many contenders each had, and who won how often."""

    rounds: int
    at_once: int
    winners: Counter[str] = field(default_factory=Counter)


async def race_cancel_against_ship(store: OrderStore, *, rounds: int = 1, at_once: int = 32) -> RaceCount:
    """Half of the contenders cancel and half ship one order: exactly one wins, all others hear that they may not."""
    count = RaceCount(rounds, at_once)
    do = build_use_cases(store)
    for _ in range(rounds):
        order = await _order_in_processing(store)
        asked: list[Awaitable[CommandResult]] = [
            do.cancel_order.execute(order.id) if number % 2 else do.ship_order.execute(order.id)
            for number in range(at_once)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        won = judge_race(answers)
        await _see_two_commits(store, won)
        count.winners[won.status] += 1
    return count


def judge_race(answers: Sequence[CommandResult | BaseException]) -> OrderDTO:
    """Return the order as the one winner among the answers made it. Raises `ContractViolation`."""
    won = [answer.order for answer in answers if isinstance(answer, CommandResult)]
    odd = [answer for answer in answers if not isinstance(answer, CommandResult | CommandRefused)]
    if len(won) != 1 or odd:
        raise ContractViolation(f"of {len(answers)} at once {len(won)} won: {won}; unexpected answers: {odd}")
    return won[0]


async def race_saves(store: OrderStore, *, rounds: int = 1, at_once: int = 20) -> RaceCount:
    """Save one new order at once, then all change it and save at once: each time one save is taken, the others
    refused, and what is kept is the winner's.
    """
    count = RaceCount(rounds, at_once)
    for _ in range(rounds):
        order_id = new_order_id()
        user = own_user()
        rivals = [small_order(order_id, user_id=user, external_ref=f"{OWN}rival-{number}") for number in range(at_once)]
        await _one_save_of(store, rivals)
        copies = [await loaded(store, order_id) for _ in range(at_once)]
        for number, copy in enumerate(copies):
            copy.cancel(f"rival-{number}", at=SINCE)
        winner = await _one_save_of(store, copies)
        await _see_two_commits(store, OrderDTO.of(winner))
        count.winners[f"{winner.external_ref}"] += 1
    return count


async def _one_save_of(store: OrderStore, rivals: list[Order]) -> Order:
    answers = await asyncio.gather(*(store.save(rival) for rival in rivals), return_exceptions=True)
    winners = [rival for rival, answer in zip(rivals, answers, strict=True) if isinstance(answer, tuple)]
    odd = [answer for answer in answers if not isinstance(answer, ConcurrentUpdate | tuple)]
    if len(winners) != 1 or odd:
        raise ContractViolation(f"of {len(rivals)} saves at once {len(winners)} were taken; unexpected answers: {odd}")
    return winners[0]


async def _see_two_commits(store: OrderStore, won: OrderDTO) -> None:
    kept = OrderDTO.of(await loaded(store, won.id))
    changes = await store.list_changes(won.id, 0, 10)
    if kept != won or [change.version for change in changes] != [1, 2] or changes[-1].order != won:
        raise ContractViolation(f"the winner made {won}; kept is {kept}, with the changes {changes}")


async def _order_in_processing(store: OrderStore) -> Order:
    order = small_order(new_order_id(), user_id=own_user(), status="processing")
    await store.save(order)
    return order


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
