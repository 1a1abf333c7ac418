"""The fence of a table: each transaction that writes checks one of many items, which reject it once they are marked.

There are many, so that transactions that run at the same time rarely check the same one: DynamoDB cancels one of two
that do. A process checks them in turn.
"""

import asyncio
import os
from itertools import count

from orderkeep.application.store_copy import Fence
from orderkeep.domain.exceptions import StoreMoved
from orderkeep.infrastructure.aws import Json, back_off
from orderkeep.infrastructure.dynamo_repo.client import Action, OrdersTable
from orderkeep.infrastructure.dynamo_repo.errors import CONDITION_FAILED, CONFLICT, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import Item, key

POSTS = 1_024
"""How many items the fence has."""

PREFIX = "X#"
"""Begins the partition of each of them."""

ATTEMPTS = 8
AT_ONCE = 32
FIRST_PAUSE_SECONDS = 0.01
_STATE = {"#state": "state"}

_turn = count(os.getpid())  # processes begin at different ones


def _post(number: int) -> Item:
    return key(f"{PREFIX}{number:04}", "X")


async def write(table: OrdersTable, actions: list[Action]) -> None:
    """Carry out all actions or none. Raises `StoreMoved` if the table is fenced, and `DynamoError`."""
    if table.passes_fence:
        return await table.transact(actions)
    attempt = 0
    while True:
        await back_off(attempt, FIRST_PAUSE_SECONDS)
        attempt += 1
        check = {
            "Key": _post(next(_turn) % POSTS),
            "ConditionExpression": "attribute_not_exists(#state)",
            "ExpressionAttributeNames": _STATE,
        }
        try:
            return await table.transact([*actions, ("ConditionCheck", check)])
        except DynamoError as error:
            rejection = error.reasons[-1] if len(error.reasons) > len(actions) else None
            error.reasons = error.reasons[: len(actions)]  # as the caller knows them
            if rejection == CONDITION_FAILED:
                raise StoreMoved from error
            if rejection != CONFLICT or error.reasons != ("None",) * len(actions) or attempt == ATTEMPTS:
                raise


async def put_up(table: OrdersTable, state: Fence) -> None:
    """Mark all items, the last one last: it is the one that readers look at."""
    change: Json = {"UpdateExpression": "SET #state = :state", "ExpressionAttributeValues": {":state": {"S": state}}}
    await _change(table, change, range(1, POSTS))
    await _change(table, change, range(1))


async def lift(table: OrdersTable) -> None:
    """Unmark all items."""
    change = {"UpdateExpression": "REMOVE #state"}
    await _change(table, change, range(1, POSTS))
    await _change(table, change, range(1))


async def state_of(table: OrdersTable) -> Fence | None:
    """Return the state of the fence, or None if it is not up, or not all of it."""
    item = await table.get(_post(0)) or {}
    return Fence(item["state"]["S"]) if "state" in item else None


async def _change(table: OrdersTable, change: Json, numbers: range) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def change_post(number: int) -> None:
        payload = {"TableName": table.name, "Key": _post(number), "ExpressionAttributeNames": _STATE, **change}
        attempt = 0
        while True:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            attempt += 1
            try:
                async with free:
                    await table.send("UpdateItem", payload)
                return
            except DynamoError as error:  # a transaction that is running checks this item
                if error.code != "TransactionConflictException" or attempt == ATTEMPTS:
                    raise translated(error) from error

    await asyncio.gather(*map(change_post, numbers))
