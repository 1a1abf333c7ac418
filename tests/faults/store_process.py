"""A process that works on one store, concurrently with others: `race URL` runs the work on standard input, round by
round; `save FILE` saves until it is killed, and prints what was acknowledged as durable.
"""

import asyncio
import itertools
import json
import os
import sys
from typing import Any

import msgspec

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, PlaceOrder
from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.domain.exceptions import OrderkeepError

TASKS = 16
SAVERS = 8
PLACED = PlaceOrder(user_id="user-7", total=9961, currency="EUR", external_ref="web-7781", tags=("gift", "express"))


async def one_task(use_cases: UseCases, work: dict[str, str], number: int) -> CommandResult:
    """Do the round's work once."""
    request = CommandContext(key=work.get("key"))
    match work["what"]:
        case "cancel or ship" if number % 2:
            return await use_cases.ship_order.execute(work["id"], request)
        case "cancel or ship" | "cancel":
            return await use_cases.cancel_order.execute(work["id"], request, reason="changed my mind")
        case "place":
            return await use_cases.place_order.execute(PLACED, request)
    raise ValueError(work["what"])


async def one_round(use_cases: UseCases, work: dict[str, str]) -> list[dict[str, Any]]:
    """Do it many times at once, and say what each was told."""

    async def outcome(number: int) -> dict[str, Any]:
        try:
            result = await one_task(use_cases, work, number)
        except OrderkeepError as error:
            return {"refused": error.code}
        answer = msgspec.json.encode([result.order, result.events]).decode()
        return {"answer": answer, "replayed": result.replayed}

    return await asyncio.gather(*map(outcome, range(TASKS)))


def race(store: str) -> None:
    """Answer each line of work with a line of outcomes."""
    use_cases = bootstrap(store)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(one_round(use_cases, json.loads(line)))), flush=True)


async def save(path: str) -> None:
    """Place and confirm orders for ever; each line is an order and the version it was told is durable."""
    use_cases = bootstrap(f"sqlite:///{path}")

    async def one_saver() -> None:
        for _ in itertools.count():
            order_id = (await use_cases.place_order.execute(PLACED)).order.id
            os.write(1, f"{order_id} 1\n".encode())
            await use_cases.confirm_order.execute(order_id)
            os.write(1, f"{order_id} 2\n".encode())

    await asyncio.gather(*(one_saver() for _ in range(SAVERS)))


if __name__ == "__main__":
    if sys.argv[1] == "race":
        race(sys.argv[2])
    else:
        asyncio.run(save(sys.argv[2]))
