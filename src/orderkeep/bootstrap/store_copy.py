"""Opens two stores: to copy one to the other, to move its orders, or to use the one of them that is open."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from orderkeep.application.access.actor import Actor
from orderkeep.application.ports import DocumentStore, OrderStore, StoreAccess
from orderkeep.application.records import KeepsRecords
from orderkeep.application.store_copy import WholeStore
from orderkeep.application.use_cases.compare_stores import CompareStoresUseCase
from orderkeep.application.use_cases.copy_store import CopyStoreUseCase
from orderkeep.application.use_cases.move_store import MoveStoreUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.bootstrap.access import KeepsApiKeys
from orderkeep.bootstrap.documents import open_documents
from orderkeep.bootstrap.stores import InvalidStoreURL, open_store, records_of
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.movable_store import MovableStore


@dataclass(frozen=True, slots=True)
class StoreCopies:
    """The use cases that need two stores; `close` closes both."""

    copy_store: CopyStoreUseCase
    compare_stores: CompareStoresUseCase
    move_store: MoveStoreUseCase
    close: Callable[[], Awaitable[None]]


def whole(store: OrderStore, files: DocumentStore | None = None) -> WholeStore:
    """Return the store with the API keys and the records that it supports, and those files."""
    keys = store.api_keys() if isinstance(store, KeepsApiKeys) else None
    return WholeStore(store, keys, store.records() if isinstance(store, KeepsRecords) else None, files)


def open_copies(
    urls: tuple[str, str],
    access: StoreAccess,
    documents: tuple[str, str] | None = None,
    *,
    of_source: StoreAccess = StoreAccess.READ,
) -> StoreCopies:
    """Open the source to read it, or with another access, and the target with `access`; with `documents`, also the
    document stores of both. Raises `InvalidStoreURL` if both are the same, and like `open_store` and `open_documents`.
    """
    if urls[0] == urls[1]:
        raise InvalidStoreURL("the source and the target are the same store")
    if "memory://" in urls:
        raise InvalidStoreURL("a store in memory cannot be copied: it ends with the process")
    stores = open_store(urls[0], access=of_source), open_store(urls[1], access=access)
    files = tuple(map(open_documents, documents)) if documents else (None, None)

    async def close() -> None:
        for each in (*stores, *files):
            if each is not None:
                await each.close()

    sides = [whole(store, each) for store, each in zip(stores, files, strict=True)]
    statistics = UpdateStatisticsUseCase(stores[1], lambda: records_of(stores[1]))
    move = MoveStoreUseCase(sides[0], sides[1], statistics)
    return StoreCopies(CopyStoreUseCase(*sides), CompareStoresUseCase(*sides), move, close)


async def reopen_store(urls: tuple[str, str], actor: Actor) -> None:
    """Let the first store accept writes again after its orders were moved to the second, which is lost. Raises like
    `open_store` and `MoveStoreUseCase.reopen`.
    """
    if urls[0] == urls[1]:
        raise InvalidStoreURL("the source and the target are the same store")
    stores = [open_store(urls[0], access=StoreAccess.WRITE)]
    try:
        with suppress(StoreUnavailable):
            stores.append(open_store(urls[1], access=StoreAccess.READ))
        is_lost = len(stores) == 1
        await MoveStoreUseCase(whole(stores[0]), whole(stores[-1])).reopen(is_lost=is_lost, actor=actor)
    finally:
        for store in stores:
            await store.close()


def open_movable_store(
    url: str, moved_to: str, *, auto_migrate: bool = True, access: StoreAccess = StoreAccess.CREATE
) -> OrderStore:
    """Open the store of the URL; with `moved_to`, a store that uses the one of the two whose fence is down. Raises like
    `open_store`.
    """
    first = open_store(url, auto_migrate=auto_migrate, access=access)
    if moved_to in ("", url):
        return first
    of_second = StoreAccess.WRITE if access is StoreAccess.CREATE else access
    return MovableStore(whole(first), lambda: whole(open_store(moved_to, auto_migrate=auto_migrate, access=of_second)))
