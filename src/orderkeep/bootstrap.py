"""The composition root: from a store's URL to the use cases. The only place that knows the adapters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases import (
    CancelOrderUseCase,
    ConfirmOrderUseCase,
    DeliverOrderUseCase,
    ExportOrdersUseCase,
    GetOrderAtUseCase,
    GetOrderHistoryUseCase,
    GetOrderUseCase,
    ImportOrdersUseCase,
    ListOrdersUseCase,
    PlaceOrderUseCase,
    ShipOrderUseCase,
    VerifyOrdersUseCase,
)

DEFAULT_STORE = "sqlite:///orders.db"
"""A file in the folder that orderkeep is started in."""


class InvalidStoreURL(ValueError):
    """The URL names no store that there is."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """All that the service does. `check_store` raises `StoreUnavailable` while the store cannot answer."""

    place_order: PlaceOrderUseCase
    get_order: GetOrderUseCase
    get_order_at: GetOrderAtUseCase
    get_order_history: GetOrderHistoryUseCase
    list_orders: ListOrdersUseCase
    confirm_order: ConfirmOrderUseCase
    ship_order: ShipOrderUseCase
    deliver_order: DeliverOrderUseCase
    cancel_order: CancelOrderUseCase
    import_orders: ImportOrdersUseCase
    export_orders: ExportOrdersUseCase
    verify_orders: VerifyOrdersUseCase
    check_store: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


def bootstrap(store_url: str = DEFAULT_STORE) -> UseCases:
    """Open the store and return the use cases on it; `close` them at the end.

    Raises `InvalidStoreURL`, and `StoreUnavailable` where the store cannot be opened.
    """
    return use_cases_on(open_store(store_url))


def use_cases_on(store: OrderStore) -> UseCases:
    """Return the use cases on a store that is open."""
    return UseCases(
        place_order=PlaceOrderUseCase(store, store),
        get_order=GetOrderUseCase(store),
        get_order_at=GetOrderAtUseCase(store, store),
        get_order_history=GetOrderHistoryUseCase(store, store),
        list_orders=ListOrdersUseCase(store),
        confirm_order=ConfirmOrderUseCase(store, store),
        ship_order=ShipOrderUseCase(store, store),
        deliver_order=DeliverOrderUseCase(store, store),
        cancel_order=CancelOrderUseCase(store, store),
        import_orders=ImportOrdersUseCase(store, store),
        export_orders=ExportOrdersUseCase(store),
        verify_orders=VerifyOrdersUseCase(store),
        check_store=store.ping,
        close=store.close,
    )


def open_store(url: str) -> OrderStore:
    """Open the store that a URL names: `memory://` or `sqlite:///orders.db` (`sqlite:////var/lib/orders.db`)."""
    parts = urlsplit(url)
    opener = _STORES.get(parts.scheme)
    if opener is None:
        raise InvalidStoreURL(f"a store's URL begins with {' or '.join(f'{scheme}://' for scheme in _STORES)}")
    return opener(parts)


def _memory(parts: SplitResult) -> OrderStore:
    from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

    _refuse_extras(parts, "memory://", path_allowed=False)
    return InMemoryOrderRepository()


def _sqlite(parts: SplitResult) -> OrderStore:
    from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

    _refuse_extras(parts, "sqlite:///orders.db", path_allowed=True)
    path = unquote(parts.path.removeprefix("/"))
    if not path:
        raise InvalidStoreURL("a SQLite store's URL names a file, such as sqlite:///orders.db")
    return SqliteOrderRepository(path)


def _refuse_extras(parts: SplitResult, example: str, *, path_allowed: bool) -> None:
    if parts.netloc or parts.query or parts.fragment or (parts.path.strip("/") and not path_allowed):
        raise InvalidStoreURL(f"this store's URL has no more to it than {example}")


_STORES: dict[str, Callable[[SplitResult], OrderStore]] = {"memory": _memory, "sqlite": _sqlite}
