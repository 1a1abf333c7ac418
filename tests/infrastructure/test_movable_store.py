"""A store whose orders are moved: which of the two stores each call goes to."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from orderkeep.application.access.actor import ActorKind
from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import OrderStore
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.store_copy import SWITCH_SECONDS, WholeStore
from orderkeep.bootstrap.store_copy import whole
from orderkeep.domain.exceptions import StoreMoved, StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.movable_store import CHECK_SECONDS, MovableStore
from orderkeep.testing import OrderStoreContract
from orderkeep.testing.orders import SINCE, small_order


class Two:
    """Two stores, each with an order of its own name, and the one that services use."""

    def __init__(self, names: Sequence[str] = ("first", "second")) -> None:
        self.first, self.second = (InMemoryOrderRepository(map(small_order, names[n : n + 1])) for n in (0, 1))
        self.now, self.opened, self.exists = 100.0, 0, True
        self.store = MovableStore(whole(self.first), self.open_second, lambda: self.now)

    def open_second(self) -> WholeStore:
        self.opened += 1
        if not self.exists:
            raise StoreUnavailable
        return whole(self.second)

    async def current(self) -> str:
        found = [name for name in ("first", "second") if await self.store.get_by_id(name)]
        assert len(found) == 1
        return found[0]

    async def move(self) -> None:
        await self.second.fence()
        await self.first.fence()
        self.now += SWITCH_SECONDS
        await self.second.lift_fence()


async def test_uses_the_first_store_and_does_not_open_the_second() -> None:
    two = Two()
    assert await two.current() == "first"
    assert two.opened == 0


async def test_switches_once_the_second_is_open_and_back() -> None:
    two = Two()
    assert await two.current() == "first"
    await two.second.fence()
    await two.first.fence()
    two.now += CHECK_SECONDS
    assert await two.current() == "first"
    with pytest.raises(StoreMoved):
        await two.store.save(small_order("late"))
    await two.second.lift_fence()
    assert await two.current() == "second"  # at once: while the fence is up, each call looks
    await two.store.save(small_order("late"))
    assert await two.second.get_by_id("late")
    await two.second.fence()
    await two.first.lift_fence()
    assert await two.current() == "second"
    two.now += CHECK_SECONDS
    assert await two.current() == "first"
    assert two.opened == 1


async def test_no_read_goes_to_a_store_that_is_no_longer_written() -> None:
    assert CHECK_SECONDS < SWITCH_SECONDS
    two = Two()
    assert await two.current() == "first"
    await two.move()
    assert await two.current() == "second"


async def test_a_service_that_starts_after_the_move_uses_the_second_store() -> None:
    two = Two()
    await two.move()
    assert await two.current() == "second"


async def test_a_second_store_that_does_not_exist_yet_is_opened_later() -> None:
    two = Two()
    two.exists = False
    await two.first.fence()
    assert await two.current() == "first"
    two.exists = True
    assert await two.current() == "second"


async def test_a_call_that_looked_before_the_switch_uses_the_second_store(monkeypatch: pytest.MonkeyPatch) -> None:
    two = Two()
    fenced, looked, may_go_on = two.first.fenced, asyncio.Event(), asyncio.Event()

    async def slowly() -> object:
        found = await fenced()
        if not looked.is_set():
            looked.set()
            await may_go_on.wait()
        return found

    monkeypatch.setattr(two.first, "fenced", slowly)
    late = asyncio.create_task(two.current())
    await looked.wait()
    await two.move()
    assert await two.current() == "second"
    may_go_on.set()
    assert await late == "second"


async def test_keys_and_records_follow() -> None:
    two = Two()
    keys, records = two.store.api_keys(), two.store.records()
    await two.move()
    await keys.add(ApiKey(id="k1", name="warehouse", digest="d", kind=ActorKind.STAFF, created_at=SINCE))
    assert await two.second.api_keys().get("k1")
    assert await keys.revoke("k1", SINCE)
    await keys.note_use("k1", SINCE)
    assert [key.id for key in await keys.list_newest(None, 5)] == ["k1"]
    found = await keys.get("k1")
    assert found is not None
    assert (found.revoked_at, found.last_used_at) == (SINCE, SINCE)
    await records.write_records([Record("kind", "r1", "{}")])
    assert await records.get_records("kind", ["r1"]) == await two.second.records().list_records("kind")
    assert await records.list_records("kind") == await two.second.records().list_records("kind")


@pytest.mark.parametrize("port", [OrderStore, ApiKeyStore, RecordStore])
def test_every_method_of_the_ports_follows(port: type[Any]) -> None:
    """A method that a port gains is not inherited from it: its default would ignore the open store."""
    two = Two()
    movable = {OrderStore: two.store, ApiKeyStore: two.store.api_keys(), RecordStore: two.store.records()}[port]
    methods = {name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}
    assert methods - vars(type(movable)).keys() == set()


async def test_close_closes_both() -> None:
    two = Two()
    await two.move()
    await two.current()
    await two.store.close()
    for store in (two.first, two.second):
        with pytest.raises(StoreUnavailable):
            await store.ping()


class TestMovableStore(OrderStoreContract):
    """It passes the contract tests of a store, on the store that it opened first."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[OrderStore]:
        store = Two([]).store
        yield store
        await store.close()
