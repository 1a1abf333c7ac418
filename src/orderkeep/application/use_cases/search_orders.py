"""Search orders by what a person has at hand."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.cursors import list_position
from orderkeep.application.dtos import LABEL, email_label, label_of
from orderkeep.application.errors import InvalidQuery, UnsupportedFilter
from orderkeep.application.ports import PAGE_BYTES, SEPARATOR, ListPosition, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.application.use_cases.find_order import MOST_CANDIDATES, SHORTEST_PREFIX
from orderkeep.application.use_cases.list_orders import (
    DEFAULT_PAGE,
    EVERYTHING,
    OrderPage,
    check_limit,
    position_of,
    visible_page,
    with_personal_data_of,
)
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.domain.shipments import comparable
from orderkeep.domain.value_objects import SAFE_ID, normalized_ref

LONGEST_TEXT = 254
"""Maximum length of the text: that of an e-mail address, the longest of what is searched."""

TOO_MANY = f"begins more than {MOST_CANDIDATES} order IDs: enter more of the ID"

Entry = tuple[datetime, str, bytes]
"""An order: its position in lists, and its document."""


class SearchOrdersUseCase:
    """Search orders by their whole ID, its beginning, external reference, e-mail address or tracking number."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(
        self,
        text: str,
        where: OrderFilter = EVERYTHING,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        actor: Actor = SYSTEM,
    ) -> OrderPage:
        """Return a page of at most `limit` orders (1 to 200) that match in any way, newest first; for a customer, of
        their own orders only. It takes at most four reads of an index, or five of one order and of indexes.

        A whole ID is preferred to longer IDs that begin like it. Raises `NotAllowed`, `UnsupportedFilter` for any
        filter, `InvalidCursor`, and `InvalidQuery`, also if only IDs match, and more than `MOST_CANDIDATES`.
        """
        actor.require(Scope.READ)
        check_limit(limit)
        text = text.strip()
        check_search(text, where)
        user = actor.id if actor.kind is ActorKind.CUSTOMER else None
        search = ("search", text, user)
        after = None if cursor is None else list_position(search, cursor)
        lists = [self.queries.list_page(each, after, limit) for each in _lists(text, user)]
        by_id, pages = await asyncio.gather(self._by_id(text, actor), asyncio.gather(*lists))
        if by_id is None:
            if after is None and not any(page.json for page in pages):
                raise InvalidQuery(TOO_MANY, "q")
            by_id = []
        page = visible_page(search, _merged(by_id, pages, after, limit), actor)
        return await with_personal_data_of(self.queries, page)

    async def _by_id(self, text: str, actor: Actor) -> Sequence[OrderSnapshot] | None:
        """Return the order with that ID, or those whose ID begins with it; None if these are too many."""
        if not SAFE_ID.fullmatch(text):
            return []
        exact = await self.queries.get_snapshot(text)
        if exact is not None and actor.may_see(exact.user_id):
            return [exact]
        if len(text) < SHORTEST_PREFIX:
            return []
        try:
            found = await self.queries.find_by_id_prefix(text, MOST_CANDIDATES + 1)
        except UnsupportedFilter:
            return []
        if len(found) > MOST_CANDIDATES:
            return None if actor.sees_all else []
        return [each for each in found if actor.may_see(each.user_id)]


def check_search(text: str, where: OrderFilter) -> None:
    """Raise `InvalidQuery` if the text is blank or too long, and `UnsupportedFilter` if there is a filter as well."""
    given = [each.name for each in fields(where) if getattr(where, each.name) != getattr(EVERYTHING, each.name)]
    if given:
        name = {"statuses": "status"}.get(given[0], given[0])
        raise UnsupportedFilter("cannot be used together with q: search, or filter", name, "q")
    if not 1 <= len(text) <= LONGEST_TEXT:
        raise InvalidQuery(f"must have 1 to {LONGEST_TEXT} characters", "q")


def _lists(text: str, user_id: str | None) -> list[OrderFilter]:
    """Return the filters of the lists that contain the orders with this reference, address or tracking number."""
    labels = [email_label(text)] if "@" in text else []
    if number := comparable(text):
        labels.append(LABEL + label_of("tracking", number))
    by_ref = OrderFilter(user_id, external_ref=normalized_ref(text))
    return [by_ref, *(OrderFilter(user_id, tag=label) for label in labels)]


def _merged(
    found: Iterable[OrderSnapshot], pages: Sequence[SnapshotPage], after: ListPosition | None, limit: int
) -> SnapshotPage:
    """Return a page of the orders of all lists after that position, each once, newest first. No list is shown beyond
    the end of another one's page, after which orders may follow that belong in between.
    """
    entries = {each.id: (each.created_at, each.id, each.json) for each in found}
    for page in pages:
        for document in page.documents:
            position = position_of(document)
            entries[position.id] = (position.created_at, position.id, document)
    ends = [(page.next.created_at, page.next.id) for page in pages if page.next]
    end = max(ends, default=None)
    newest = sorted(entries.values(), reverse=True)
    if after is not None:
        newest = [entry for entry in newest if entry[:2] < (after.created_at, after.id)]
    shown, size = list[Entry](), 0
    for entry in newest[:limit]:
        size += len(entry[2])
        if (end is not None and entry[:2] < end) or (shown and size > PAGE_BYTES):
            break
        shown.append(entry)
    is_last = not ends and len(shown) == len(newest)
    return SnapshotPage(
        SEPARATOR.join([entry[2] for entry in shown]), None if is_last else ListPosition(*shown[-1][:2])
    )
