"""Verify the integrity of all orders: everything that is stored beside the changes is recomputed from the changes, and
compared in both directions.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.documents import digest_of, document_key
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import (
    DocumentStore,
    FeedEntry,
    Progress,
    StoreContents,
    StoredOrder,
    ignore_progress,
)
from orderkeep.application.use_cases.create_checkpoint import (
    Checkpoint,
    CheckpointFiles,
    FeedDigest,
    InvalidCheckpoint,
    read_checkpoint,
)
from orderkeep.domain.exceptions import StoreUnusable

_BEGINNING: tuple[int, ...] = (0,)
"""The position before the first."""


@dataclass(frozen=True, slots=True)
class VerifyProblem:
    """A problem at one version of one order ("" and 0: of the store as a whole)."""

    order_id: str
    version: int
    message: str


@dataclass(slots=True)
class VerifyReport:
    """The numbers of what was checked, and the problems. `documents_read` of the `documents` were read."""

    orders: int = 0
    changes: int = 0
    documents: int = 0
    documents_read: int = 0
    checkpoints: int = 0
    problems: list[VerifyProblem] = field(default_factory=list)

    def add(self, order_id: str, version: int, message: str) -> None:
        """Add a problem."""
        self.problems.append(VerifyProblem(order_id, version, message))


class VerifyOrdersUseCase:
    """Find what was altered, lost or added in the store: in the changes by their hash chains, in everything else by
    comparison with the changes, and in the feed by checkpoints.
    """

    def __init__(
        self, contents: StoreContents, documents: DocumentStore | None = None, files: CheckpointFiles | None = None
    ) -> None:
        self.contents, self.documents, self.files = contents, documents, files

    async def execute(
        self,
        on_progress: Progress = ignore_progress,
        *,
        read_documents: bool = False,
        checkpoint_file: bytes | None = None,
        checkpoint_key: str | None = None,
        public_key: bytes | None = None,
        actor: Actor = SYSTEM,
    ) -> VerifyReport:
        """Return the report; no other writer may change the store meanwhile. `read_documents` checks the content of
        every document as well. The feed is compared with the last checkpoint in the store and those of the file and of
        the key in the document store, whose signatures are checked if there is a public key. Raises `NotAllowed`,
        `InvalidCheckpoint`, `StoreUnavailable`.

        A hash chain reveals an alteration of any change in it. A rewrite of a whole chain, or the loss of its end, is
        revealed only by a checkpoint that was stored elsewhere.
        """
        actor.require(Scope.ADMIN)
        report, changes, rows = VerifyReport(), _Tally(secrets.token_bytes(32)), Counter[str]()
        checkpoints = self._of_file(checkpoint_file, public_key)
        if checkpoint_key is not None and self.documents is not None:
            checkpoints += self._of_file(await read_checkpoint(self.documents, checkpoint_key), public_key)
        try:
            checkpoints += await self._in_store(report)
            for damage in await self.contents.find_damage():
                report.add("", 0, damage)
            async for key in self.contents.stored_keys():
                await self._verify_stored(key, report, changes, rows, read=read_documents)
                on_progress(1)
            for kind, count in (await self.contents.count_rows()).items():
                if count != rows[kind]:
                    report.add("", 0, f"the store contains {count} rows of the kind {kind}, the orders {rows[kind]}")
        except StoreUnusable as error:
            report.add("", 0, str(error))
        await self._verify_feed(report, changes, checkpoints, on_progress)
        return report

    def _of_file(self, content: bytes | None, public_key: bytes | None) -> list[Checkpoint]:
        return [] if content is None or self.files is None else [self.files.read(content, public_key)]

    async def _in_store(self, report: VerifyReport) -> list[Checkpoint]:
        try:
            stored = await self.contents.last_checkpoint()
            return [] if stored is None else [Checkpoint.of_json(stored)]
        except InvalidCheckpoint as error:
            report.add("", 0, f"the last checkpoint in the store was altered: {error}")
            return []

    async def _verify_stored(
        self, key: str, report: VerifyReport, changes: _Tally, rows: Counter[str], *, read: bool
    ) -> None:
        try:
            stored = await self.contents.stored_order(key)
            rows.update(name.partition(" ")[0] for name in stored.found)
            rows["change"] += len(stored.changes)
            report.orders += bool(stored.order_id)
            report.changes += len(stored.changes)
            version = _verify_chain(stored, report, changes)
            for message in _differences(stored):
                report.add(stored.order_id, version, message)
            if stored.order is not None:
                await self._verify_documents(stored.order, report, read=read)
        except StoreUnusable as error:
            report.add(key, 0, str(error))

    async def _verify_documents(self, order: OrderDTO, report: VerifyReport, *, read: bool) -> None:
        report.documents += len(order.documents)
        if not read or self.documents is None:
            return
        for document in order.documents:
            content = await self.documents.get(document_key(order.id, document))
            report.documents_read += 1
            if content is None:
                report.add(order.id, document.since_version, f"the {document.kind} {document.id} is missing")
            elif digest_of(content) != document.id:
                report.add(order.id, document.since_version, f"the {document.kind} {document.id} was altered")

    async def _verify_feed(
        self, report: VerifyReport, changes: _Tally, checkpoints: Sequence[Checkpoint], on_progress: Progress
    ) -> None:
        feed, found, previous = FeedDigest(), _Tally(changes.key), _BEGINNING
        report.checkpoints = len(checkpoints)
        _compare(feed, checkpoints, report)
        try:
            async for entry in self.contents.feed_entries():
                if not _follows(entry.position, previous):
                    report.add(entry.order_id, entry.version, "the feed has a gap before this change")
                previous = entry.position
                found.add(entry)
                feed.add(entry)
                _compare(feed, checkpoints, report)
                on_progress(0)
        except StoreUnusable as error:
            report.add("", 0, f"the feed cannot be read after {feed.changes} changes: {error}")
            return
        if found.count != changes.count:
            report.add("", 0, f"the feed contains {found.count} changes, the orders {changes.count}")
        elif found.sum != changes.sum:
            report.add("", 0, "the feed contains other changes than the orders")
        for checkpoint in checkpoints:
            if checkpoint.changes > feed.changes:
                lost = f"the feed contains {feed.changes} changes, and contained {checkpoint.changes}"
                report.add("", 0, f"{lost} at the checkpoint of {checkpoint.recorded_at}")


class _Tally:
    """The number of entries and the sum of their hashes: equal for the same entries in any order, each the same number
    of times. The hashes have a random key, so that no entries with an equal sum can be prepared.
    """

    def __init__(self, key: bytes) -> None:
        self.key, self.count, self.sum = key, 0, 0

    def add(self, entry: FeedEntry) -> None:
        self.count += 1
        text = repr((entry.order_id, entry.version, entry.hash, entry.commit))
        self.sum += int.from_bytes(hashlib.sha256(self.key + text.encode("utf-8", "replace")).digest(), "big")


def _verify_chain(stored: StoredOrder, report: VerifyReport, changes: _Tally) -> int:
    """Check the hash chain and the order of the changes in the feed; return the last version."""
    order_id, version, previous_hash, position = stored.order_id, 0, "", _BEGINNING
    for change in stored.changes:
        entry = change.entry
        if entry.version != version + 1:
            report.add(order_id, version + 1, "the change is missing")
        if not change.intact:
            report.add(order_id, entry.version, "the change does not match its hash")
        if change.previous_hash != previous_hash:
            report.add(order_id, entry.version, "the change does not follow the previous one")
        if entry.position and entry.position <= position:
            report.add(order_id, entry.version, "the change is before its predecessor in the feed")
        if change.in_feed:
            changes.add(entry)
        version, previous_hash, position = entry.version, entry.hash, entry.position or position
    return version


def _differences(stored: StoredOrder) -> Iterator[str]:
    """Yield how the stored rows differ from those that the changes require."""
    for name in sorted(stored.found.keys() | stored.expected.keys()):
        found, expected = stored.found.get(name), stored.expected.get(name)
        if found is None:
            yield f"the {name} is missing"
        elif expected is None:
            yield f"the {name} was added: no change of the order made it"
        else:
            for column in sorted(found.keys() | expected.keys()):
                if column not in found or column not in expected or found[column] != expected[column]:
                    yield f"the value of {column} in the {name} differs from the changes"


def _follows(position: tuple[int, ...], previous: tuple[int, ...]) -> bool:
    """Return whether no position is between the two: the last numbers count from 1, or within a group from 0."""
    *group, number = position
    return number == (previous[-1] + 1 if list(previous[:-1]) == group else 0)


def _compare(feed: FeedDigest, checkpoints: Sequence[Checkpoint], report: VerifyReport) -> None:
    for checkpoint in checkpoints:
        if checkpoint.changes == feed.changes and checkpoint != feed.checkpoint(checkpoint.recorded_at):
            first = f"the first {feed.changes} changes of the feed are not those"
            report.add("", 0, f"{first} of the checkpoint of {checkpoint.recorded_at}")
