"""Stores of records that break projections: each has one fault that the contract must find."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from orderkeep.application.records import Record
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords


class PoliteRecords(InMemoryRecords):
    """Lets the others go first: without it nothing in memory ever happens at once."""

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        await asyncio.sleep(0)
        return await super().get_records(kind, ids)

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        await asyncio.sleep(0)
        return await super().list_records(kind, after, limit)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        await asyncio.sleep(0)
        return await super().write_records(records, deleted)


class Sound(InMemoryOrderRepository):
    """Has no fault."""

    kind: type[InMemoryRecords] = PoliteRecords

    def __init__(self) -> None:
        super().__init__()
        self._records = self.kind(self)


class _OneByOne(PoliteRecords):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        written = list[Record]()
        for each in records:
            written += await super().write_records([each])
        for each in deleted:
            await super().write_records([], [each])
        return written


class WritesThePositionInASecondTransaction(Sound):
    kind = _OneByOne


class _Blind(PoliteRecords):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        await asyncio.sleep(0)
        stored = {key: record.version for key, record in self._stored.items()}
        return await InMemoryRecords.write_records(
            self,
            *(
                [replace(each, version=stored.get((each.kind, each.id), 0)) for each in part]
                for part in (records, deleted)
            ),
        )


class OverwritesNewerRecords(Sound):
    kind = _Blind


class _Replica(PoliteRecords):
    """Lists what was stored some calls ago."""

    def __init__(self, store: InMemoryOrderRepository) -> None:
        super().__init__(store)
        self._past = [dict(self._stored)] * 20

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        self._past = [*self._past[1:], dict(self._stored)]
        current, self._stored = self._stored, self._past[0]
        try:
            return await InMemoryRecords.list_records(self, kind, after, limit)
        finally:
            self._stored = current


class ListsRecordsOfAReplica(Sound):
    kind = _Replica


class _Deletes(PoliteRecords):
    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        written = await super().write_records(records, deleted)
        ids = {each.id for each in deleted}
        self._stored = {key: record for key, record in self._stored.items() if record.id not in ids}
        return written


class DeletesWhateverHasTheSameId(Sound):
    kind = _Deletes


class _First(PoliteRecords):
    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        return await super().list_records(kind, after, min(limit, 100)) if after < "order-099" else []


class ListsAHundredRecords(Sound):
    kind = _First


class _Some(PoliteRecords):
    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        return [each for each in await super().get_records(kind, ids) if each.id != "total"]

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        known = {key: record.version for key, record in self._stored.items()}
        fixed = [
            replace(each, version=known.get((each.kind, each.id), 0)) if each.id == "total" else each
            for each in records
        ]
        return await super().write_records(fixed, deleted)


class ForgetsRecordsInBatches(Sound):
    kind = _Some
