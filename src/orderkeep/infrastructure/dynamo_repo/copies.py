"""Writing copied changes: each transaction appends its changes to the log, so that their positions are those of the
source. The inbox is not used: its index lags, and could change their order.
"""

import uuid
from collections.abc import Sequence

from orderkeep.infrastructure.dynamo_repo.client import LARGEST_WRITE, Action, OrdersTable
from orderkeep.infrastructure.dynamo_repo.feed import append_to_log
from orderkeep.infrastructure.dynamo_repo.items import number
from orderkeep.infrastructure.dynamo_repo.saves import actions_of, timestamps, transact
from orderkeep.infrastructure.serialization import Commit

LARGEST_BYTES = 2_000_000
"""Size of the documents in one transaction, of which DynamoDB accepts 4 MB: each is written twice."""


async def write(table: OrdersTable, after: int, commits: Sequence[Commit]) -> None:
    """Append the commits to a log that ends at the position `after`. Raises like `saves.save`."""
    shards = await table.shards()
    while commits:
        token, actions, owners, written, size = uuid.uuid4().hex, list[Action](), list[str](), list[Commit](), 0
        for commit in commits:
            wanted = [*actions_of(commit, token, timestamps(1)[0], shards)]
            size += len(commit.order.document)
            is_full = len(actions) + len(wanted) > LARGEST_WRITE - 2 or size > LARGEST_BYTES
            if written and (is_full or any(commit.order.id == other.order.id for other in written)):
                break
            _, change = wanted[-1]
            del change["Item"]["inbox"]
            change["Item"]["position"] = number(after + len(written) + 1)
            actions += wanted
            owners += [commit.order.id] * len(wanted)
            written.append(commit)
        refs = [(commit.order.id, commit.order.version) for commit in written]
        log = append_to_log(after, refs)
        await transact(table, [*actions, *log], [*owners, *[written[0].order.id] * len(log)], written[0], token)
        commits, after = commits[len(written) :], after + len(written)
