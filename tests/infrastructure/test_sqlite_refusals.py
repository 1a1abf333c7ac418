"""A file that is not ours, newer, damaged or not to be written is refused, with what to do about it."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, connections
from tests.infrastructure.sqlite_samples import an_order, look

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
def powerless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, and a process that may do in it what its owner may and no more, though the tests may run as root.

    Whoever it is then may not be let into the checkout, and finds the tables' definition in a copy.
    """
    was_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as copy:
        folder = Path(name)
        if was_root:
            definition = shutil.copytree(connections.MIGRATIONS, Path(copy) / "migrations")
            Path(copy).chmod(0o755)
            monkeypatch.setattr(connections, "prepare", partial(connections.prepare, migrations=definition))
            os.chown(folder, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield folder
        finally:
            folder.chmod(stat.S_IRWXU)
            if was_root:
                os.setresuid(0, 0, 0)


async def saved(path: Path | str) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order())
    await store.close()


async def test_refuses_a_newer_schema(path: Path) -> None:
    await saved(path)
    look(path, "PRAGMA user_version = 8")

    with pytest.raises(StoreUnusable, match=r"newer orderkeep wrote .*orders\.db \(schema 8; this one knows 2\)"):
        SqliteOrderRepository(path)


@pytest.mark.parametrize("mark", ["CREATE TABLE songs (title)", "PRAGMA application_id = 7", "PRAGMA user_version = 3"])
def test_refuses_another_programs_database_and_leaves_it_alone(path: Path, mark: str) -> None:
    look(path, mark)
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match=r"orders\.db is another program's SQLite database: name another file"):
        SqliteOrderRepository(path)
    assert path.read_bytes() == before


def test_refuses_a_file_that_is_no_database_and_leaves_it_alone(path: Path) -> None:
    path.write_text("name,quantity\n" * 500)

    with pytest.raises(StoreUnusable, match=r"orders\.db is not an SQLite database: name another file"):
        SqliteOrderRepository(path)
    assert path.read_text() == "name,quantity\n" * 500


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="is not a file"):
        SqliteOrderRepository(tmp_path)


def test_refuses_a_path_whose_folder_is_missing_and_does_not_make_it(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=r"there is no folder .*nowhere: make it"):
        SqliteOrderRepository(tmp_path / "nowhere" / "orders.db")
    assert list(tmp_path.iterdir()) == []


def test_refuses_the_name_that_means_memory_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUnusable, match="memory://"):
        SqliteOrderRepository(":memory:")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_file_that_it_may_not_write(powerless: Path) -> None:
    path = powerless / "orders.db"
    asyncio.run(saved(path))
    path.chmod(stat.S_IRUSR)

    with pytest.raises(StoreUnusable, match=r"orders\.db cannot be written: grant this user read and write permission"):
        SqliteOrderRepository(path)


def test_refuses_a_folder_that_it_may_not_write(powerless: Path) -> None:
    asyncio.run(saved(powerless / "orders.db"))
    powerless.chmod(stat.S_IRUSR | stat.S_IXUSR)

    for name in ("orders.db", "new.db"):
        with pytest.raises(StoreUnusable, match="cannot be written, and SQLite keeps its log there"):
            SqliteOrderRepository(powerless / name)


def damage(path: Path, start: int, end: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:end] = b"\xa5" * (end - start)
    path.write_bytes(content)


async def test_says_where_the_file_is_damaged_and_who_can_mend_it(path: Path) -> None:
    await saved(path)
    damage(path, 100, 4096)  # the first page: what tables there are

    with pytest.raises(StoreUnusable, match=r"orders\.db is damaged: put a copy aside"):
        SqliteOrderRepository(path)


async def test_says_that_a_page_is_damaged_when_it_is_read(path: Path) -> None:
    await saved(path)
    [(page,)] = look(path, "SELECT rootpage FROM sqlite_master WHERE name = 'orders'")
    damage(path, (page - 1) * 4096, page * 4096)
    store = SqliteOrderRepository(path)

    with pytest.raises(StoreUnusable, match=r"orders\.db is damaged: put a copy aside"):
        await store.get_by_id("order-1")
    await store.close()


async def test_says_that_the_tables_were_altered(path: Path) -> None:
    await saved(path)
    look(path, "DROP TABLE order_tags")
    store = SqliteOrderRepository(path)

    with pytest.raises(StoreUnusable, match=r"orders\.db lacks tables or columns"):
        await store.save(an_order(2))
    await store.close()
