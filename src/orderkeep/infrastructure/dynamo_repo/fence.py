"""The fence of a table: each transaction that writes checks one of many items, which reject it once they are marked.

There are many, so that transactions that run at the same time rarely check the same one: DynamoDB cancels one of two
that do. A process checks them in turn.
"""

import asyncio
import uuid
from collections.abc import Sequence
from functools import cache
from itertools import count

from orderkeep.application.store_copy import Fence
from orderkeep.domain.exceptions import StoreMoved
from orderkeep.infrastructure.aws import Json, back_off
from orderkeep.infrastructure.dynamo_repo.client import Action, OrdersTable
from orderkeep.infrastructure.dynamo_repo.errors import (
    CONDITION_FAILED,
    CONFLICT,
    CONFLICT_OF_ONE,
    DynamoError,
    translated,
)
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


@cache
def _turns() -> "count[int]":
    """Return the numbers of the items to check. Each process begins at another one and takes other steps, so that two
    are never in step. They are drawn on first use: what is imported may be shared, by a fork or a snapshot.
    """
    drawn = uuid.uuid4().int  # its first 32 and last 62 bits are random
    return count(drawn % POSTS, (drawn >> 96) % POSTS | 1)  # odd steps reach all


def _post(number: int) -> Item:
    return key(f"{PREFIX}{number:04}", "X")


async def write(table: OrdersTable, actions: Sequence[Action]) -> None:
    """Carry out all actions or none. Raises `StoreMoved` if the table is fenced, and `DynamoError`, whose reasons are
    those of the actions. If they have none, its code is the reason of the fence.
    """
    if table.passes_fence:
        return await table.transact(actions)
    attempt, outcome_unknown = 0, False
    while True:
        await back_off(attempt, FIRST_PAUSE_SECONDS)
        attempt += 1
        try:
            return await table.transact([*actions, check()])
        except DynamoError as error:
            outcome_unknown = error.outcome_unknown = error.outcome_unknown or outcome_unknown
            *reasons, of_fence = error.reasons or ("None",)
            if of_fence == CONDITION_FAILED and not outcome_unknown:
                raise StoreMoved from error
            is_of_fence_alone = of_fence != "None" and set(reasons) == {"None"}
            error.code, error.reasons = (of_fence, ()) if is_of_fence_alone else (error.code, tuple(reasons))
            if error.code != CONFLICT or attempt == ATTEMPTS:
                raise


def check() -> Action:
    """Return what rejects a transaction while the next item is marked."""
    is_down = {"ConditionExpression": "attribute_not_exists(#state)", "ExpressionAttributeNames": _STATE}
    return "ConditionCheck", {"Key": _post(next(_turns()) % POSTS), **is_down}


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
                if error.code != CONFLICT_OF_ONE or attempt == ATTEMPTS:
                    raise translated(error) from error

    ended = await asyncio.gather(*map(change_post, numbers), return_exceptions=True)  # none goes on after an error
    if failure := next((found for found in ended if isinstance(found, BaseException)), None):
        raise failure
    return [found for found in ended if not isinstance(found, BaseException)]
