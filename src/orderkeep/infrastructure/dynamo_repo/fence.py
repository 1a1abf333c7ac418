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
_NAMES = {**_STATE, "#owner": "owner"}

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


async def put_up(table: OrdersTable, state: Fence, owner: str) -> Fence | None:
    """Mark all items, the one last that readers look at, and return the state of the fence that this replaces."""
    change: Json = {
        "UpdateExpression": "SET #state = :state, #owner = :owner",
        "ExpressionAttributeValues": {":state": {"S": state}, ":owner": {"S": owner}},
        "ReturnValues": "ALL_OLD",
    }
    await _change(table, change, range(1, POSTS))
    [changed] = await _change(table, change, range(1))
    before = changed.get("Attributes", {}) if changed else {}
    return Fence(before["state"]["S"]) if "state" in before else None


async def lift(table: OrdersTable, owner: str) -> bool:
    """Unmark all items, the one last that readers look at; return False if another owner has marked them."""
    if (found := await state_of(table)) and found[1] != owner:
        return False
    change = {
        "UpdateExpression": "REMOVE #state, #owner",
        "ConditionExpression": "attribute_not_exists(#state) OR #owner = :owner",
        "ExpressionAttributeValues": {":owner": {"S": owner}},
    }
    return all([None not in await _change(table, change, numbers) for numbers in (range(1, POSTS), range(1))])


async def state_of(table: OrdersTable) -> tuple[Fence, str] | None:
    """Return the state of the fence and its owner, or None if it is not up, or not all of it."""
    item = await table.get(_post(0)) or {}
    return (Fence(item["state"]["S"]), item["owner"]["S"]) if "state" in item else None


async def _change(table: OrdersTable, change: Json, numbers: range) -> list[Json | None]:
    """Return the responses: None for an item that does not meet the condition."""
    free = asyncio.Semaphore(AT_ONCE)

    async def change_post(number: int) -> Json | None:
        payload = {"TableName": table.name, "Key": _post(number), "ExpressionAttributeNames": _NAMES, **change}
        attempt = 0
        while True:
            await back_off(attempt, FIRST_PAUSE_SECONDS)
            attempt += 1
            try:
                async with free:
                    return await table.send("UpdateItem", payload)
            except DynamoError as error:  # a transaction that is running checks this item
                if error.code == "ConditionalCheckFailedException":
                    return None
                if error.code != "TransactionConflictException" or attempt == ATTEMPTS:
                    raise translated(error) from error

    return await asyncio.gather(*map(change_post, numbers))
