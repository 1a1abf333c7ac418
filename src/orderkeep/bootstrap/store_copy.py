"""Opens two stores to copy one to the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orderkeep.application.ports import OrderStore, StoreAccess
from orderkeep.application.records import KeepsRecords
from orderkeep.application.store_copy import WholeStore
from orderkeep.application.use_cases.compare_stores import CompareStoresUseCase
from orderkeep.application.use_cases.copy_store import CopyStoreUseCase
from orderkeep.bootstrap.access import KeepsApiKeys
from orderkeep.bootstrap.stores import open_store


@dataclass(frozen=True, slots=True)
class StoreCopies:
    """The use cases that need two stores; `close` closes both."""

    copy_store: CopyStoreUseCase
    compare_stores: CompareStoresUseCase
    close: Callable[[], Awaitable[None]]


def whole(store: OrderStore) -> WholeStore:
    """Return the store with the API keys and the records that it supports."""
    keys = store.api_keys() if isinstance(store, KeepsApiKeys) else None
    return WholeStore(store, keys, store.records() if isinstance(store, KeepsRecords) else None)


def open_copies(source_url: str, target_url: str, access: StoreAccess) -> StoreCopies:
    """Open the source to read it, and the target with that access. Raises like `open_store`."""
    source = open_store(source_url, access=StoreAccess.READ)
    target = open_store(target_url, access=access)

    async def close() -> None:
        await source.close()
        await target.close()

    sides = whole(source), whole(target)
    return StoreCopies(CopyStoreUseCase(*sides), CompareStoresUseCase(*sides), close)
