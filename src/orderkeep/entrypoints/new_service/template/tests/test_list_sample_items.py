"""Pages of sample items, and the cursors between them."""

from datetime import timedelta

import pytest

from sample_service.application.cursors import list_cursor
from sample_service.application.errors import InvalidCursor, InvalidQuery
from sample_service.application.ports import ListPosition
from sample_service.application.use_cases.list_sample_items import ListSampleItemsUseCase
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import AT, stored

PENDING = SampleItemStatus.PENDING


async def filled(count: int) -> InMemorySampleItemRepository:
    repo = InMemorySampleItemRepository()
    for number in range(count):
        status = "cancelled" if number % 2 else "pending"
        await stored(repo, f"item-{number}", status=status, at=AT + timedelta(seconds=number))
    return repo


async def test_pages_contain_every_sample_item_once_newest_first() -> None:
    listing, cursor, found = ListSampleItemsUseCase(await filled(5)), None, list[str]()
    for expected in (2, 2, 1):
        page = await listing.execute(limit=2, cursor=cursor)
        assert len(page.sample_items) == expected
        found += [each.id for each in page.sample_items]
        cursor = page.next_cursor
    assert cursor is None
    assert found == ["item-4", "item-3", "item-2", "item-1", "item-0"]


async def test_full_last_page_has_no_cursor() -> None:
    page = await ListSampleItemsUseCase(await filled(2)).execute(limit=2)
    assert (len(page.sample_items), page.next_cursor) == (2, None)


async def test_list_by_status_has_no_other_status() -> None:
    page = await ListSampleItemsUseCase(await filled(5)).execute(PENDING)
    assert [each.id for each in page.sample_items] == ["item-4", "item-2", "item-0"]


@pytest.mark.parametrize("limit", [0, 201])
async def test_limit_out_of_range_is_rejected(limit: int) -> None:
    with pytest.raises(InvalidQuery, match=r"^must be from 1 to 200$") as raised:
        await ListSampleItemsUseCase(InMemorySampleItemRepository()).execute(limit=limit)
    assert raised.value.parameter == "limit"


OF_ANOTHER_LIST = list_cursor(PENDING, ListPosition(AT, "item-1"))


@pytest.mark.parametrize(
    "cursor", ["", "?", "e30", "W10", "WzFd", "W1tb" * 3000, OF_ANOTHER_LIST, OF_ANOTHER_LIST[:-2]]
)
async def test_invalid_cursor_is_rejected(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await ListSampleItemsUseCase(InMemorySampleItemRepository()).execute(cursor=cursor)
