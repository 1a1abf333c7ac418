"""A file that is foreign, newer, damaged or not writable is rejected, with the remedy."""

import asyncio
import stat
from pathlib import Path

import pytest

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from tests.infrastructure.sqlite_samples import an_order, look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


async def saved(path: Path | str) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order())
    await store.close()


async def test_newer_schema_is_rejected(path: Path) -> None:
    await saved(path)
    look(path, "PRAGMA user_version = 8")

    with pytest.raises(StoreUnusable, match=r"orders\.db has schema 8 of a newer version, and this one supports 5"):
        SqliteOrderRepository(path)


@pytest.mark.parametrize("mark", ["CREATE TABLE songs (title)", "PRAGMA application_id = 7", "PRAGMA user_version = 3"])
def test_database_of_another_program_is_rejected_unchanged(path: Path, mark: str) -> None:
    look(path, mark)
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match=r"orders\.db is another program's SQLite database: use another file"):
        SqliteOrderRepository(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_rejected_unchanged(path: Path) -> None:
    path.write_text("name,quantity\n" * 500)

    with pytest.raises(StoreUnusable, match=r"orders\.db is not a SQLite database: use another file"):
        SqliteOrderRepository(path)
    assert path.read_text() == "name,quantity\n" * 500


def test_directory_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="is not a file"):
        SqliteOrderRepository(tmp_path)


def test_missing_directory_is_rejected_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=r"the directory .*nowhere does not exist: create it"):
        SqliteOrderRepository(tmp_path / "nowhere" / "orders.db")
    assert list(tmp_path.iterdir()) == []


def test_sqlites_name_for_memory_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUnusable, match="memory://"):
        SqliteOrderRepository(":memory:")
    assert list(tmp_path.iterdir()) == []


def test_file_without_write_permission_is_rejected(unprivileged: Path) -> None:
    path = unprivileged / "orders.db"
    asyncio.run(saved(path))
    path.chmod(stat.S_IRUSR)

    with pytest.raises(StoreUnusable, match=r"orders\.db cannot be written: grant this user read and write permission"):
        SqliteOrderRepository(path)


def test_directory_without_write_permission_is_rejected(unprivileged: Path) -> None:
    asyncio.run(saved(unprivileged / "orders.db"))
    unprivileged.chmod(stat.S_IRUSR | stat.S_IXUSR)

    for name in ("orders.db", "new.db"):
        with pytest.raises(StoreUnusable, match="cannot be written, and SQLite creates its log there"):
            SqliteOrderRepository(unprivileged / name)


def damage(path: Path, start: int, end: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:end] = b"\xa5" * (end - start)
    path.write_bytes(content)


async def test_damaged_file_is_reported_when_opened(path: Path) -> None:
    await saved(path)
    damage(path, 100, 4096)  # the first page: what tables there are

    with pytest.raises(StoreUnusable, match=r"orders\.db is damaged: save a copy of it"):
        SqliteOrderRepository(path)


async def test_damaged_page_is_reported_when_read(path: Path) -> None:
    await saved(path)
    [(page,)] = look(path, "SELECT rootpage FROM sqlite_master WHERE name = 'orders'")
    damage(path, (page - 1) * 4096, page * 4096)
    store = SqliteOrderRepository(path)

    with pytest.raises(StoreUnusable, match=r"orders\.db is damaged: save a copy of it"):
        await store.get_by_id("order-1")
    await store.close()


async def test_altered_tables_are_reported(path: Path) -> None:
    await saved(path)
    look(path, "DROP TABLE order_tags")
    store = SqliteOrderRepository(path)

    with pytest.raises(StoreUnusable, match=r"tables or columns are missing in .*orders\.db"):
        await store.save(an_order(2))
    await store.close()
