"""The composition root: it chooses the store, and builds the use cases. No other module knows the infrastructure."""

from dataclasses import dataclass

from application.use_cases import CancelOrderUseCase, GetOrderUseCase, PlaceOrderUseCase, ShipOrderUseCase
from domain.repositories import OrderRepository
from infrastructure.memory_repo import InMemoryOrderRepository
from infrastructure.sqlite_repo import SqliteOrderRepository


@dataclass(frozen=True)
class UseCases:
    place_order: PlaceOrderUseCase
    get_order: GetOrderUseCase
    cancel_order: CancelOrderUseCase
    ship_order: ShipOrderUseCase


def bootstrap(store: str) -> UseCases:
    """Build the use cases for a store: the path of a SQLite file, or `memory`."""
    repo: OrderRepository = InMemoryOrderRepository() if store == "memory" else SqliteOrderRepository(store)
    return UseCases(PlaceOrderUseCase(repo), GetOrderUseCase(repo), CancelOrderUseCase(repo), ShipOrderUseCase(repo))
