"""A save: one `TransactWriteItems`, rejected by its conditions, and recognized if its response was lost."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence

from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnusable
from orderkeep.infrastructure.aws import back_off
from orderkeep.infrastructure.dynamo_repo import fence
from orderkeep.infrastructure.dynamo_repo.client import LARGEST_WRITE, Action, OrdersTable
from orderkeep.infrastructure.dynamo_repo.errors import CONDITION_FAILED, CONFLICT, DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import (
    PERSONAL_ATTRIBUTES,
    TAG_ATTRIBUTES,
    Item,
    change_item,
    change_key,
    head_item,
    head_key,
    head_state,
    number,
    packed,
    personal_item,
    personal_key,
    ref_state,
    tag_item,
    tag_key,
)
from orderkeep.infrastructure.serialization import Commit

ATTEMPTS = 4
"""How often a save is tried while DynamoDB cancels it because another transaction is writing the same items."""

FIRST_PAUSE_SECONDS = 0.01
_NEW = "attribute_not_exists(pk)"


async def save(table: OrdersTable, commits: Sequence[Commit]) -> None:
    """Write all commits or none. Raises `ConcurrentUpdate`, `StoreUnavailable`, and its `StoreUnusable` for more items
    than a transaction takes: splitting it would no longer be one commit.
    """
    order_ids = [commit.order.id for commit in commits]
    if repeated := next((id for index, id in enumerate(order_ids) if id in order_ids[:index]), None):
        raise ConcurrentUpdate(repeated)
    shards, token = await table.shards(), uuid.uuid4().hex
    actions: list[Action] = []
    owners: list[str] = []  # the order of each action
    for commit, committed in zip(commits, timestamps(len(commits)), strict=True):
        actions += actions_of(commit, token, committed, shards)
        owners += [commit.order.id] * (len(actions) - len(owners))
    if len(actions) > LARGEST_WRITE:
        raise StoreUnusable(
            f"DynamoDB commits at most {LARGEST_WRITE} items at once, and these {len(commits)} orders are "
            f"{len(actions)}: two for each order, one for its personal data, and one for each tag or label that "
            "changes; save fewer orders at once"
        )
    await transact(table, actions, owners, commits[0], token)


def actions_of(commit: Commit, token: str, committed: str, shards: int) -> Iterator[Action]:
    """Yield the items of a transaction that write one commit. `token` identifies the save, `committed` its time."""
    order = commit.order
    document = packed(order.document)
    if commit.expected_version:
        # Updated, not replaced: this keeps attributes that a newer version of the software wrote.
        state = head_state(order, document, shards) | (ref_state(order) if commit.sets_ref else {})
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
        yield "Put", {"Item": head_item(order, document, shards), "ConditionExpression": _NEW}
    for tag in commit.added:
        yield "Put", {"Item": tag_item(order, tag, shards)}
    for tag in commit.removed:
        yield _remove(tag_key(order.id, tag), TAG_ATTRIBUTES)
    if commit.personal is not None:
        yield "Put", {"Item": personal_item(order, commit.personal, shards)}
    elif commit.sets_personal:
        yield _remove(personal_key(order.id), PERSONAL_ATTRIBUTES)
    change = change_item(commit.change, document, token, committed, shards)
    yield "Put", {"Item": change, "ConditionExpression": _NEW}


def _remove(item_key: Item, attributes: Sequence[str]) -> Action:
    """Return what removes all of an item but its key, also from the indexes: the service has no permission to delete
    anything.
    """
    names = {f"#{name}": name for name in attributes}
    remove = f"REMOVE {', '.join(names)}"
    return "Update", {"Key": item_key, "UpdateExpression": remove, "ExpressionAttributeNames": names}


async def transact(
    table: OrdersTable, actions: Sequence[Action], owners: Sequence[str], first: Commit, token: str
) -> None:
    """Run a transaction. `owners` are the orders of the actions, `first` is one of the commits that they write. Raises
    like `save`.
    """
    attempt = 0
    while True:
        await back_off(attempt, FIRST_PAUSE_SECONDS)
        attempt += 1
        try:
            return await fence.write(table, actions)
        except DynamoError as error:
            if error.outcome_unknown and (writer := await _writer_of(table, first)):
                if writer == token:
                    return None
                raise ConcurrentUpdate(first.order.id) from error
            rejection = next((reason for reason in (CONDITION_FAILED, CONFLICT) if reason in error.reasons), None)
            if rejection is None:
                raise translated(error) from error
            if rejection == CONDITION_FAILED or attempt == ATTEMPTS:
                raise ConcurrentUpdate(owners[error.reasons.index(rejection)]) from error


async def _writer_of(table: OrdersTable, commit: Commit) -> str | None:
    """Return the token of the save that wrote this version, or None if no save did."""
    item = await table.get(change_key(commit.order.id, commit.order.version))
    token: str | None = item["token"]["S"] if item else None
    return token


_lock = threading.Lock()
_last_timestamp = 0


def timestamps(count: int) -> list[str]:
    """Return commit times in microseconds, strictly increasing within this process even if the clock goes back."""
    global _last_timestamp
    with _lock:
        first = max(time.time_ns() // 1_000, _last_timestamp + 1)
        _last_timestamp = first + count - 1
    return [f"{timestamp:018}" for timestamp in range(first, first + count)]
