"""`orderkeep migrate`, and starting without automatic migration."""

import json
from pathlib import Path

import pytest
from click import UsageError
from pydantic import ValidationError

from orderkeep.application.ports import StoreAccess
from orderkeep.config import Settings
from orderkeep.entrypoints.cli import session
from tests.entrypoints.cli_calls import environment, run

BY_HAND = environment(ORDERKEEP_AUTO_MIGRATE="false")
PLACE = ("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'orders.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_migrate_creates_the_schema_once(url: str, tmp_path: Path) -> None:
    first, again = (run("--store", url, "migrate", cwd=tmp_path) for _ in range(2))
    in_json = run("--store", url, "migrate", "--json", cwd=tmp_path)

    assert (first.returncode, first.stdout) == (0, b"before\t0\nafter\t5\n"), first.stderr
    assert (again.returncode, again.stdout) == (0, b"before\t5\nafter\t5\n")
    assert json.loads(in_json.stdout) == {"before": 5, "after": 5}


def test_store_without_auto_migrate_requires_the_command(url: str, tmp_path: Path) -> None:
    failed = run("--store", url, *PLACE, cwd=tmp_path, env=BY_HAND)
    assert failed.returncode == 7
    assert b"orderkeep migrate" in failed.stderr
    assert list(tmp_path.iterdir()) == []

    assert run("--store", url, "migrate", cwd=tmp_path, env=BY_HAND).returncode == 0
    placed = run("--store", url, *PLACE, cwd=tmp_path, env=BY_HAND)
    assert json.loads(placed.stdout)["total"] == 9900


def test_file_of_an_older_schema_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "orders.db").touch()
    failed = run("--store", "sqlite:///orders.db", *PLACE, cwd=tmp_path, env=BY_HAND)

    assert failed.returncode == 7
    assert b".db has schema 0, and this version requires 5: run `orderkeep migrate`" in failed.stderr
    assert [(found.name, found.stat().st_size) for found in tmp_path.iterdir()] == [("orders.db", 0)]


def test_serve_rejects_a_file_that_it_may_not_migrate(tmp_path: Path) -> None:
    failed = run("--store", "sqlite:///orders.db", "serve", "--port", "0", cwd=tmp_path, env=BY_HAND)

    assert failed.returncode == 7
    assert b"create the file with `orderkeep migrate`" in failed.stderr


@pytest.mark.parametrize(
    "value", ["perhaps", "2", "-1", "0", "1", "NO", "Yes", "off", "on", "f", "t", "n", "y", "False"]
)
def test_auto_migrate_is_parsed_as_by_the_settings(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_AUTO_MIGRATE", value)
    opened = []
    monkeypatch.setattr(session, "bootstrap", lambda *_, auto_migrate, **__: opened.append(auto_migrate))
    try:
        settings = Settings()
    except ValidationError:
        with pytest.raises(UsageError, match="ORDERKEEP_AUTO_MIGRATE must be true or false"):
            session.open_from_environment("memory://", StoreAccess.CREATE)
    else:
        session.open_from_environment("memory://", StoreAccess.CREATE)
        assert opened == [settings.auto_migrate]


def test_migrate_rejects_a_store_without_tables(tmp_path: Path) -> None:
    failed = run("--store", "memory://", "migrate", cwd=tmp_path)

    assert failed.returncode == 2
    assert b"this store has no schema to migrate" in failed.stderr


@pytest.mark.parametrize("command", [("list",), ("serve", "--port", "0"), ("migrate",)])
def test_missing_package_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "asyncpg.py").write_text("raise ModuleNotFoundError('gone', name='asyncpg')")
    path = environment(PYTHONPATH=str(tmp_path))
    failed = run("--store", "postgresql://localhost/orders", *command, cwd=tmp_path, env=path)

    assert failed.returncode == 2
    assert b"pip install 'orderkeep[postgres]'" in failed.stderr
    assert failed.stderr.count(b"\n") == 1


@pytest.mark.parametrize("url", ["postgresql://localhost", "postgres://localhost/"])
def test_url_without_a_database_is_rejected(tmp_path: Path, url: str) -> None:
    failed = run("--store", url, "list", cwd=tmp_path)

    assert failed.returncode == 2
    assert b"contains a database name" in failed.stderr
