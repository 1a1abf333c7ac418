"""What every store must do. A store's test is a subclass that yields an open, empty store."""

import asyncio
from datetime import timedelta, timezone

import pytest

from sample_service.application.ports import ListPosition, SampleItemStore
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from sample_service.domain.lifecycle import SampleItemStatus
from tests.sample_items import AT, LATER, small_sample_item, stored


async def load(store: SampleItemStore, id: str) -> SampleItem:
    found = await store.get_by_id(id)
    assert found is not None
    return found


class StoreContract:
    """The contract; `store` is a fixture of the subclass."""

    async def test_every_field_is_stored(self, store: SampleItemStore) -> None:
        sample_item = small_sample_item(status="confirmed")
        await store.save(sample_item)
        assert sample_item.version == 1
        assert await store.get_by_id(sample_item.id) == sample_item

    async def test_changes_are_stored(self, store: SampleItemStore) -> None:
        id = await stored(store)
        sample_item = await load(store, id)
        sample_item.cancel(at=LATER)
        await store.save(sample_item)
        found = await load(store, id)
        assert (found.status, found.updated_at, found.version) == ("cancelled", LATER, 2)
        assert (found.created_at, found.name) == (AT, sample_item.name)

    async def test_unknown_id_is_none(self, store: SampleItemStore) -> None:
        assert await store.get_by_id("unknown") is None
        assert await store.get_by_id("half a pair \ud800") is None

    async def test_changes_before_a_save_are_not_stored(self, store: SampleItemStore) -> None:
        id = await stored(store)
        (await load(store, id)).cancel(at=LATER)
        assert (await load(store, id)).status == "pending"

    async def test_stale_version_is_rejected_and_the_object_unchanged(self, store: SampleItemStore) -> None:
        id = await stored(store)
        first, second = await load(store, id), await load(store, id)
        first.confirm(at=LATER)
        await store.save(first)
        second.cancel(at=LATER)
        with pytest.raises(ConcurrentUpdate):
            await store.save(second)
        assert second.version == 1
        assert (await load(store, id)).status == "confirmed"

    async def test_second_insert_of_an_id_is_rejected(self, store: SampleItemStore) -> None:
        await stored(store, status="confirmed")
        with pytest.raises(ConcurrentUpdate):
            await stored(store)
        assert (await load(store, "item-1")).status == "confirmed"

    async def test_update_of_what_is_not_stored_is_rejected(self, store: SampleItemStore) -> None:
        sample_item = small_sample_item()
        sample_item.version = 3
        with pytest.raises(ConcurrentUpdate):
            await store.save(sample_item)
        assert await store.get_by_id(sample_item.id) is None

    async def test_one_of_several_concurrent_saves_succeeds(self, store: SampleItemStore) -> None:
        id = await stored(store)
        loaded = await asyncio.gather(*(load(store, id) for _ in range(10)))
        results = await asyncio.gather(*map(store.save, loaded), return_exceptions=True)
        assert results.count(None) == 1
        assert sum(isinstance(each, ConcurrentUpdate) for each in results) == 9
        assert (await load(store, id)).version == 2

    async def test_list_is_newest_first_and_continues_after_a_position(self, store: SampleItemStore) -> None:
        for number, seconds in enumerate((0, 3, 1, 1, 2)):
            await stored(store, f"item-{number}", at=AT + timedelta(seconds=seconds))
        listed = await store.list_page(None, None, 10)
        assert [each.id for each in listed] == ["item-1", "item-4", "item-3", "item-2", "item-0"]
        assert listed[0] == await store.get_by_id("item-1")
        after = ListPosition(AT + timedelta(seconds=1), "item-3")
        assert [each.id for each in await store.list_page(None, after, 1)] == ["item-2"]

    async def test_list_sorts_by_instant_not_by_text(self, store: SampleItemStore) -> None:
        await stored(store, "whole", at=AT.replace(microsecond=0))
        await stored(store, "elsewhere", at=AT.astimezone(timezone(timedelta(hours=-3))))
        assert [each.id for each in await store.list_page(None, None, 10)] == ["elsewhere", "whole"]

    async def test_list_by_status_follows_changes(self, store: SampleItemStore) -> None:
        for number, status in enumerate(("pending", "confirmed", "pending")):
            await stored(store, f"item-{number}", status=status, at=AT + timedelta(seconds=number))
        sample_item = await load(store, "item-0")
        sample_item.confirm(at=LATER)
        await store.save(sample_item)
        confirmed = await store.list_page(SampleItemStatus.CONFIRMED, None, 10)
        assert [each.id for each in confirmed] == ["item-1", "item-0"]
        after = ListPosition(AT + timedelta(seconds=1), "item-1")
        assert [each.id for each in await store.list_page(SampleItemStatus.CONFIRMED, after, 10)] == ["item-0"]
        assert await store.list_page(SampleItemStatus.CANCELLED, None, 10) == []

    async def test_closed_store_is_unavailable(self, store: SampleItemStore) -> None:
        await store.ping()
        await store.close()
        for call in (store.ping(), store.get_by_id("item-1"), stored(store), store.list_page(None, None, 1)):
            with pytest.raises(StoreUnavailable):
                await call
