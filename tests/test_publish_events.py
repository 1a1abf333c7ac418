"""Events are published from the feed: at least once, in order, by one relay at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import EventPublisher, NotPublished, Progress, ignore_progress
from orderkeep.application.use_cases.publish_events import PAGE, PublishEventsUseCase
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import PoliteRecords, World


class Bus(EventPublisher):
    """Keeps what is published, up to `most` changes; `during` runs after each."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.most = 10**6
        self.closed = 0
        self.during: asyncio.Event | None = None
        self.started = asyncio.Event()

    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        self.started.set()
        if self.during is not None:
            await self.during.wait()
        for change in changes:
            if len(self.published) == self.most:
                raise NotPublished("the bus is full")
            self.published.append(change.order_id)
            done(1)

    async def close(self) -> None:
        self.closed += 1


class Publishing:
    """A world with a bus and two relays."""

    def __init__(self, world: World | None = None) -> None:
        self.world, self.bus = world or World(), Bus()
        self.relay, self.other = (self.new_relay(name) for name in ("one", "two"))

    def new_relay(self, owner: str = "") -> PublishEventsUseCase:
        return PublishEventsUseCase(
            self.world.store,
            lambda: self.world.records,
            lambda: self.bus,
            self.world.clock,
            owner,
            self.world.clock.sleep,
        )

    async def publish(self, relay: PublishEventsUseCase | None = None) -> None:
        while await (relay or self.relay).execute():
            pass


async def test_publishes_from_the_first_start_on() -> None:
    those = Publishing()
    await those.world.place("before")
    await those.publish()
    await those.world.place(*map(str, range(PAGE + 3)))
    await those.publish()
    assert those.bus.published == [*map(str, range(PAGE + 3))]
    await those.publish(those.other)
    assert len(those.bus.published) == PAGE + 3


async def test_without_a_bus_nothing_is_done() -> None:
    world = World()
    relay = PublishEventsUseCase(world.store, lambda: world.records)
    relay.start()
    assert not await relay.execute()
    await relay.stop(1)


async def test_continues_after_the_last_accepted_change() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a", "b", "c")
    those.bus.most = 2
    with pytest.raises(NotPublished):
        await those.publish()
    those.bus.most = 3
    await those.publish()
    assert those.bus.published == ["a", "b", "c"]


async def test_one_relay_publishes_at_a_time() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    those.bus.during = asyncio.Event()
    first = asyncio.create_task(those.relay.execute())
    await those.bus.started.wait()
    assert not await those.other.execute()
    those.bus.during.set()
    await first
    assert those.bus.published == ["a"]


async def test_killed_relay_is_replaced_after_its_lease() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    those.bus.during = asyncio.Event()
    first = asyncio.create_task(those.relay.execute())
    await those.bus.started.wait()
    those.bus.during.set()
    those.world.clock.suspend(9)
    assert not await those.other.execute()
    those.world.clock.suspend(1)
    await those.publish(those.other)  # the first one has not finished
    assert not await first
    assert those.bus.published in (["a"], ["a", "a"])
    await those.world.place("b")
    await those.publish(those.other)
    await those.publish()
    assert those.bus.published[-1] == "b"


async def test_lease_is_renewed_and_position_saved_while_a_page_is_published() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    those.bus.during = ends = asyncio.Event()
    first = asyncio.create_task(those.relay.execute())
    await those.bus.started.wait()
    those.bus.during = None
    for _ in range(20):
        those.world.clock.pass_time(3)
        await asyncio.sleep(0)
        assert not await those.other.execute()
    ends.set()
    assert await first
    await those.publish(those.other)
    assert those.bus.published == ["a"]


async def test_two_relays_that_start_together_have_one_position() -> None:
    store = InMemoryOrderRepository()
    those = Publishing(World(store, PoliteRecords(store)))
    await asyncio.gather(those.relay.execute(), those.other.execute())
    await those.world.place("a")
    await asyncio.gather(those.publish(), those.publish(those.other))
    assert those.bus.published == ["a"]


async def test_stop_releases_the_lease_and_closes() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    assert await those.relay.execute()
    await those.relay.stop(1)
    assert those.bus.closed == 1
    await those.world.place("b")
    await those.publish(those.other)
    assert those.bus.published == ["a", "b"]
    those.relay.start()
    await those.relay.stop(1)
    assert those.bus.closed == 1


async def test_stop_waits_for_the_page_only_so_long() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    those.bus.during = asyncio.Event()
    first = asyncio.create_task(those.relay.execute())
    await those.bus.started.wait()
    await those.relay.stop(0)
    assert those.bus.closed == 1
    those.bus.during.set()
    await those.publish(those.other)
    await first
    assert set(those.bus.published) == {"a"}


async def test_page_that_takes_too_long_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderkeep.application.use_cases.publish_events.PAGE_SECONDS", 0)
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    those.bus.during = asyncio.Event()
    assert await those.relay.execute()
    those.bus.during = None
    await those.publish()
    assert those.bus.published == ["a"]


async def test_one_of_two_relays_that_read_the_same_page_publishes_it() -> None:
    store = InMemoryOrderRepository()
    those = Publishing(World(store, PoliteRecords(store)))
    await those.publish()
    await those.world.place("a")
    assert sorted(await asyncio.gather(those.relay.execute(), those.other.execute())) == [False, True]
    assert those.bus.published == ["a"]


async def test_stop_keeps_the_lease_of_another_relay() -> None:
    those = Publishing()
    await those.publish()
    await those.world.place("a")
    assert await those.relay.execute()
    those.world.clock.pass_time(10)
    await those.world.place("b")
    assert await those.other.execute()
    await those.relay.stop(1)
    assert those.bus.closed == 1
    await those.world.place("c")
    assert not await those.new_relay("three").execute()
    assert await those.other.execute()
    assert those.bus.published == ["a", "b", "c"]
