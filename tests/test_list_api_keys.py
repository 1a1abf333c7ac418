"""Listing keys: all there ever were, newest first, page by page."""

import pytest

from orderkeep.application.cursors import list_cursor
from orderkeep.application.errors import InvalidCursor, InvalidQuery
from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.application.use_cases.list_api_keys import ListApiKeysUseCase
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.api_keys import REVOKED, SINCE, api_key


@pytest.fixture
async def keys() -> ListApiKeysUseCase:
    store = InMemoryOrderRepository()
    for number in range(5):
        await store.api_keys().add(api_key(number))
    await store.api_keys().revoke(api_key(3).id, REVOKED)
    return ListApiKeysUseCase(store.api_keys)


async def test_lists_all_keys_newest_first(keys: ListApiKeysUseCase) -> None:
    page = await keys.execute()
    assert [key.name for key in page.keys] == ["till 4", "till 3", "till 2", "till 1", "till 0"]
    assert [key.revoked_at for key in page.keys] == [None, REVOKED, None, None, None]
    assert page.next_cursor is None


async def test_goes_on_where_a_page_ended(keys: ListApiKeysUseCase) -> None:
    found, cursor = list[str](), None
    for _ in range(3):
        page = await keys.execute(limit=2, cursor=cursor)
        found += [key.name for key in page.keys]
        cursor = page.next_cursor
    assert found == ["till 4", "till 3", "till 2", "till 1", "till 0"]
    assert cursor is None


@pytest.mark.parametrize("limit", [0, 201])
async def test_rejects_an_invalid_page(keys: ListApiKeysUseCase, limit: int) -> None:
    with pytest.raises(InvalidQuery, match="must be from 1 to 200"):
        await keys.execute(limit=limit)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        list_cursor(OrderFilter(), ListPosition(SINCE, "Key0000001")),
        list_cursor("api keys", ListPosition(SINCE, "not an id")),
        list_cursor("api keys", ListPosition(SINCE, "ok_Key0000001")),
    ],
)
async def test_rejects_a_cursor_of_another_list(keys: ListApiKeysUseCase, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await keys.execute(cursor=cursor)
