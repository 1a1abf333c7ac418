"""Accidents with the files of a running service: no acknowledged order is lost, or the service stops acknowledging."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from orderkeep.infrastructure.sqlite_repo.backup import back_up
from tests.entrypoints.cli_calls import run
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import serving
from tests.faults.loss_checker import read_kept
from tests.infrastructure.sqlite_samples import look

BEFORE = 7


@dataclass
class Running:
    """A service on `path`, the locations of the orders that it acknowledged, and a backup without the last of them."""

    client: httpx.Client
    process: subprocess.Popen[str]
    path: Path
    acknowledged: list[str] = field(default_factory=list)

    @property
    def backup(self) -> Path:
        return self.path.with_name("backup.db")

    def place(self) -> httpx.Response:
        response = self.client.post("/orders", json=PLAIN)
        if response.status_code == 201:
            self.acknowledged.append(response.headers["location"])
        return response

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return run("--store", f"sqlite:///{self.path}", *arguments, cwd=self.path.parent)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(30)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    path = tmp_path / "orders.db"
    with serving(store=f"sqlite:///{path}") as (client, process):
        found = Running(client, process, path)
        for _ in range(BEFORE - 1):
            found.place()
        back_up(path, found.backup)
        found.place()
        yield found


def lost_after_restart(store: Running) -> list[str]:
    with serving(store=f"sqlite:///{store.path}") as (client, _):
        lost = [location for location in store.acknowledged if client.get(location).status_code != 200]
        assert client.get("/readyz").status_code == 200
        assert client.post("/orders", json=PLAIN).status_code == 201
    assert asyncio.run(read_kept(f"sqlite:///{store.path}"))[1] == []
    return lost


def delete(*suffixes: str) -> Callable[[Running], None]:
    def accident(store: Running) -> None:
        for suffix in suffixes:
            Path(f"{store.path}{suffix}").unlink()

    return accident


def rename_log(store: Running) -> None:
    Path(f"{store.path}-wal").rename(f"{store.path}-wal.old")


def replace_log_by_an_empty_file(store: Running) -> None:
    Path(f"{store.path}-wal").unlink()
    Path(f"{store.path}-wal").touch()


def place(store: Running) -> httpx.Response:
    return store.place()


def check_readiness(store: Running) -> httpx.Response:
    return store.client.get("/readyz")


@pytest.mark.parametrize(
    "accident, detect",
    [
        (delete("-wal"), check_readiness),
        (delete("-shm"), place),
        (delete("-wal", "-shm"), place),
        (rename_log, place),
        (replace_log_by_an_empty_file, place),
    ],
    ids=["wal", "shm", "both", "renamed", "empty"],
)
def test_deleted_log_loses_no_acknowledged_order(
    running: Running, accident: Callable[[Running], None], detect: Callable[[Running], httpx.Response]
) -> None:
    accident(running)
    response = detect(running)
    assert (response.status_code, response.json()["code"]) == (503, "store_unusable")
    assert running.client.get("/readyz").status_code == 503
    running.end(signal.SIGKILL)

    assert len(running.acknowledged) == BEFORE
    assert lost_after_restart(running) == []


def test_deleted_log_is_copied_when_the_service_is_stopped(running: Running) -> None:
    delete("-wal", "-shm")(running)
    running.end(signal.SIGTERM)
    assert lost_after_restart(running) == []


def test_orders_of_a_process_with_a_new_log_survive_the_service_with_the_old_one(running: Running) -> None:
    delete("-wal", "-shm")(running)
    assert running.client.get("/readyz").status_code == 503  # and the old log is in the file
    placed = running.cli("--json", "place", "--user", "u", "--total", "9.00", "--currency", "EUR")
    assert placed.returncode == 0, placed.stderr
    running.end(signal.SIGTERM)
    assert lost_after_restart(running) == []
    assert look(running.path, "SELECT count(*) FROM orders WHERE user_id = 'u'") == [(1,)]


def copy_over(store: Running) -> None:
    with store.path.open("r+b") as file:  # as cp does: the file is the same, its content is another
        file.truncate()
        file.write(store.backup.read_bytes())


def rename_over(store: Running) -> None:
    shutil.copy(store.backup, new := store.path.with_name("new.db"))
    new.rename(store.path)


def copy_over_and_delete_log(store: Running) -> None:
    copy_over(store)
    delete("-wal", "-shm")(store)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("accident", [copy_over, copy_over_and_delete_log])
def test_backup_that_is_copied_over_the_open_file_is_not_mixed_with_its_log(
    running: Running, accident: Callable[[Running], None], end: signal.Signals
) -> None:
    accident(running)
    refused = running.place()
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unusable")
    assert running.client.get("/readyz").status_code == 503
    running.end(end)
    if accident is copy_over:
        refusal = running.cli("list")
        assert (refusal.returncode, b"move" in refusal.stderr, b"orders.db-wal" in refusal.stderr) == (7, True, True)
        delete("-wal", "-shm")(running)

    assert running.path.read_bytes() == running.backup.read_bytes()
    assert lost_after_restart(running) == running.acknowledged[BEFORE - 1 :]  # those that the backup lacks


@pytest.mark.parametrize("accident", [rename_over, delete(""), lambda store: os.truncate(store.path, 0)])
def test_service_whose_file_is_gone_acknowledges_nothing(running: Running, accident: Callable[[Running], None]) -> None:
    accident(running)
    assert running.place().status_code == 503
    assert running.client.get("/readyz").status_code == 503
    assert all(running.client.get(location).status_code == 200 for location in running.acknowledged[:1])


def test_truncated_log_is_detected_before_the_next_commit(running: Running) -> None:
    os.truncate(f"{running.path}-wal", 0)
    assert running.place().status_code == 503
    assert running.client.get("/readyz").status_code == 503
    running.end(signal.SIGKILL)
    assert running.cli("verify").returncode in (5, 7)


@pytest.mark.parametrize("accident", [delete(""), lambda store: os.truncate(store.path, 0)], ids=["deleted", "emptied"])
def test_log_without_its_file_is_not_discarded_by_the_next_start(
    running: Running, accident: Callable[[Running], None]
) -> None:
    shutil.copy(running.path, kept := running.path.with_name("kept.db"))
    running.end(signal.SIGKILL)
    accident(running)
    refusal = running.cli("serve", "--port", "0")
    assert (refusal.returncode, b"orders.db-wal contains changes: put the file back" in refusal.stderr) == (7, True)

    kept.replace(running.path)
    assert lost_after_restart(running) == []


def test_vacuum_and_checkpoints_of_another_process_are_no_accident(running: Running) -> None:
    for _ in range(3):
        for statement in ("DELETE FROM order_tags", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            look(running.path, statement)
            assert running.place().status_code == 201
            assert running.client.get("/readyz").status_code == 200
    running.end(signal.SIGTERM)
    assert lost_after_restart(running) == []
