"""List orders."""

from dataclasses import dataclass, replace

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.dtos import LABEL, UNLABELLED_PAYMENTS, label_of, visible_document
from orderkeep.application.errors import InvalidQuery, UnsupportedFilter
from orderkeep.application.personal_data import complete, has_personal_data
from orderkeep.application.ports import SEPARATOR, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.domain.shipments import SHIPPING_OF, ShippingStatus
from orderkeep.domain.status import OrderStatus

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

VALUES = {"shipping_status": ShippingStatus, "payment_status": PaymentStatus, "return_status": ReturnStatus}
"""The filters by a status that follows from the parts of an order, and the values of each."""

FLAGS = ("on_hold", "refund_due", "void_due", "needs_attention")
"""The filters that are true or omitted."""
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
    """List orders, newest first, by user, time of creation, and one of the other filters."""

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

        Raises `NotAllowed`, `UnsupportedFilter`, `InvalidCursor`, or `InvalidQuery` for an invalid limit or value.
        """
        actor.require(Scope.READ)
        page = await page_of_orders(self.queries, where, limit, cursor, actor)
        return await with_personal_data_of(self.queries, page)


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
    where = as_stored(where)
    after = None if cursor is None else list_position(where, cursor)
    page = await queries.list_page(where, after, limit)
    json = page.json
    if not actor.sees_all:
        json = SEPARATOR.join([visible_document(each, actor) for each in page.documents])
    return OrderPage(json, list_cursor(where, page.next) if page.next else None)


async def with_personal_data_of(queries: OrderQueries, page: OrderPage) -> OrderPage:
    """Return the page with the personal data of its orders."""
    if not has_personal_data(page.json):  # most pages
        return page
    return OrderPage(SEPARATOR.join(await complete(queries, page.orders)), page.next_cursor)


def check_limit(limit: int) -> None:
    """Raise `InvalidQuery` unless the page size is allowed."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidQuery(f"must be from 1 to {LARGEST_PAGE}", "limit")


def check_filter(where: OrderFilter) -> None:
    """Raise `UnsupportedFilter` unless every store can apply the filter at the cost of one page."""
    names = ("tag", "external_ref", *VALUES, *FLAGS)
    alternatives = {"status": where.statuses or None} | {name: getattr(where, name) for name in names}
    given = [name for name, value in alternatives.items() if value is not None]
    if len(given) > 1:
        raise UnsupportedFilter(f"cannot be used together with {given[0]}: filter by one of them", given[1], given[0])
    if not _STATUSES.issuperset(where.statuses):
        raise InvalidQuery(f"must be one of {', '.join(OrderStatus)}", "status")
    for name, values in VALUES.items():
        if alternatives[name] not in (None, *values):
            raise InvalidQuery(f"must be one of {', '.join(values)}", name)
    if where.payment_status in UNLABELLED_PAYMENTS:
        raise UnsupportedFilter("cannot be unpaid or none_due: list status=pending instead", "payment_status")
    if where.return_status == ReturnStatus.NONE:
        raise UnsupportedFilter("cannot be none: omit it to list all orders", "return_status")
    for name in FLAGS:
        if alternatives[name] is False:
            raise UnsupportedFilter("cannot be false: omit it to list all orders", name)
    if where.created_from and where.created_to and where.created_from > where.created_to:
        raise InvalidQuery("must not be before created_from", "created_to", "created_from")


def as_stored(where: OrderFilter) -> OrderFilter:
    """Return a filter that `check_filter` accepts as stores apply it, by statuses or a tag."""
    given = [(name, value) for name in (*VALUES, *FLAGS) if (value := getattr(where, name)) is not None]
    if not given:
        return where
    [(name, value)] = given
    statuses, tag = where.statuses, where.tag
    if name == "shipping_status":
        statuses = tuple([status for status, shipping in SHIPPING_OF.items() if shipping == value])
    else:
        tag = LABEL + (name if value is True else label_of(name, value))
    return OrderFilter(where.user_id, statuses, tag, where.external_ref, where.created_from, where.created_to)
