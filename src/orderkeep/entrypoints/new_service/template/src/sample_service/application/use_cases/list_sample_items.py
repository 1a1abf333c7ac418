"""List sample items."""

from dataclasses import dataclass

from sample_service.application.cursors import list_cursor, list_position
from sample_service.application.errors import InvalidQuery
from sample_service.application.ports import ListPosition, SampleItemQueries
from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import SampleItemStatus

DEFAULT_PAGE = 50
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class SampleItemPage:
    """Sample items, newest first, and the cursor of the next page, if there is one."""

    sample_items: tuple[SampleItem, ...]
    next_cursor: str | None


class ListSampleItemsUseCase:
    """List sample items, newest first, optionally of one status."""

    def __init__(self, queries: SampleItemQueries) -> None:
        self.queries = queries

    async def execute(
        self,
        status: SampleItemStatus | None = None,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> SampleItemPage:
        """Return a page of at most `limit` sample items (1 to 200). Raises `InvalidQuery`, `StoreUnavailable`."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidQuery(f"must be from 1 to {LARGEST_PAGE}", "limit")
        after = None if cursor is None else list_position(status, cursor)
        found = await self.queries.list_page(status, after, limit + 1)
        page = tuple(found[:limit])
        if len(found) <= limit:
            return SampleItemPage(page, None)
        last = ListPosition(page[-1].created_at, page[-1].id)
        return SampleItemPage(page, list_cursor(status, last))
