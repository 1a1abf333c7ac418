"""List orders."""

from dataclasses import dataclass, replace

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.errors import InvalidQuery, UnsupportedFilter
from orderkeep.application.ports import OrderFilter, OrderQueries, SnapshotPage
from orderkeep.domain.entities import OrderStatus

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

_STATUSES = frozenset(OrderStatus)

EVERYTHING = OrderFilter()
"""No filter."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """The documents of orders, newest first, and the cursor of the next page, if there is one."""

    json: bytes
    next_cursor: str | None

    @property
    def orders(self) -> tuple[bytes, ...]:
        """The document of each order."""
        return SnapshotPage(self.json, None).documents


class ListOrdersUseCase:
    """List orders, newest first, by user, status, tag, external_ref or time of creation."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(
        self,
        where: OrderFilter = EVERYTHING,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        actor: Actor = SYSTEM,
    ) -> OrderPage:
        """Return a page of at most `limit` orders (1 to 200); for a customer, of their own orders only.

        Raises `NotAllowed`, `UnsupportedFilter`, `InvalidCursor`, or `InvalidQuery` for an invalid limit or status.
        """
        actor.require(Scope.READ)
        return await page_of_orders(self.queries, where, limit, cursor, actor)


async def page_of_orders(
    queries: OrderQueries, where: OrderFilter, limit: int, cursor: str | None, actor: Actor
) -> OrderPage:
    """Return a page of the orders that the actor may see. The caller checks the scope."""
    check_limit(limit)
    check_filter(where)
    if actor.kind is ActorKind.CUSTOMER:
        if where.user_id not in (None, actor.id):
            return OrderPage(b"", None)
        where = replace(where, user_id=actor.id)
    after = None if cursor is None else list_position(where, cursor)
    page = await queries.list_page(where, after, limit)
    return OrderPage(page.json, list_cursor(where, page.next) if page.next else None)


def check_limit(limit: int) -> None:
    """Raise `InvalidQuery` unless the page size is allowed."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidQuery(f"must be from 1 to {LARGEST_PAGE}", "limit")


def check_filter(where: OrderFilter) -> None:
    """Raise `UnsupportedFilter` unless every store can apply the filter at the cost of one page."""
    alternatives = {"status": where.statuses or None, "tag": where.tag, "external_ref": where.external_ref}
    given = [name for name, value in alternatives.items() if value is not None]
    if len(given) > 1:
        raise UnsupportedFilter(f"cannot be used together with {given[0]}: filter by one of them", given[1], given[0])
    if not _STATUSES.issuperset(where.statuses):
        raise InvalidQuery(f"must be one of {', '.join(OrderStatus)}", "status")
    if where.created_from and where.created_to and where.created_from > where.created_to:
        raise InvalidQuery("must not be before created_from", "created_to", "created_from")
