"""The command as a process: its imports, exit codes, streams, signals and terminals."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import all_of, environment, on_a_terminal, run

SLOW = {
    "fastapi",
    "starlette",
    "pydantic",
    "pydantic_settings",
    "urllib3",
    "uvicorn",
    "uvloop",
    "rich",
    "prometheus_client",
    "typst",
}
BUFFERED = environment(PYTHONUNBUFFERED="")
"""The default of Python: output is written late, at the end, or not at all."""

PLACE = ("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store of 400 orders, which no test changes."""
    folder = tmp_path_factory.mktemp("shop")
    assert run("demo", "--orders", "400", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def order_id(shop: Path) -> str:
    return run("list", "--limit", "1", cwd=shop).stdout.decode().split("\t")[0]


@pytest.mark.parametrize(
    "args", [("--help",), ("list",), ("list", "--json"), ("get", "{id}"), ("history", "{id}"), ("documents", "{id}")]
)
def test_help_and_reads_import_nothing_slow(shop: Path, order_id: str, args: tuple[str, ...]) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr))\n"
        "from orderkeep.entrypoints.cli.main import main; main()"
    )
    command = [sys.executable, "-c", script, *(arg.format(id=order_id) for arg in args)]
    result = subprocess.run(command, cwd=shop, capture_output=True, check=True)
    assert "click" in result.stderr.decode().splitlines()[-1].split()
    assert set(result.stderr.decode().splitlines()[-1].split()) & SLOW == set()


def test_each_outcome_has_its_exit_code(tmp_path: Path) -> None:
    placed = run(*PLACE, cwd=tmp_path)
    assert placed.returncode == 0
    order = json.loads(placed.stdout)["id"]
    (tmp_path / "wrong.jsonl").write_text("{}\n")
    (tmp_path / "no.db").write_text("this is not a database, and it is not empty" * 20)
    outcomes = {
        ("list", "--limit", "none"): 2,
        ("no-such-command",): 2,
        ("--store", "redis://x", "list"): 2,
        ("get", "no-such-order"): 3,
        ("ship", order): 4,
        ("import", "wrong.jsonl"): 5,
        ("--store", "sqlite:///no.db", "list"): 7,
        ("--store", "sqlite:///no-such-folder/orders.db", "list"): 7,
        ("verify",): 0,
    }
    results = {args: run(*args, cwd=tmp_path) for args in outcomes}
    assert {args: result.returncode for args, result in results.items()} == outcomes
    assert all(result.stderr for args, result in results.items() if outcomes[args])
    assert not any(b"Traceback" in result.stderr for result in results.values())


def test_internal_error_prints_one_line_and_a_traceback_with_debug(tmp_path: Path) -> None:
    script = (
        "from orderkeep.entrypoints.cli.main import cli\nfrom orderkeep.entrypoints.cli.session import Session\n"
        "cli.main(obj=Session(open=lambda url, access: 1 / 0), prog_name='orderkeep')"
    )

    def broken(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, *args]
        return subprocess.run(command, env=environment(**variables), capture_output=True, text=True, check=False)

    failed = broken("list")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.count("\n") == 1
    assert "internal error (ZeroDivisionError)" in failed.stderr
    assert "report" in failed.stderr
    for traced in (broken("list", "--debug"), broken("--debug", "list"), broken("list", ORDERKEEP_DEBUG="1")):
        assert traced.returncode == 1
        assert "Traceback" in traced.stderr


def test_store_is_selected_before_or_after_the_command_or_by_the_environment(tmp_path: Path) -> None:
    url = "sqlite:///elsewhere.db"
    run("--store", url, *PLACE, cwd=tmp_path)
    assert not (tmp_path / "orders.db").exists()
    results = [
        run("--store", url, "list", cwd=tmp_path),
        run("list", "--store", url, cwd=tmp_path),
        run("--store", "sqlite:///no.db", "list", "--store", url, cwd=tmp_path),
        run("list", cwd=tmp_path, env=environment(ORDERKEEP_STORE=url)),
        run("list", "--store", url, cwd=tmp_path, env=environment(ORDERKEEP_STORE="redis://x")),
    ]
    assert {result.stdout.count(b"\n") for result in results} == {1}


def test_closed_pipe_is_not_an_error(shop: Path) -> None:
    command = [sys.executable, "-m", "orderkeep", "export"]
    with subprocess.Popen(command, cwd=shop, env=BUFFERED, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("args", [("--help",), ("get", "--help"), ("list", "--limit", "1", "--json"), ("export",)])
def test_pipe_closed_before_start_is_not_an_error(shop: Path, args: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "orderkeep", *args]
    result = subprocess.run(command, cwd=shop, env=BUFFERED, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "args",
    [("list", "--status", "shipped", "--limit", "1"), ("export",), ("export", "/dev/full", "--format", "csv")],
)
def test_full_disk_is_an_error(shop: Path, args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "orderkeep", *args]
        result = subprocess.run(command, cwd=shop, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 7
    failed = result.stderr.decode().splitlines()[-1]
    assert re.fullmatch(r"orderkeep: cannot write .*: No space left on device; .*", failed)


@pytest.mark.parametrize(
    "line, code", [("list >&-", 0), ("get no-such-order 2>&-", 3), ("import - --format jsonl <&-", 0)]
)
def test_closed_stream_is_treated_as_empty(shop: Path, line: str, code: int) -> None:
    command = f"exec {sys.executable} -m orderkeep {line}"
    assert subprocess.run(command, shell=True, cwd=shop, capture_output=True, check=False).returncode == code


def test_ctrl_c_exits_with_130(tmp_path: Path) -> None:
    fifo = tmp_path / "orders"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "orderkeep", "import", str(fifo), "--format", "jsonl"]
    with (
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        fifo.open("wb"),  # returns when the command has opened it to read
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err == b"\norderkeep: interrupted; nothing was imported\n"


INTERRUPTED = """
import os, pathlib, signal
from orderkeep.application.use_cases.import_orders import ImportOrdersUseCase

def convert(rows):
    for row in rows:
        yield [row], {
            "external_ref": row["no"], "user_id": "u", "total": 1, "currency": "EUR", "status": "pending",
            "created_at": "2026-03-02T00:00:00Z",
        }

def while_reading(rows):
    for number, row in enumerate(rows):
        pathlib.Path("seen").write_text(str(number))
        if number == 100:
            os.kill(os.getpid(), signal.SIGINT)
    yield from ()  # as if all rows were of one order

def while_writing(rows):
    write, batches = ImportOrdersUseCase._write, []

    async def write_and_interrupt(self, batch, actor):
        result = await write(self, batch, actor)
        batches.append(batch)
        if len(batches) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    ImportOrdersUseCase._write = write_and_interrupt
    yield from convert(rows)
"""


def _interrupt(folder: Path, when: str, *args: str) -> bytes:
    (folder / "a_shop.py").write_text(INTERRUPTED)
    (folder / "shop.csv").write_text("no,x\n" + "".join(f"W-{number},1\n" for number in range(3_000)))
    run("migrate", cwd=folder)
    ended = run("import", "shop.csv", "--from", f"a_shop:{when}", *args, cwd=folder)
    assert (ended.returncode, ended.stdout) == (130, b"")
    return ended.stderr


@pytest.mark.parametrize("args", [(), ("--dry-run",)])
def test_ctrl_c_ends_an_import_at_the_next_line_of_the_file(tmp_path: Path, args: tuple[str, ...]) -> None:
    assert _interrupt(tmp_path, "while_reading", *args) == b"\norderkeep: interrupted; nothing was imported\n"
    assert (tmp_path / "seen").read_text() == "100"


READING = """
import os, signal, sys
from orderkeep.entrypoints.cli.main import main
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository as Store

seen, name = [], sys.argv.pop(1)
read = getattr(Store, name)

def noted():
    seen.append(1)
    if len(seen) == 1:
        os.kill(os.getpid(), signal.SIGINT)
    assert len(seen) < 3, "it goes on"

async def read_one(self, *args):
    noted()
    return await read(self, *args)

async def read_all(self, **args):
    async for each in read(self, **args):
        noted()
        yield each

setattr(Store, name, read_all if name == "feed_entries" else read_one)
main()
"""


@pytest.mark.parametrize(
    "method, command",
    [
        ("list_page", ("export",)),
        ("list_page", ("export", "--to-documents")),
        ("stored_order", ("verify",)),
        ("feed_entries", ("verify",)),
        ("feed_entries", ("checkpoint",)),
    ],
)
def test_ctrl_c_ends_a_command_that_reads_all_orders(tmp_path: Path, method: str, command: tuple[str, ...]) -> None:
    rows = "".join(
        f'{{"id":"order-{number}","user_id":"u","total":1,"currency":"EUR","status":"pending",'
        '"created_at":"2026-03-02T00:00:00Z"}\n'
        for number in range(450)
    )
    assert run("import", "-", "--format", "jsonl", cwd=tmp_path, input=rows.encode()).returncode == 0
    arguments = [sys.executable, "-c", READING, method, *command]
    ended = subprocess.run(arguments, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, b"\norderkeep: interrupted\n")


def test_ctrl_c_reports_what_was_imported(tmp_path: Path) -> None:
    message = _interrupt(tmp_path, "while_writing").decode()
    found = re.fullmatch(
        r"\norderkeep: interrupted; at least ([0-9,]+) orders were imported: run the import again to continue\n",
        message,
    )
    assert found, message
    stored = len(json.loads(run("list", "--all", "--json", cwd=tmp_path).stdout)["data"])
    assert 0 < int(found[1].replace(",", "")) <= stored < 3_000
    report = json.loads(run("import", "shop.csv", "--from", "a_shop:convert", "--json", cwd=tmp_path).stdout)
    assert (report["imported"], report["unchanged"]) == (3_000 - stored, stored)


def test_output_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    latin = environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="latin-1")
    order = {"user_id": "håkon 日本", "total": 1, "currency": "EUR"}
    placed = run("place", "--data", "-", cwd=tmp_path, env=latin, input=json.dumps(order).encode())
    assert json.loads(placed.stdout)["user_id"] == "håkon 日本"
    assert "håkon 日本" in run("list", cwd=tmp_path, env=latin).stdout.decode()


# --- terminals ---


def test_output_on_a_terminal_is_a_table(shop: Path, order_id: str) -> None:
    seen, _ = on_a_terminal("list", "--limit", "3", cwd=shop, stream="stdout", NO_COLOR="1")
    assert "user id" in seen.splitlines()[0]
    assert order_id in seen
    assert "\t" not in seen
    seen, _ = on_a_terminal("get", order_id, cwd=shop, stream="stdout", NO_COLOR="1")
    assert "EUR" in seen
    assert "unit price" in seen
    assert not seen.startswith("{")
    seen, _ = on_a_terminal("history", order_id, cwd=shop, stream="stdout", NO_COLOR="1")
    assert "order placed" in seen


def test_json_on_a_terminal_is_json(shop: Path, order_id: str) -> None:
    seen, _ = on_a_terminal("get", order_id, "--json", cwd=shop, stream="stdout")
    assert json.loads(seen)["id"] == order_id


@pytest.mark.parametrize("args", [("demo", "--orders", "3"), ("export", "out.csv"), ("import", "out.csv"), ("verify",)])
def test_progress_is_shown_on_stderr_only(shop: Path, args: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("orders.db", "out.csv"):
        source = shop / name
        if source.exists():
            (tmp_path / name).write_bytes(source.read_bytes())
    run("export", "out.csv", cwd=tmp_path)
    seen, data = on_a_terminal(*args, cwd=tmp_path, stream="stderr")
    assert "━" in seen
    assert b"\x1b" not in data
    assert b"\x1b" not in run(*args, cwd=tmp_path).stderr


def test_export_to_a_terminal_shows_no_progress_bar(shop: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "orderkeep", "export", "--status", "shipped"]
    with subprocess.Popen(command, cwd=shop, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b"".join(all_of(ours))
    os.close(ours)
    assert process.returncode == 0
    assert all(json.loads(line)["status"] == "shipped" for line in seen.decode().splitlines())


def test_new_store_is_reported_and_not_created_by_a_dry_run(tmp_path: Path) -> None:
    order = ("place", "--user", "u", "--total", "5", "--currency", "EUR")
    checked = run(*order, "--dry-run", cwd=tmp_path)
    assert (checked.returncode, list(tmp_path.iterdir())) == (0, [])
    assert b"created the store" not in checked.stderr
    assert f"orderkeep: created the store {tmp_path / 'orders.db'}\n" in run(*order, cwd=tmp_path).stderr.decode()
    assert run(*order, cwd=tmp_path).stderr == b""


def test_errors_that_aiodynamo_logs_and_raises_are_not_printed_twice(tmp_path: Path) -> None:
    program = (
        "import logging; from orderkeep.entrypoints.logs import configure_cli_logging; configure_cli_logging(); "
        "[logging.getLogger(name).error('failed') for name in ('aiodynamo.credentials', 'another')]"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert done.stderr.count(b"another package logs something") == 1
    assert b"aiodynamo" not in done.stderr
