"""Find an order by what a person has at hand."""

import json

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import AmbiguousOrder, NoOrderMatches, OrderSummary, UnsupportedFilter
from orderkeep.application.ports import OrderFilter, OrderQueries
from orderkeep.application.use_cases.list_orders import page_of_orders

SHORTEST_PREFIX = 8
"""Minimum length of an ID prefix: fewer characters of a random ID match more orders than a person can choose from."""

MOST_CANDIDATES = 10
"""Maximum number of orders in the error if several match."""

TOO_SHORT = f"to find it by the beginning of its ID, enter at least {SHORTEST_PREFIX} characters"
UNSUPPORTED = "this store cannot find orders by the beginning of an ID: enter the whole ID"


class FindOrderUseCase:
    """Find one order by its ID, the beginning of its ID, or its external reference."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, text: str, actor: Actor = SYSTEM) -> str:
        """Return the ID of the order that matches; for a customer, of their own orders only.

        An order with exactly that ID is preferred. A customer cannot use a prefix that more than `MOST_CANDIDATES`
        orders share. Raises `NotAllowed`, `NoOrderMatches`, which is an `OrderNotFound`, and `AmbiguousOrder`.
        """
        actor.require(Scope.READ)
        exact = await self.queries.get_snapshot(text)
        if exact is not None and actor.may_see(exact.user_id):
            return exact.id
        documents, not_tried = await self._by_external_ref(text, actor), TOO_SHORT
        if len(text) >= SHORTEST_PREFIX:
            try:
                documents += await self._by_prefix(text, actor)
                not_tried = ""
            except UnsupportedFilter:
                not_tried = UNSUPPORTED
        found = {order.id: order for order in map(_summary, documents)}
        if not found:
            raise NoOrderMatches(text, not_tried)
        if len(found) > 1:
            raise AmbiguousOrder(tuple(found.values()), MOST_CANDIDATES)
        return next(iter(found))

    async def _by_external_ref(self, text: str, actor: Actor) -> list[bytes]:
        where, found, cursor = OrderFilter(external_ref=text), list[bytes](), None
        while (missing := MOST_CANDIDATES + 1 - len(found)) > 0:  # a page of large orders is shorter
            page = await page_of_orders(self.queries, where, missing, cursor, actor)
            found, cursor = [*found, *page.orders], page.next_cursor
            if cursor is None:
                break
        return found

    async def _by_prefix(self, prefix: str, actor: Actor) -> list[bytes]:
        found = await self.queries.find_by_id_prefix(prefix, MOST_CANDIDATES + 1)
        if len(found) > MOST_CANDIDATES and not actor.sees_all:
            return []  # the customer's own orders may be among those that were not read
        return [snapshot.json for snapshot in found if actor.may_see(snapshot.user_id)]


def _summary(document: bytes) -> OrderSummary:
    order = json.loads(document)
    return OrderSummary(**{name: order.get(name) for name in OrderSummary.__slots__})
