"""Projections in rare situations; what every store must do for them is in the contract of `orderkeep.testing`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application import projections
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.projections import KIND, LEASE_SECONDS, Additions, Projector
from orderkeep.application.records import Record
from orderkeep.domain.exceptions import ServiceUnavailable, StoreUnusable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords
from orderkeep.testing.orders import small_order
from orderkeep.testing.projections import CountsChanges, counted, expected, finish
from orderkeep.testing.stores import save_all

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ALL = [("", "~")]


class CountsTwice(CountsChanges):
    """The counting of a later version."""

    format = 2

    async def additions(self, changes: Sequence[ChangeDTO]) -> list[Additions]:
        found = await super().additions(changes)
        return [{key: {name: 2 * n for name, n in names.items()} for key, names in each.items()} for each in found]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def store() -> InMemoryOrderRepository:
    store = InMemoryOrderRepository()
    await save_all(store, [small_order(f"order-{number}") for number in range(10)])
    return store


def projector(store: InMemoryOrderRepository, clock: Clock | None = None, page: int = 3) -> Projector:
    return Projector(store, store.records(), CountsChanges(), clock or Clock(), page)


async def test_relay_leaves_a_projection_alone_that_was_never_started(store: InMemoryOrderRepository) -> None:
    assert not await projector(store).follow()
    assert await projector(store).progress() == (None, None)
    assert await projector(store).read(ALL) == projections.Reading(0, {})


async def test_relay_leaves_the_work_to_the_one_that_wrote_last(store: InMemoryOrderRepository) -> None:
    clock = Clock()
    first, second = projector(store, clock), projector(store, clock)
    await first.start()
    assert await first.follow()
    assert not await second.follow()
    assert await first.follow()
    clock.now += timedelta(seconds=LEASE_SECONDS + 1)
    assert await second.follow()
    assert not await first.follow()
    assert await first.advance(), "a request does not wait for the lease"
    assert not await second.advance()
    current, _ = await first.progress()
    assert (current and current.position, current and current.owner) == (10, second.owner)


async def test_rebuild_that_was_killed_is_completed_by_a_relay(store: InMemoryOrderRepository) -> None:
    clock = Clock()
    await finish(projector(store, clock))
    killed = projector(store, clock)
    current, _ = await killed.progress()
    assert current is not None
    await killed._begin(current, None)
    assert await projector(store, clock).follow()
    assert not await projector(store, clock).follow(), "the rebuild has a lease"
    clock.now += timedelta(seconds=LEASE_SECONDS + 1)
    relay = projector(store, clock)
    while await relay.follow():
        pass
    current, rebuild = await relay.progress()
    assert current is not None
    assert (current.generation, current.position, current.stale, rebuild) == (2, 10, (), None)
    assert counted(await relay.read(ALL)) == await expected(store)


async def test_second_rebuild_replaces_the_first(store: InMemoryOrderRepository) -> None:
    await finish(projector(store))
    first = projector(store)
    current, _ = await first.progress()
    assert current is not None
    assert await first._begin(current, None)
    _, rebuild = await first.progress()
    assert rebuild is not None
    assert await first._build(rebuild)
    assert not await first._begin(current, None), "another process has started one"
    assert await projector(store).rebuild() == 10
    for outdated in (rebuild, replace(rebuild, position=10)):
        assert await first._build(outdated), "its progress is outdated, and changes nothing"
    current, rebuild = await first.progress()
    assert current is not None
    assert (current.generation, current.stale, rebuild) == (3, (), None)
    assert await store.records().list_records("changes:2") == []


async def test_new_counting_starts_a_rebuild_by_itself(store: InMemoryOrderRepository) -> None:
    old = projector(store)
    await finish(old)
    new = Projector(store, store.records(), CountsTwice(), Clock(), 3)
    with pytest.raises(ServiceUnavailable, match="the changes are being rebuilt: try again in a minute"):
        await new.read(ALL)
    assert await new.advance()
    assert counted(await old.read(ALL))[0] == 10, "the old version reads its own counters meanwhile"
    while await new.advance():
        pass
    reading = await new.read(ALL)
    assert sum(each.get("changes", 0) for each in reading.records.values()) == 20
    assert not await old.follow()
    for call in (old.advance(), old.read(ALL), old.rebuild()):
        with pytest.raises(StoreUnusable, match="written by a newer version of orderkeep: upgrade this one"):
            await call


async def test_relay_starts_the_rebuild_for_a_new_counting(store: InMemoryOrderRepository) -> None:
    await finish(projector(store))
    new = Projector(store, store.records(), CountsTwice(), Clock(), 3)
    while await new.follow():
        pass
    assert sum(each.get("changes", 0) for each in (await new.read(ALL)).records.values()) == 20
    assert await store.records().list_records("changes:1") == []


async def test_counters_beyond_the_end_of_the_feed_are_reported(store: InMemoryOrderRepository) -> None:
    await projector(store).start()
    current, _ = await projector(store).progress()
    assert current is not None
    await store.records().write_records([replace(current, position=11).written()])
    with pytest.raises(StoreUnusable, match="the changes contain more changes than the feed: rebuild them"):
        await projector(store).advance()


async def test_transaction_is_divided_if_it_would_be_too_large(
    store: InMemoryOrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections, "MAX_BYTES", 200)
    await finish(projector(store, page=1_000))
    current, _ = await projector(store).progress()
    assert current is not None
    assert len(current.touched) < 6
    assert counted(await projector(store).read(ALL)) == await expected(store)


async def test_read_starts_again_if_a_record_is_older_than_the_position(store: InMemoryOrderRepository) -> None:
    await finish(projector(store))
    [stored] = await store.records().get_records("changes:1", ["order-9"])
    old = json.dumps({"position": 1, "counters": {}})
    await store.records().write_records([Record(stored.kind, stored.id, old, stored.version)])
    with pytest.raises(ServiceUnavailable):
        await projector(store).read(ALL)
    assert (await projector(store).read([("order-0", "order-5")])).position == 10


async def test_start_keeps_what_another_process_started(store: InMemoryOrderRepository) -> None:
    first = await projector(store).start()
    assert await projector(store).start() == first
    assert [each.id for each in await store.records().list_records(KIND)] == ["changes"]


class AdvancingRecords(InMemoryRecords):
    """Records of which another process counts a page before each list but the first."""

    lists = 0

    def __init__(self, store: InMemoryOrderRepository) -> None:
        super().__init__(store)
        self.other = Projector(store, self, CountsChanges(), Clock(), 3)

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        self.lists += 1
        if self.lists > 1:
            await self.other.advance()
        return await super().list_records(kind, after, limit)


async def test_read_adds_the_changes_that_were_counted_meanwhile(store: InMemoryOrderRepository) -> None:
    """To the records that it read before, and not to those that it read after, or that it was not asked for."""
    records = AdvancingRecords(store)
    await records.other.start()
    await records.other.advance()
    reader = Projector(store, records, CountsChanges(), Clock(), 2)
    reading = await reader.read([("order-4x", "~"), ("", "order-3x")])
    orders = {f"order-{number}": {"changes": 1} for number in (0, 1, 2, 3, 5)}
    assert reading == projections.Reading(6, {**orders, "total": {"OrderImported": 6}})
