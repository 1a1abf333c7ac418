"""The readiness check: it fails while orders cannot be written, and always ends."""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orderkeep import bootstrap
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, connections
from tests.infrastructure.dynamo_samples import store_behind_a_proxy
from tests.infrastructure.sqlite_samples import an_order
from tests.servers.dynamodb import Server
from tests.servers.dynamodb_proxy import Json, Reject


@contextmanager
def no_file_grows_past(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_store_that_every_client_uses_is_ready(store_url: str) -> None:
    store = open_store(store_url)
    await store.ping()
    await store.save(an_order())
    await store.ping()
    await store.close()


async def test_full_disk_is_not_ready_until_there_is_space(store: SqliteOrderRepository, path: Path) -> None:
    await store.save(an_order(1))
    with no_file_grows_past(path.with_name("orders.db-wal").stat().st_size):
        with pytest.raises(StoreUnavailable):
            await store.save(an_order(2))
        with pytest.raises(StoreUnavailable, match=r"reading or writing .*orders\.db failed"):
            await store.ping()
    await store.ping()


@pytest.mark.parametrize("sign", ["little space", "no permission"])
async def test_idle_store_with_a_sign_of_trouble_tries_to_write(
    store: SqliteOrderRepository, path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    if sign == "little space":
        monkeypatch.setattr(connections, "LITTLE_SPACE_BYTES", 1 << 62)
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)
    await store.ping()  # it can be written after all
    store._writer._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnusable, match="cannot be written"):
        await store.ping()


async def test_idle_store_without_a_sign_of_trouble_is_only_read(store: SqliteOrderRepository) -> None:
    store._writer._connection.execute("PRAGMA query_only = ON")
    await store.ping()


async def test_check_changes_nothing(store: SqliteOrderRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LITTLE_SPACE_BYTES", 1 << 62)
    await store.save(an_order())
    before = list(store._writer._connection.iterdump())
    await store.ping()
    assert list(store._writer._connection.iterdump()) == before
    assert store._writer._connection.execute("PRAGMA user_version").fetchall() == [(5,)]


async def test_table_that_cannot_be_written_is_not_ready(dynamodb: Server) -> None:
    def reject_writes(operation: str, payload: Json) -> None:
        if operation == "TransactWriteItems" and "Put" in payload["TransactItems"][0]:
            raise Reject("AccessDeniedException")

    async with store_behind_a_proxy(dynamodb) as (store, proxy):
        await store.ping()
        proxy.before = reject_writes
        with pytest.raises(StoreUnusable, match="lack a permission on the table"):
            await store.ping()


class Hanging(InMemoryOrderRepository):
    """A store that does not respond, and does not let itself be cancelled."""

    async def ping(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled = True
                if self.released:
                    raise

    cancelled = released = False


async def test_check_ends_if_the_store_does_not_respond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CHECK_SECONDS", 0.001)
    store = Hanging()
    with pytest.raises(StoreUnavailable, match=r"did not respond within 0\.001 seconds"):
        await build_use_cases(store).check_store()
    await asyncio.sleep(0)
    assert store.cancelled
    store.released = True
