"""Copy everything in a store to another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.documents import document_key
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.records import MAX_RECORD_BYTES, MAX_RECORDS, MAX_WRITE_BYTES, Record
from orderkeep.application.store_copy import CopiedChange, NotACopy, WholeStore, all_keys, all_records
from orderkeep.domain.exceptions import ConcurrentUpdate

PAGE = 200
"""Changes that are read and written at a time."""

COMPARED = 200
"""How many of the last changes of an earlier copy are compared with the source before the copy continues."""

RECORDS_AT_ONCE = min(MAX_RECORDS, MAX_WRITE_BYTES // MAX_RECORD_BYTES)


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied by this run. The target has all changes up to `position`, of which `changes` are new, and all API
    keys and records.
    """

    position: int
    changes: int
    api_keys: int
    records: int
    documents: int = 0
    """Files of documents that were copied."""


class CopyStoreUseCase:
    """Copy the changes of the source in the order of its feed, unaltered, then its API keys, webhooks and sessions.

    A copy that was interrupted is continued; one that is complete gets what is new. Positions in the feed stay the
    same, so readers of the feed and webhooks continue with the target where they were.
    """

    def __init__(self, source: WholeStore, target: WholeStore) -> None:
        self.source, self.target = source, target

    async def count_changes(self) -> int:
        """Return the number of changes that are to be copied. Raises like `execute`."""
        return await end_of_feed(self.source.orders) - await end_of_feed(self.target.orders)

    async def execute(self, on_progress: Progress = ignore_progress, *, actor: Actor = SYSTEM) -> CopyReport:
        """Copy what the target does not have yet, and return the report; `on_progress` counts changes. No other process
        may write to the target. Raises `NotAllowed`, `CannotCopy`, `StoreUnavailable`, and `NotACopy` if the target is
        not empty and not a copy of the beginning of the source.
        """
        actor.require(Scope.ADMIN)
        start = await self.check_target()
        position, documents = await self.copy_changes(start, on_progress)
        return CopyReport(position, position - start, *await self.copy_rest(), documents)

    async def copy_changes(self, position: int, on_progress: Progress = ignore_progress) -> tuple[int, int]:
        """Copy the changes after the position of the last one in the target, and the files of their documents. Return
        the new position and the number of files. Raises like `execute`.
        """
        read, write, documents = self.source.changes.read_copies, self.target.changes.write_copies, 0
        while changes := await read(position, PAGE):
            documents += await self._copy_files(changes)  # first, so that no order lists a document without its file
            try:
                await write(position, changes)
            except ConcurrentUpdate as error:
                raise NotACopy(f"another process wrote to the target: order {error.order_id} differs") from None
            position += len(changes)
            last = changes[-1]
            found = await self.target.orders.position_of_change(last.order_id, last.version)
            if found not in (None, position):  # None: PostgreSQL assigns it after an older transaction
                raise NotACopy(f"another process wrote to the target: position {position:,} is another change")
            on_progress(len(changes))
        return position, documents

    async def copy_rest(self, check: Callable[[], Awaitable[None]] | None = None) -> tuple[int, int]:
        """Make the API keys and the records those of the source, and return their numbers. `check` is called before
        records are overwritten.
        """
        return await self._copy_keys(), await self._copy_records(check)

    async def _copy_files(self, changes: Sequence[CopiedChange]) -> int:
        """Copy the files of the documents that the changes added. A file that was erased is missing in the source."""
        source, target, copied = self.source.files, self.target.files, 0
        if source is None or target is None:
            return 0
        for change in changes:
            for document in change.documents:
                key = document_key(change.order_id, document)
                content = await source.get(key)
                if content is not None:
                    await target.put(key, content, document.media_type)
                    copied += 1
        return copied

    async def check_target(self) -> int:
        """Return the position of the last change of the target. Raises `NotACopy` unless it has only changes of the
        source.
        """
        position = await end_of_feed(self.target.orders)
        if position > await end_of_feed(self.source.orders):
            raise NotACopy("the target has more changes than the source")
        after = max(position - COMPARED, 0)
        while after < position:
            ours, theirs = [
                {(each.order_id, each.version, each.hash) for each in await side.changes.read_copies(after, COMPARED)}
                for side in (self.target, self.source)
            ]
            if not ours <= theirs:
                raise NotACopy("the target has changes that are not of the source")
            after += len(ours)
        unknown = (await all_keys(self.target)).keys() - (await all_keys(self.source)).keys()
        if unknown:
            raise NotACopy(f"the target has the API key {min(unknown)}, which the source does not have")
        return position

    async def _copy_keys(self) -> int:
        """Add the keys, and revoke those that were revoked since an earlier copy. Returns their number."""
        keys, copied = await all_keys(self.source), await all_keys(self.target)
        if self.target.keys is None:
            return 0
        for key in keys.values():
            if key.id not in copied:
                await self.target.keys.add(key)
                continue
            if key.revoked_at is not None:
                await self.target.keys.revoke(key.id, key.revoked_at)
            if key.last_used_at is not None:
                await self.target.keys.note_use(key.id, key.last_used_at)
        return len(keys)

    async def _copy_records(self, check: Callable[[], Awaitable[None]] | None) -> int:
        """Make the records those of the source. Returns their number."""
        if self.target.records is None:
            return 0
        stored = {(each.kind, each.id): each async for each in all_records(self.target)}
        wanted = {(each.kind, each.id): each async for each in all_records(self.source)}
        changed, removed = list[Record](), [each for name, each in stored.items() if name not in wanted]
        for name, record in wanted.items():
            before = stored.get(name)
            if before is None or before.content != record.content:
                changed.append(replace(record, version=before.version if before else 0))
        if check is not None:
            await check()
        for first in range(0, len(removed), MAX_RECORDS):
            await self.target.records.write_records([], removed[first : first + MAX_RECORDS])
        for first in range(0, len(changed), RECORDS_AT_ONCE):
            await self.target.records.write_records(changed[first : first + RECORDS_AT_ONCE])
        return len(wanted)
