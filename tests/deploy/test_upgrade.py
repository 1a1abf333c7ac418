"""What the pages say of upgrades, of rolling back and of restoring a dump is what happens."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import CHECKOUT
from tests.deploy.container import Container
from tests.entrypoints.http_calls import ORDER, PLAIN
from tests.servers import postgres
from tests.servers.schemas import ask

PAGE = (CHECKOUT / "docs" / "how-to" / "deploy" / "containers.md").read_text(encoding="utf-8")
LIVES = "/livez"


@pytest.fixture
def on_postgres(container: Container, postgres_url: str) -> Container:
    """A container that keeps orders in PostgreSQL, and leaves tables alone."""
    container.image.environment |= {"ORDERKEEP_STORE": postgres_url, "ORDERKEEP_AUTO_MIGRATE": "false"}
    return container


def alive(container: Container) -> list[str]:
    return [word.replace("/readyz", LIVES) for word in container.image.health]


def test_old_code_that_runs_goes_on_with_newer_tables_and_that_starts_rejects_them_on_postgres(
    on_postgres: Container, postgres_url: str
) -> None:
    assert on_postgres.run("migrate").returncode == 0
    shown = on_postgres.shown()
    on_postgres.start()
    ask(postgres_url, "INSERT INTO orderkeep_migrations (number, name) VALUES (6, '0006_of_the_future.sql')")
    assert on_postgres.health().returncode == 0
    assert httpx.post(f"{on_postgres.url}/orders", json=PLAIN, headers=shown).status_code == 201
    assert on_postgres.stop(30) == 0

    on_postgres.start(alive(on_postgres))
    assert on_postgres.health().returncode == 1
    assert httpx.get(f"{on_postgres.url}/readyz").status_code == 503
    assert "of a newer version" in on_postgres.said()


def test_new_code_rejects_older_tables_until_they_are_migrated_on_postgres(on_postgres: Container) -> None:
    on_postgres.start(alive(on_postgres))
    assert on_postgres.health().returncode == 1
    assert "run `orderkeep migrate`" in on_postgres.said()
    assert on_postgres.run("migrate").stdout == "before\t0\nafter\t5\n"
    assert on_postgres.health().returncode == 0
    assert on_postgres.run("migrate").stdout == "before\t5\nafter\t5\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[postgres.PostgresServer]:
    server = postgres.start(tmp_path, *postgres.IN_A_HURRY)
    try:
        yield server
    finally:
        server.stop()


def test_a_dump_is_restored_and_verified_as_the_page_says_on_postgres(
    container: Container, server: postgres.PostgresServer, tmp_path: Path
) -> None:
    dump, create, restore = (
        shlex.split(told) for told in re.findall(r" postgres ((?:pg_dump|createdb|pg_restore) [^\n<>]+)", PAGE)
    )
    orders, restored = (server.url.removesuffix("postgres") + name for name in ("orders", "restored"))
    server.run("createuser", "--superuser", "orderkeep")
    server.run("createdb", "--owner=orderkeep", "orders")
    container.image.environment["ORDERKEEP_STORE"] = orders
    container.start()
    shown = container.shown()
    placed = httpx.post(f"{container.url}/orders", json=ORDER, headers=shown)
    assert placed.status_code == 201

    file = tmp_path / "orders.dump"
    server.run(*dump, f"--file={file}")
    server.run(*create)
    server.run(*restore, str(file))
    assert container.stop(30) == 0

    container.image.environment["ORDERKEEP_STORE"] = restored
    assert container.run("verify").stdout == "orders\t1\nchanges\t1\nproblems\t0\n"
    container.start()
    assert httpx.get(container.url + placed.headers["location"], headers=shown).content == placed.content
