"""Projections: counters that follow the change feed. Each change is counted exactly once, by any number of processes,
because a page's counters and its position in the feed are written in one transaction.

The counters are stored in records of the kind `<name>:<generation>`. The record `<name>` of the kind `projection` has
the generation that is read and its position; the record `<name>:rebuild` has those of a generation that is being built
beside it, and replaces it once it is complete.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from uuid import uuid4

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import ChangeFeed, Clock, ignore_progress, utc_now
from orderkeep.application.ports import Progress as OnProgress
from orderkeep.application.records import MAX_RECORD_BYTES, MAX_RECORDS, MAX_WRITE_BYTES, Record, RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate, ServiceUnavailable, StoreUnusable

KIND = "projection"
"""The kind of the records with positions."""

PAGE = 200
"""Changes that are read at a time."""

MAX_TOUCHED = MAX_RECORDS - 1
"""Records that one change may touch: one more has the position."""

MAX_BYTES = MAX_WRITE_BYTES - MAX_RECORD_BYTES
"""Contents that one transaction writes, without the position."""

READ_ATTEMPTS = 20
"""How often a read starts again because the counters were replaced meanwhile."""

LEASE_SECONDS = 5
"""How long other relays leave the work to the one that wrote last."""

Counters = dict[str, int]
"""Numbers by name. A number that is 0 is absent."""

Additions = Mapping[str, Mapping[str, int]]
"""What a change adds to the counters of each record, by record ID."""


class Projection(ABC):
    """What is counted. `format` increases with each change of the counting: then a rebuild starts by itself."""

    name: str
    format: int

    @abstractmethod
    async def additions(self, changes: Sequence[ChangeDTO]) -> list[Additions]:
        """Return what each of the changes adds, to at most `MAX_TOUCHED` records. It depends on the change and earlier
        ones of its order alone.
        """

    def add(self, counters: Counters, added: Mapping[str, int]) -> None:
        """Add what one change adds to the counters of one record."""
        for name, number in added.items():
            total = counters.get(name, 0) + number
            if total:
                counters[name] = total
            else:
                counters.pop(name, None)


@dataclass(frozen=True, slots=True)
class Progress:
    """The content of a record with a position: all changes up to `position` are counted in `generation`.

    `touched`: the records of the last page. `stale`: generations whose records are to be deleted. `owner` is the relay
    that wrote last; the others leave the work to it `until` that time, in seconds since 1970.
    """

    format: int
    generation: int
    position: int = 0
    touched: tuple[str, ...] = ()
    stale: tuple[int, ...] = ()
    owner: str = ""
    until: float = 0.0
    record: Record = field(default=Record(KIND, "-", ""), compare=False)

    @classmethod
    def of(cls, record: Record) -> Progress:
        """Return the content of the record."""
        values = json.loads(record.content)
        return cls(**values | {name: tuple(values[name]) for name in ("touched", "stale")}, record=record)

    def written(self) -> Record:
        """Return the record with this content."""
        names = ("format", "generation", "position", "touched", "stale", "owner", "until")
        return replace(self.record, content=json.dumps({name: getattr(self, name) for name in names}))


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of the records that were asked for, by record ID: exact for the first `position` changes. `at_end`:
    a read that looks ahead found no further change.
    """

    position: int
    records: Mapping[str, Counters]
    at_end: bool = False


@dataclass(slots=True)
class _Counted:
    """Counters that contain all changes up to a position, as far as they touch this record."""

    position: int = 0
    counters: Counters = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record) -> _Counted:
        return cls(**json.loads(record.content))


class Projector:
    """Advances, rebuilds and reads one projection. Every method may raise `StoreUnavailable`."""

    def __init__(
        self, feed: ChangeFeed, records: RecordStore, projection: Projection, clock: Clock = utc_now, page: int = PAGE
    ) -> None:
        self.feed, self.records, self.projection, self.clock, self.page = feed, records, projection, clock, page
        self.owner = uuid4().hex
        self._name, self._rebuild = projection.name, f"{projection.name}:rebuild"

    async def start(self) -> Progress:
        """Return the progress. The first call creates the projection, which relays then keep up to date."""
        while True:
            current, _ = await self.progress()
            if current is not None:
                return current
            await self._write([self._first().written()])

    async def progress(self) -> tuple[Progress | None, Progress | None]:
        """Return the progress of what is read, and of a rebuild; None for one that does not exist."""
        found = await self.records.get_records(KIND, [self._name, self._rebuild])
        by_id = {record.id: Progress.of(record) for record in found}
        return by_id.get(self._name), by_id.get(self._rebuild)

    async def advance(self) -> bool:
        """Count a page of changes, and return whether more may follow. Nothing is counted if another process was
        faster. Raises `StoreUnusable` if a newer version has written the counters.
        """
        current, rebuild = await self.progress()
        if current is None:
            await self.start()
            return True
        self._check(current)
        if current.format == self.projection.format:
            return await self._count(current)
        if rebuild is None or rebuild.format < self.projection.format:
            await self._begin(current, rebuild)
            return True
        return await self._build(rebuild)

    async def follow(self) -> bool:
        """Do what a relay does in one round, and return whether more may follow. It is one small read if the projection
        was never started, or if another relay is at work.
        """
        (current, rebuild), ours = await self.progress(), self.projection.format
        if current is None or current.format > ours:
            return False
        if current.format < ours and (rebuild is None or rebuild.format < ours):
            await self._begin(current, rebuild)
            return True
        worked = False
        if current.format == ours and not self._is_leased(current):
            if current.stale and rebuild is None:
                await self._delete(current)
                return True
            worked = await self._count(current, self.owner)
        if rebuild is not None and rebuild.format == ours and not self._is_leased(rebuild):
            worked = await self._build(rebuild, self.owner)
        return worked

    async def rebuild(self, on_progress: OnProgress = ignore_progress) -> int:
        """Count everything again from the first change, beside what is read, which is then replaced. Returns the
        position. A second call starts from the first change; the first then waits for the same result.
        """
        begun = False
        while not begun:
            current, rebuild = await self.start(), (await self.progress())[1]
            self._check(current)
            begun = await self._begin(current, rebuild)
        while True:
            current, rebuild = await self.start(), (await self.progress())[1]
            if rebuild is not None:
                await self._build(rebuild, self.owner)
            elif current.stale:
                await self._delete(current)
            else:
                return current.position
            on_progress(0)
            await asyncio.sleep(0)  # requests come first

    async def read(self, spans: Sequence[tuple[str, str]], ahead: int = 0) -> Reading:
        """Return the counters of the records whose IDs are between the two texts of any of the spans, as they were at
        one position; nothing is written. Up to `ahead` changes that are not counted yet are added. Raises
        `ServiceUnavailable` during a rebuild because the counting changed.
        """
        for _ in range(READ_ATTEMPTS):
            current = (await self.progress())[0] or self._first()
            self._check(current)
            if current.format < self.projection.format:
                break
            counted = dict[str, _Counted]()
            for span in spans:
                await self._read_span(f"{self._name}:{current.generation}", span, counted)
            after = (await self.progress())[0] or self._first()
            if after.generation == current.generation and _is_complete(current, spans, counted):
                newest = max((each.position for each in counted.values()), default=0)
                end = max(current.position, newest) + ahead
                return await self._completed(current.position, end, spans, counted)
        raise ServiceUnavailable(f"the {self._name} are being rebuilt: try again in a minute")

    async def _read_span(self, kind: str, span: tuple[str, str], counted: dict[str, _Counted]) -> None:
        after, before = span
        while page := await self.records.list_records(kind, after, 1_000):
            within = [record for record in page if record.id < before]
            contents = json.loads(
                f"[{','.join([record.content for record in within])}]"
            )  # one by one takes twice as long
            for record, content in zip(within, contents, strict=True):
                counted[record.id] = _Counted(**content)
            if len(within) < len(page):
                return
            after = page[-1].id
            await asyncio.sleep(0)  # other requests come first

    async def _completed(
        self, start: int, end: int, spans: Sequence[tuple[str, str]], counted: dict[str, _Counted]
    ) -> Reading:
        """Add the changes up to `end`, or to the end of the feed: to the records that do not contain them."""
        position = start
        while position < end:
            page = await self.feed.read_changes(position, min(self.page, end - position))
            if not page.changes:
                break
            for additions in await self.projection.additions(page.changes):
                position += 1
                for record_id, added in additions.items():
                    found = counted.get(record_id) or _Counted()
                    if found.position < position and any(after < record_id < before for after, before in spans):
                        self.projection.add(found.counters, added)
                        counted[record_id] = found
        records = {record_id: each.counters for record_id, each in counted.items() if each.counters}
        return Reading(position, records, at_end=position < end)

    async def _count(self, progress: Progress, owner: str = "") -> bool:
        """Count the next page, or its beginning if the page touches too many records."""
        try:
            page = await self.feed.read_changes(progress.position, self.page)
        except InvalidCursor:
            message = f"the {self._name} contain more changes than the feed: rebuild them"
            raise StoreUnusable(message) from None
        if not page.changes:
            return False
        additions = await self.projection.additions(page.changes)
        while additions:  # of a page that touches too many records, in several transactions
            written = await self._count_some(progress, additions, owner)
            if written is None:  # another process was faster
                break
            additions = additions[written.position - progress.position :]
            progress = written
        return True

    async def _count_some(self, progress: Progress, additions: Sequence[Additions], owner: str) -> Progress | None:
        """Count as many of the changes as fit into one transaction; return the progress, or None if it was rejected."""
        count, touched = _fitting(additions)
        kind = f"{self._name}:{progress.generation}"
        stored = {each.id: each for each in await self.records.get_records(kind, touched)}
        while True:
            position = progress.position + count
            written = [
                replace(stored.get(record_id) or Record(kind, record_id, ""), content=_content(position, counters))
                for record_id, counters in self._added(stored, additions[:count]).items()
            ]
            if count == 1 or sum(len(each.content.encode()) for each in written) < MAX_BYTES:
                break
            count //= 2
        progress = replace(progress, position=position, touched=tuple(each.id for each in written))
        if owner:
            progress = replace(progress, owner=owner, until=self.clock().timestamp() + LEASE_SECONDS)
        saved = await self._write([*written, progress.written()])
        return replace(progress, record=saved[-1]) if saved else None

    def _added(self, stored: Mapping[str, Record], additions: Sequence[Additions]) -> dict[str, Counters]:
        """Return the new counters of the records that the changes touch."""
        counted: dict[str, Counters] = {}
        for each in additions:
            for record_id, added in each.items():
                if record_id not in counted:
                    counted[record_id] = _Counted.of(stored[record_id]).counters if record_id in stored else {}
                self.projection.add(counted[record_id], added)
        return counted

    async def _begin(self, current: Progress, rebuild: Progress | None) -> bool:
        """Start a rebuild, and return whether that was done; otherwise another process was faster."""
        latest = rebuild or current
        stale = (*current.stale, *([rebuild.generation] if rebuild else []))
        begun = Progress(
            self.projection.format,
            latest.generation + 1,
            until=self.clock().timestamp() + LEASE_SECONDS,
            record=rebuild.record if rebuild else Record(KIND, self._rebuild, ""),
        )
        return bool(await self._write([begun.written(), replace(current, stale=stale).written()]))

    async def _build(self, rebuild: Progress, owner: str = "") -> bool:
        """Count a page in the new generation. At the end of the feed, let it replace what is read."""
        if not await self._count(rebuild, owner):
            current, latest = await self.progress()
            if current and latest == rebuild and rebuild.position >= current.position:
                complete = replace(rebuild, stale=(*current.stale, current.generation), record=current.record)
                await self._write([complete.written()], [rebuild.record])
        return True

    async def _delete(self, current: Progress) -> None:
        """Delete records of a generation that is no longer read."""
        oldest, *others = current.stale
        found = await self.records.list_records(f"{self._name}:{oldest}", limit=MAX_TOUCHED)
        remaining = current.stale if found else tuple(others)
        await self._write([replace(current, stale=remaining).written()], found)

    async def _write(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        """Return the written records; none if another process has written one of them."""
        try:
            return await self.records.write_records(records, deleted)
        except ConcurrentUpdate:
            return []

    def _first(self) -> Progress:
        return Progress(self.projection.format, 1, record=Record(KIND, self._name, ""))

    def _check(self, current: Progress) -> None:
        if current.format > self.projection.format:
            raise StoreUnusable(f"the {self._name} were written by a newer version of orderkeep: upgrade this one")

    def _is_leased(self, progress: Progress) -> bool:
        return progress.owner not in ("", self.owner) and progress.until > self.clock().timestamp()


def _content(position: int, counters: Counters) -> str:
    return json.dumps({"position": position, "counters": counters}, ensure_ascii=False, separators=(",", ":"))


def _fitting(additions: Sequence[Additions]) -> tuple[int, list[str]]:
    """Return how many of the changes fit into one transaction, at least one, and the records that they touch."""
    touched = dict.fromkeys(additions[0])
    count = 1
    for each in islice(additions, 1, None):
        together = touched | dict.fromkeys(each)
        if len(together) > MAX_TOUCHED:
            break
        touched, count = together, count + 1
    return count, [*touched]


def _is_complete(current: Progress, spans: Sequence[tuple[str, str]], counted: Mapping[str, _Counted]) -> bool:
    """Return whether what was read contains the last transaction: a store may show its records one after another."""
    for record_id in current.touched:
        if any(after < record_id < before for after, before in spans):
            found = counted.get(record_id)
            if found is None or found.position < current.position:
                return False
    return True
