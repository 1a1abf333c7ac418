"""A save: one `TransactWriteItems`, refused by its conditions, and recognised where its answer was lost."""

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence

from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.infrastructure.dynamo_repo.client import Json
from orderkeep.infrastructure.dynamo_repo.errors import CANCELED, CONDITION_FAILED, CONFLICT, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import (
    change_item,
    change_key,
    head_item,
    head_key,
    number,
    state_attributes,
    tag_item,
)
from orderkeep.infrastructure.dynamo_repo.table import LARGEST_TRANSACTION, OrdersTable
from orderkeep.infrastructure.serialization import Commit

Action = tuple[str, Json]

CONFLICTS = 4
"""How often a save is tried that DynamoDB cancels because another transaction has the same items in hand."""

FIRST_PAUSE_SECONDS = 0.01
_NEW = "attribute_not_exists(pk)"


async def save(table: OrdersTable, commits: Sequence[Commit]) -> None:
    """Write all of the commits or none. Raises `ConcurrentUpdate`, `StoreUnavailable`, and `ValueError` where
    DynamoDB takes no transaction of that size.
    """
    _refuse_twice(commits)
    shards = (await table.settings()).shards
    token = uuid.uuid4().hex
    moments = _ticks(len(commits))
    actions: list[Action] = []
    orders: list[str] = []  # whose each action is
    for commit, committed in zip(commits, moments, strict=True):
        of_order = list(_actions(commit, token, committed, shards))
        actions += of_order
        orders += [commit.order.id] * len(of_order)
    if len(actions) > LARGEST_TRANSACTION:
        raise ValueError(
            f"a save on DynamoDB takes {LARGEST_TRANSACTION} items, these {len(commits)} orders are {len(actions)}: "
            "two for each order, and one for each tag of a new one; save fewer orders at once"
        )
    await _transact(table, actions, orders, commits, token)


async def _transact(
    table: OrdersTable, actions: list[Action], orders: list[str], commits: Sequence[Commit], token: str
) -> None:
    for attempt in range(1, CONFLICTS + 1):
        try:
            return await table.transact(actions)
        except DynamoError as error:
            if error.unclear and (writer := await _writer_of(table, commits[0])):
                if writer == token:
                    return None
                raise ConcurrentUpdate(commits[0].order.id) from error
            refused = _refused_order(error, orders)
            if refused is None:
                raise translated(error) from error
            if CONDITION_FAILED in error.reasons or attempt == CONFLICTS:
                raise ConcurrentUpdate(refused) from error
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
    raise AssertionError("unreachable")


async def _writer_of(table: OrdersTable, commit: Commit) -> str | None:
    """Return the token of the save that made this version, which tells what no answer told; None where none did."""
    kept = await table.get(change_key(commit.order.id, commit.order.version))
    token: str | None = kept["token"]["S"] if kept else None
    return token


def _refused_order(error: DynamoError, orders: Sequence[str]) -> str | None:
    if error.code == CANCELED:
        for wanted in (CONDITION_FAILED, CONFLICT):
            if wanted in error.reasons:
                return orders[error.reasons.index(wanted)]
    return None


def _actions(commit: Commit, token: str, committed: str, shards: int) -> Iterator[Action]:
    order = commit.order
    if commit.expected_version:
        # Updated, not replaced: so that attributes which a newer version of the software wrote are kept.
        state = state_attributes(order, shards)
        yield (
            "Update",
            {
                "Key": head_key(order.id),
                "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in state),
                "ConditionExpression": "#version = :expected",
                "ExpressionAttributeNames": {f"#{name}": name for name in state},
                "ExpressionAttributeValues": {
                    **{f":{name}": value for name, value in state.items()},
                    ":expected": number(commit.expected_version),
                },
            },
        )
    else:
        yield "Put", {"Item": head_item(order, shards), "ConditionExpression": _NEW}
        for tag in order.tags:
            yield "Put", {"Item": tag_item(order, tag, shards)}
    yield "Put", {"Item": change_item(commit, token, committed, shards), "ConditionExpression": _NEW}


def _refuse_twice(commits: Sequence[Commit]) -> None:
    seen: set[str] = set()
    for commit in commits:
        if commit.order.id in seen:
            raise ConcurrentUpdate(commit.order.id)
        seen.add(commit.order.id)


_lock = threading.Lock()
_last_tick = 0


def _ticks(count: int) -> list[str]:
    """Return moments for that many changes: the clock's, and never one of this process twice or going back."""
    global _last_tick
    with _lock:
        first = max(time.time_ns() // 1_000, _last_tick + 1)
        _last_tick = first + count - 1
    return [f"{tick:018}" for tick in range(first, first + count)]
