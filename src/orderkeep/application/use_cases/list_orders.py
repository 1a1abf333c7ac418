"""List orders."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.dtos import LABEL, UNLABELLED_PAYMENTS, label_of, visible_document
from orderkeep.application.errors import InvalidQuery, UnsupportedFilter
from orderkeep.application.personal_data import complete, has_personal_data
from orderkeep.application.ports import PAGE_BYTES, SEPARATOR, ListPosition, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.domain.shipments import SHIPPING_OF, ShippingStatus
from orderkeep.domain.value_objects import normalized_ref

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
MOST_READ = 1_000
"""How many orders a page by a payment status without a label reads at most: it may have fewer orders than its limit."""

VALUES = {"shipping_status": ShippingStatus, "payment_status": PaymentStatus, "return_status": ReturnStatus}
"""The filters by a status that follows from the parts of an order, and the values of each."""

FLAGS = ("on_hold", "refund_due", "void_due", "needs_attention")
"""The filters that are true or omitted."""

_ALTERNATIVES = ("tag", "external_ref", *VALUES, *FLAGS)
_STATUSES = frozenset(OrderStatus)

EVERYTHING = OrderFilter()
"""No filter."""

_PAYMENT_STATUS = b'"payment_status":"'
"""Precedes the payment status in a document, where it comes before any key that a client may choose."""

_UNLABELLED = {LABEL + label_of("payment_status", each): f'{each}"'.encode() for each in UNLABELLED_PAYMENTS}
"""What no order is labelled with, and the end of the status in a document."""


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
    if where.tag in _UNLABELLED:
        page = await _select(queries, replace(where, tag=None), _UNLABELLED[where.tag], after, limit)
    else:
        page = await queries.list_page(where, after, limit)
    return visible_page(where, page, actor)


def visible_page(where: object, page: SnapshotPage, actor: Actor) -> OrderPage:
    """Return a page of the list with those filters as the actor may see it, and its cursor."""
    documents = page.json
    if not actor.sees_all:
        documents = SEPARATOR.join([visible_document(each, actor) for each in page.documents])
    return OrderPage(documents, list_cursor(where, page.next) if page.next else None)


async def _select(
    queries: OrderQueries, where: OrderFilter, wanted: bytes, after: ListPosition | None, limit: int
) -> SnapshotPage:
    """Return a page of the orders with the payment status, selected from up to `MOST_READ` orders."""
    found, size, read = list[bytes](), 0, 0
    while True:
        page = await queries.list_page(where, after, LARGEST_PAGE)
        for document in page.documents:
            start = document.index(_PAYMENT_STATUS) + len(_PAYMENT_STATUS)
            if document.startswith(wanted, start):
                if len(found) == limit or (found and size + len(document) > PAGE_BYTES):
                    return SnapshotPage(SEPARATOR.join(found), position_of(found[-1]))
                found.append(document)
                size += len(document)
        read, after = read + len(page.documents), page.next
        if after is None or read >= MOST_READ:
            return SnapshotPage(SEPARATOR.join(found), after)


def position_of(document: bytes) -> ListPosition:
    """Return the position after the order of a document, in any list."""
    order = json.loads(document)
    return ListPosition(datetime.fromisoformat(order["created_at"]), order["id"])


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
    """Raise `UnsupportedFilter` unless every store can apply the filter at a bounded cost."""
    given: dict[str, object] = {"status": where.statuses} if where.statuses else {}
    given |= {name: value for name in _ALTERNATIVES if (value := getattr(where, name)) is not None}
    is_selected = where.payment_status in UNLABELLED_PAYMENTS and [*given] == ["status", "payment_status"]
    if len(given) > 1 and not is_selected:
        first, second = [*given][:2]
        raise UnsupportedFilter(f"cannot be used together with {first}: filter by one of them", second, first)
    if not _STATUSES.issuperset(where.statuses):
        raise InvalidQuery(f"must be one of {', '.join(OrderStatus)}", "status")
    for name, values in VALUES.items():
        if name in given and given[name] not in [*values]:
            raise InvalidQuery(f"must be one of {', '.join(values)}", name)
    if where.return_status == ReturnStatus.NONE:
        raise UnsupportedFilter("cannot be none: omit it to list all orders", "return_status")
    for name in FLAGS:
        if given.get(name) is False:
            raise UnsupportedFilter("cannot be false: omit it to list all orders", name)
    if where.created_from and where.created_to and where.created_from > where.created_to:
        raise InvalidQuery("must not be before created_from", "created_to", "created_from")


def as_stored(where: OrderFilter) -> OrderFilter:
    """Return a filter that `check_filter` accepts as stores apply it, by statuses, a tag or a normalized reference."""
    if where.external_ref is not None:
        return replace(where, external_ref=normalized_ref(where.external_ref))
    given = [(name, value) for name in (*VALUES, *FLAGS) if (value := getattr(where, name)) is not None]
    if not given:
        return where
    [(name, value)] = given
    statuses, tag = where.statuses, where.tag
    if name == "shipping_status":
        statuses = tuple([status for status, shipping in SHIPPING_OF.items() if shipping == value])
    else:
        tag = LABEL + (name if value is True else label_of(name, value))
    return OrderFilter(where.user_id, statuses, tag, None, where.created_from, where.created_to)
