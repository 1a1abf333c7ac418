"""Stores of records of which each has one fault that the contract must find."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from orderkeep.application.records import Record
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords

Key = tuple[str, str]


class Sound(InMemoryRecords):
    """Has no fault, unless it is derived from."""

    def __init__(self) -> None:
        super().__init__(InMemoryOrderRepository())

    def check(self, records: Sequence[Record]) -> None:
        for record in records:
            stored = self._stored.get((record.kind, record.id))
            if (stored.version if stored else 0) != record.version:
                raise ConcurrentUpdate(record.id)

    def put(self, record: Record) -> Record:
        written = replace(record, version=record.version + 1)
        self._stored[record.kind, record.id] = written
        return written


class AltersRecords(Sound):
    def altered(self, record: Record) -> Record:
        raise NotImplementedError

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        return await super().write_records([self.altered(record) for record in records], deleted)


class NormalizesContents(AltersRecords):
    def altered(self, record: Record) -> Record:
        return replace(record, content=record.content.replace("  ", " "))


class CutsLongIds(AltersRecords):
    def altered(self, record: Record) -> Record:
        return replace(record, id=record.id[:128])


class WritesTheFirstFifty(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        return await super().write_records(records[:50], deleted)


class ReturnsRecordsInTheGivenOrder(Sound):
    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        found = {record.id: record for record in await super().get_records(kind, ids)}
        return [found[id] for id in dict.fromkeys(ids) if id in found]


class SortsAsUtf16(Sound):
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        found = [record for record in self._stored.values() if record.kind == kind]
        in_order = sorted(found, key=lambda record: record.id.encode("utf-16-be"))
        return [record for record in in_order if record.id.encode("utf-16-be") > after.encode("utf-16-be")][:limit]


class ListsKindsByTheirBeginning(Sound):
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        found = [record for record in self._stored.values() if record.kind.startswith(kind) and record.id > after]
        return sorted(found, key=lambda record: record.id)[:limit]


class ListsFromTheGivenId(Sound):
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        found = [record for record in self._stored.values() if record.kind == kind and record.id >= after]
        return sorted(found, key=lambda record: record.id)[:limit]


class ReturnsPagesOfAnySize(Sound):
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        found = [record for record in self._stored.values() if record.kind == kind and record.id > after]
        return sorted(found, key=lambda record: record.id)[:limit]


class WritesOverAnything(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return [self.put(record) for record in records]


class WritesOverExistingRecords(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.check([*(record for record in records if record.version), *deleted])
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return [self.put(record) for record in records]


class WritesOneByOne(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        written = list[Record]()
        for record in records:
            written += await super().write_records([record])
        for record in deleted:
            await super().write_records([], [record])
        return written


class ChecksNoVersionsOfDeletedRecords(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        written = await super().write_records(records)
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return written


class ContinuesVersionsOfDeletedRecords(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.check([record for record in records if record.version])
        await super().write_records([], deleted)
        last = {(record.kind, record.id): record.version for record in deleted}
        self.last = getattr(self, "last", dict[Key, int]()) | last
        written = [
            replace(record, version=max(record.version, self.last.get((record.kind, record.id), 0)))
            for record in records
        ]
        return [self.put(record) for record in written]


class ChecksNoLimits(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.check([*records, *deleted])
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return [self.put(record) for record in records]


class ChecksThenWrites(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.check([*records, *deleted])
        await asyncio.sleep(0)
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return [self.put(record) for record in records]


class ShowsHalfATransaction(Sound):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.check([*records, *deleted])
        written = []
        for record in records:
            written.append(self.put(record))
            await asyncio.sleep(0)
        for record in deleted:
            self._stored.pop((record.kind, record.id), None)
        return written
