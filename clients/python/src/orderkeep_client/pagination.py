"""Iterators over the pages of a list, and over the feed of events.

Pass the method of the list, and its arguments: `iterate(orderkeep.list_orders, user_id="user-42")`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from orderkeep_client.generated.models import EventPage

P = ParamSpec("P")
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)

WAIT_SECONDS = 20
"""How long a request of `follow` waits for events, unless `wait` is passed."""


class Page(Protocol[Item_co]):
    """Page of a list."""

    @property
    def data(self) -> Sequence[Item_co]: ...

    @property
    def has_more(self) -> bool: ...


AnyPage = TypeVar("AnyPage", bound=Page[Any])


def iterate(fetch: Callable[P, Page[Item]], *args: P.args, **kwargs: P.kwargs) -> Iterator[Item]:
    """Yield all items of a list."""
    for page in pages(fetch, *args, **kwargs):
        yield from page.data


def pages(fetch: Callable[P, AnyPage], *args: P.args, **kwargs: P.kwargs) -> Iterator[AnyPage]:
    """Yield all pages of a list."""
    while True:
        page = fetch(*args, **kwargs)
        yield page
        if not page.has_more:
            return
        kwargs.update(_next(page))


def follow(fetch: Callable[P, EventPage], *args: P.args, **kwargs: P.kwargs) -> Iterator[EventPage]:
    """Yield pages of events, then wait for new ones, without end: `follow(orderkeep.list_events, after=7)`. To continue
    later, store `next_after` of a page when all its events are processed, and pass it as `after`.
    """
    kwargs.setdefault("wait", WAIT_SECONDS)
    while True:
        page = fetch(*args, **kwargs)
        if page.data:
            yield page
        kwargs.update(_next(page))


async def aiterate(fetch: Callable[P, Awaitable[Page[Item]]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Item]:
    """Yield all items of a list."""
    async for page in apages(fetch, *args, **kwargs):
        for item in page.data:
            yield item


async def apages(fetch: Callable[P, Awaitable[AnyPage]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[AnyPage]:
    """Yield all pages of a list."""
    while True:
        page = await fetch(*args, **kwargs)
        yield page
        if not page.has_more:
            return
        kwargs.update(_next(page))


async def afollow(
    fetch: Callable[P, Awaitable[EventPage]], *args: P.args, **kwargs: P.kwargs
) -> AsyncIterator[EventPage]:
    """Yield pages of events, then wait for new ones, without end, as `follow` does."""
    kwargs.setdefault("wait", WAIT_SECONDS)
    while True:
        page = await fetch(*args, **kwargs)
        if page.data:
            yield page
        kwargs.update(_next(page))


def _next(page: Any) -> dict[str, Any]:
    return {"after": page.next_after} if isinstance(page, EventPage) else {"cursor": page.next_cursor}
