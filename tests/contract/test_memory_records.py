"""The in-memory store of records implements the contract, also if every call lets the others go first."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from orderkeep.application.records import Record, RecordStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords
from orderkeep.testing import RecordStoreContract


class PoliteRecords(InMemoryRecords):
    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        await asyncio.sleep(0)
        return await super().get_records(kind, ids)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        await asyncio.sleep(0)
        return await super().write_records(records, deleted)


class TestMemoryRecords(RecordStoreContract):
    @pytest.fixture(params=[InMemoryRecords, PoliteRecords])
    async def records(self, request: pytest.FixtureRequest) -> AsyncIterator[RecordStore]:
        store = InMemoryOrderRepository()
        records: RecordStore = request.param(store)
        yield records
        await store.close()
