"""Sample items for tests. No two of their values are equal, so that a mapper that confuses two is found."""

from datetime import UTC, datetime, timedelta
from itertools import count

from sample_service.application.ports import Clock
from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.domain.repositories import SampleItemRepository

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
LATER = AT + timedelta(days=40, microseconds=3)


def clock_from_later() -> Clock:
    """Return a clock that is at `LATER`, and a second later with each call. The date of a run decides no test."""
    seconds = count()
    return lambda: LATER + timedelta(seconds=next(seconds))


def small_sample_item(id: str = "item-1", *, status: str = "pending", at: datetime = AT) -> SampleItem:
    """Return a sample item that is not stored yet."""
    return SampleItem(
        id=id,
        name=f"Name of {id}",
        created_at=at,
        updated_at=at + timedelta(seconds=1),
        status=SampleItemStatus(status),
        request=f"request of {id}",
    )


async def stored(
    repo: SampleItemRepository,
    id: str = "item-1",
    *,
    status: str = "pending",
    at: datetime = AT,
) -> str:
    """Save a sample item at version 1, and return its ID."""
    await repo.save(small_sample_item(id, status=status, at=at))
    return id
