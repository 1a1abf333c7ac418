"""Backups: complete, for their owner alone, never over another file, and no trace of one that failed."""

# ruff: noqa: ASYNC240  # the files are small

import asyncio
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.stores import BackupNotSupported, InvalidStoreURL, back_up_store
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.infrastructure.sqlite_repo.backup import Backup, back_up
from orderkeep.infrastructure.sqlite_repo.connections import Connection, OrdersFile
from tests.infrastructure.sqlite_samples import an_order, look


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "backup.db"


async def test_backup_contains_what_is_committed_while_the_store_is_open(
    store: SqliteOrderRepository, path: Path, target: Path
) -> None:
    first = an_order(1)
    await store.save(first, an_order(2))
    first.confirm(at=first.updated_at)
    await store.save(first)
    assert path.with_name("orders.db-wal").stat().st_size
    made = back_up(path, target)
    assert str(target) not in {file.path for file in psutil.Process().open_files()}
    await store.save(an_order(3))

    assert made == Backup(str(target), target.stat().st_size, orders=2, changes=3)
    assert [each.name for each in target.parent.iterdir()] == ["backup.db"]
    copy = SqliteOrderRepository(target, access=StoreAccess.READ)
    assert (await VerifyOrdersUseCase(copy).execute()).problems == []
    assert await copy.get_by_id("order-3") is None
    await copy.close()


async def test_backup_needs_no_second_file(store: SqliteOrderRepository, path: Path, target: Path) -> None:
    await store.save(an_order(1))
    back_up(path, target)
    assert target.read_bytes()[18:20] == b"\1\1"  # a rollback journal, so that any program can read it anywhere


async def test_backup_is_readable_by_its_owner_only(store: SqliteOrderRepository, path: Path, target: Path) -> None:
    path.chmod(0o664)
    umask = os.umask(0)
    try:
        back_up(path, target)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_backup_and_its_directory_are_synced(
    store: SqliteOrderRepository, path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    back_up(path, target)
    assert synced == [target.stat().st_ino, target.parent.stat().st_ino]


@pytest.mark.parametrize("existing", ["file", "dangling link"])
async def test_backup_never_replaces_a_file(
    store: SqliteOrderRepository, path: Path, target: Path, existing: str
) -> None:
    if existing == "file":
        target.write_text("precious")
    else:
        target.symlink_to("elsewhere.db")
    for source in (path, path.with_name("missing.db")):  # it is checked before anything is copied
        with pytest.raises(FileExistsError):
            back_up(source, target)
    assert [each.name for each in target.parent.iterdir()] == ["backup.db"]
    assert existing != "file" or target.read_text() == "precious"


async def test_file_that_appears_meanwhile_is_not_replaced(
    store: SqliteOrderRepository, path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (target.write_text("precious"), real(handle))[1])
    with pytest.raises(FileExistsError):
        back_up(path, target)
    assert [each.name for each in target.parent.iterdir()] == ["backup.db"]
    assert target.read_text() == "precious"


async def test_older_schema_can_be_backed_up_before_the_upgrade(path: Path, target: Path) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    await store.close()
    look(path, "DROP TABLE api_keys")
    look(path, "PRAGMA user_version = 1")

    assert back_up(path, target).orders == 1
    assert look(target, "PRAGMA user_version") == [(1,)]


async def test_damaged_store_gets_no_backup(path: Path, target: Path) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    await store.close()
    [(page,)] = look(path, "SELECT rootpage FROM sqlite_master WHERE name = 'orders'")
    content = path.read_bytes()
    start, end = (page - 1) * 4096, page * 4096
    path.write_bytes(content[:start] + content[start:end].replace(b"user-1", b"user-9") + content[end:])

    with pytest.raises(StoreUnusable, match="is damaged, so no backup was written: "):
        back_up(path, target)
    assert list(target.parent.iterdir()) == []


@contextmanager
def no_file_grows_past(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_failed_write_leaves_no_file_and_names_the_target(
    store: SqliteOrderRepository, path: Path, target: Path
) -> None:
    with no_file_grows_past(20_000), pytest.raises(StoreUnavailable, match=r"backup\.db"):
        back_up(path, target)
    assert list(target.parent.iterdir()) == []


async def test_copy_is_repeated_if_a_service_starts_meanwhile(
    path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    await store.close()

    async def serve_once() -> None:
        service = SqliteOrderRepository(path)
        await service.save(an_order(2))
        await service.close()

    was_written, services = OrdersFile.was_written, [serve_once]

    def after_a_service(file: OrdersFile, connection: Connection) -> bool:
        if services:
            thread = threading.Thread(target=lambda: asyncio.run(services.pop()()))
            thread.start()
            thread.join()
        return was_written(file, connection)

    monkeypatch.setattr(OrdersFile, "was_written", after_a_service)
    assert back_up(path, target).orders == 2


@pytest.mark.parametrize(
    "url, tool",
    [
        ("postgresql://user:kept-secret@db/orders", "pg_dump"),
        ("postgres://db/orders", "pg_dump"),
        ("dynamodb://orders", "point-in-time recovery"),
        ("memory://", "use a SQLite store"),
    ],
)
def test_other_stores_name_their_own_tool(url: str, tool: str, target: Path) -> None:
    with pytest.raises(BackupNotSupported, match=tool) as rejected:
        back_up_store(url, target)
    assert "kept-secret" not in str(rejected.value)


def test_unknown_store_is_rejected(target: Path) -> None:
    with pytest.raises(InvalidStoreURL, match="begins with memory://, sqlite://"):
        back_up_store("redis://localhost", target)
