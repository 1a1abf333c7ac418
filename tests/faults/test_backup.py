"""A backup made while a service takes orders: it verifies, and a service restored from it serves them."""

import shutil
import threading
from pathlib import Path

from tests.entrypoints.cli_calls import run
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import serving


def test_backup_under_writes_verifies_and_can_be_restored(tmp_path: Path) -> None:
    store, backup = tmp_path / "orders.db", tmp_path / "backup.db"
    before: list[str] = []
    stop = threading.Event()
    with serving(store=f"sqlite:///{store}") as (client, process):
        before += [client.post("/orders", json=PLAIN).headers["location"] for _ in range(20)]

        def write() -> None:
            while not stop.is_set():
                assert client.post("/orders", json=PLAIN).status_code == 201

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        made = run("--store", f"sqlite:///{store}", "backup", str(backup), cwd=tmp_path)
        stop.set()
        for writer in writers:
            writer.join()
        process.kill()
        process.wait(30)
    assert made.returncode == 0, made.stderr
    verified = run("--store", f"sqlite:///{backup}", "verify", cwd=tmp_path)
    assert (verified.returncode, b"problems\t0" in verified.stdout) == (0, True), verified.stdout

    for each in list(tmp_path.glob("orders.db*")):
        each.unlink()
    shutil.copy(backup, store)
    with serving(store=f"sqlite:///{store}") as (client, _):
        assert all(client.get(path).status_code == 200 for path in before)
        assert client.post("/orders", json=PLAIN).status_code == 201


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    run("demo", cwd=tmp_path)
    (tmp_path / "backup.db").write_text("precious")
    refused = run("backup", "backup.db", cwd=tmp_path)
    assert (refused.returncode, refused.stderr) == (2, b"orderkeep: backup.db exists; use another name\n")
    assert (tmp_path / "backup.db").read_text() == "precious"


def test_missing_directory_is_reported(tmp_path: Path) -> None:
    run("demo", cwd=tmp_path)
    refused = run("backup", "nowhere/backup.db", cwd=tmp_path)
    assert refused.returncode == 2
    assert b"cannot write nowhere/backup.db: No such file or directory" in refused.stderr


def test_other_stores_are_rejected_with_their_tool(tmp_path: Path) -> None:
    refused = run("--store", "postgresql://db/orders", "backup", "backup.db", cwd=tmp_path)
    assert (refused.returncode, b"pg_dump" in refused.stderr) == (2, True)
