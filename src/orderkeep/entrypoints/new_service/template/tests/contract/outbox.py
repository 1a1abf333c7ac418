"""What the outbox of every store must do: keep each saved version, in the transaction of the save, until delivery."""

import asyncio
from datetime import timedelta

import pytest

from sample_service.application.ports import SampleItemStore as Store
from sample_service.application.webhooks.ports import Outbox
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from tests.contract.contract import load
from tests.sample_items import AT, LATER, small_sample_item, stored

NOW = LATER + timedelta(days=1)


class OutboxContract:
    """The contract; `store` is a fixture of the subclass."""

    @pytest.fixture
    def outbox(self, store: Store) -> Outbox:
        assert isinstance(store, Outbox)
        return store

    async def test_each_saved_version_is_kept_and_the_first_comes_first(self, store: Store, outbox: Outbox) -> None:
        id = await stored(store)
        placed, sample_item = await load(store, id), await load(store, id)
        sample_item.confirm(at=LATER)
        await store.save(sample_item)
        [first] = await outbox.first_unsent(NOW, 10)
        assert (first.sample_item, first.attempts) == (placed, 0)
        await outbox.remove(first)
        [second] = await outbox.first_unsent(NOW, 10)
        assert second.sample_item == sample_item
        await outbox.remove(second)
        assert await outbox.first_unsent(NOW, 10) == []

    async def test_rejected_save_is_not_in_the_outbox(self, store: Store, outbox: Outbox) -> None:
        sample_item = small_sample_item()
        sample_item.version = 3
        with pytest.raises(ConcurrentUpdate):
            await store.save(sample_item)
        assert await outbox.first_unsent(NOW, 10) == []

    async def test_first_of_each_sample_item_is_due_in_order_of_time(self, store: Store, outbox: Outbox) -> None:
        for number, seconds in enumerate((2, 0, 1)):
            await stored(store, f"item-{number}", at=AT + timedelta(seconds=seconds))
        assert [each.sample_item.id for each in await outbox.first_unsent(NOW, 2)] == ["item-1", "item-2"]
        earlier = AT + timedelta(seconds=2)  # a second after the save of the first
        assert [each.sample_item.id for each in await outbox.first_unsent(earlier, 9)] == ["item-1", "item-2"]

    async def test_taken_change_is_due_later_and_the_next_one_waits(self, store: Store, outbox: Outbox) -> None:
        id = await stored(store)
        sample_item = await load(store, id)
        sample_item.cancel(at=LATER)
        await store.save(sample_item)
        [first] = await outbox.first_unsent(NOW, 10)
        due_at = NOW + timedelta(microseconds=1)
        assert await outbox.take(first, due_at)
        assert await outbox.first_unsent(NOW, 10) == []
        [again] = await outbox.first_unsent(due_at, 10)
        assert (again.sample_item.version, again.attempts) == (1, 1)

    async def test_one_of_several_processes_takes_a_change(self, store: Store, outbox: Outbox) -> None:
        await stored(store)
        [found] = await outbox.first_unsent(NOW, 10)
        taken = await asyncio.gather(*(outbox.take(found, NOW) for _ in range(5)))
        assert taken.count(True) == 1
        await outbox.remove(found)
        await outbox.remove(found)
        assert not await outbox.take(found, NOW)

    async def test_closed_outbox_is_unavailable(self, store: Store, outbox: Outbox) -> None:
        await stored(store)
        [found] = await outbox.first_unsent(NOW, 10)
        await store.close()
        for call in (outbox.first_unsent(NOW, 1), outbox.take(found, NOW), outbox.remove(found)):
            with pytest.raises(StoreUnavailable):
                await call
