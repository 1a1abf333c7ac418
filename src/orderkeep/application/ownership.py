"""Loads orders with ownership checks: another customer's order is reported as not found."""

from orderkeep.application.access.actor import Actor
from orderkeep.application.ports import OrderQueries, OrderSnapshot, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.repositories import OrderRepository


async def load_for(actor: Actor, repo: OrderRepository, order_id: str) -> Order | None:
    """Return the order, or None if it does not exist. For a customer, raises `OrderNotFound` unless it is their own."""
    if actor.sees_all:
        return await repo.get_by_id(order_id)
    if isinstance(repo, OrderStore):
        order = await repo.get_own(order_id, actor.id)
    else:  # the plain repository of the article
        order = await repo.get_by_id(order_id)
    if order is None or not actor.may_see(order.user_id):
        raise OrderNotFound(order_id)
    return order


async def look_at_for(actor: Actor, queries: OrderQueries, order_id: str) -> OrderSnapshot:
    """Return the order for reading. Raises `OrderNotFound`, also for another customer's order."""
    if actor.sees_all:
        snapshot = await queries.get_snapshot(order_id)
    else:
        snapshot = await queries.get_own_snapshot(order_id, actor.id)
    if snapshot is None or not actor.may_see(snapshot.user_id):
        raise OrderNotFound(order_id)
    return snapshot
