"""API keys in the store of the orders, in all four stores: reading orders returns no key, and a restart loses none."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import KeepsApiKeys, api_keys_of
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.testing.api_keys import REVOKED, USED, api_key, customers_key, full_key
from orderkeep.testing.orders import pending_order
from orderkeep.testing.stores import read_all
from tests.torture.torture import torture
from tests.torture.watched_store import WatchedStore


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[OrderStore]:
    store = open_store(store_url)
    yield store
    await store.close()


async def add_some(keys: ApiKeyStore) -> None:
    for key in (api_key(1), customers_key(2, user_id=pending_order().user_id), full_key(3)):
        await keys.add(key)
    await keys.note_use(api_key(1).id, USED)
    await keys.revoke(customers_key(2).id, REVOKED)


async def test_no_list_feed_export_or_proof_of_orders_shows_a_key(store: OrderStore) -> None:
    await store.save(pending_order())
    before = await read_all(store)
    await add_some(api_keys_of(store))
    assert await read_all(store) == before
    report = await build_use_cases(store).verify_orders.execute()
    assert (report.orders, report.changes, report.problems) == (1, 1, [])


async def test_torture_leaves_keys_alone_and_is_not_disturbed_by_them(store: OrderStore) -> None:
    keys = api_keys_of(store)
    await add_some(keys)
    before = await keys.list_newest(None, 9)
    report = await torture(store, rounds=1)
    assert report.violations == 0
    assert await keys.list_newest(None, 9) == before


async def test_keys_outlive_the_store_that_was_open(store_url: str, store: OrderStore) -> None:
    if store_url == "memory://":
        return
    await add_some(api_keys_of(store))
    before = await api_keys_of(store).list_newest(None, 9)
    await store.close()
    again = open_store(store_url)
    assert await api_keys_of(again).list_newest(None, 9) == before
    await again.close()


async def test_keeps_no_key_once_the_store_is_closed(store: OrderStore) -> None:
    keys = api_keys_of(store)
    await keys.add(api_key(1))
    await store.close()
    with pytest.raises(StoreUnavailable):
        await keys.add(api_key(2))
    with pytest.raises(StoreUnavailable):
        await keys.revoke(api_key(1).id, REVOKED)


async def test_store_without_api_keys_is_reported() -> None:
    without = WatchedStore(open_store("memory://"))
    assert not isinstance(without, KeepsApiKeys)
    with pytest.raises(StoreUnusable, match=r"^this store does not support API keys$"):
        api_keys_of(without)
    use_cases = build_use_cases(without)
    with pytest.raises(StoreUnusable, match=r"^this store does not support API keys$"):
        await use_cases.list_api_keys.execute()
