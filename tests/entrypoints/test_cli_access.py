"""Which commands create a store: a URL with a typo is reported by all others, and nothing is created."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from orderkeep.application.access.actor import Actor
from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap import bootstrap
from orderkeep.entrypoints.cli.commands import COMMANDS
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.session import Session
from tests.entrypoints.cli_calls import run
from tests.entrypoints.served import serving

NO_STORE = {"serve", "openapi", "config", "keys", "webhooks", "table", "table create", "table describe", "completion"}
NO_STORE |= {"new", "shipments", "payments", "refunds", "returns", "notes"}
"""Commands that open no SQLite store, groups, and `serve`, which is tested as a process."""

ORDER = ["--user", "user-42", "--total", "99.00", "--currency", "EUR"]
NO_ORDER = "no-such-order"
OF_AN_ORDER = {
    "edit": [NO_ORDER, "--tag", "gift"],
    "hold": [NO_ORDER, "--reason", "fraud"],
    "webhooks update": [NO_ORDER, "--tag", "gift"],
    "webhooks replay": [NO_ORDER, "--first", "1", "--last", "2"],
    "cancel-lines": [NO_ORDER, "--all"],
    "shipments update": [NO_ORDER, "s1", "--carrier", "DHL"],
    "shipments deliver": [NO_ORDER, "s1"],
    "payments record": [NO_ORDER, "--reference", "pay-1", "--kind", "captured", "--amount", "1"],
    "refunds add": [NO_ORDER, "--reference", "ref-1", "--amount", "1"],
    "refunds close": [NO_ORDER, "ref-1", "--status", "failed"],
    "returns receive": [NO_ORDER, "r1"],
    "returns reject": [NO_ORDER, "r1"],
    "returns cancel": [NO_ORDER, "r1"],
    "notes add": [NO_ORDER, "Called."],
    "notes edit": [NO_ORDER, "n1", "Called."],
}
ARGUMENTS = {
    "place": ORDER,
    "import": ["orders.jsonl"],
    "backup": ["backup.db"],
    "expire": ["--older-than", "1"],
    "keys create": ["--name", "till", "--scope", "admin"],
    "erase": ["--user", "user-42", "--yes"],
    "export-person": ["--user", "user-42"],
    "webhooks create": ["http://127.0.0.1:9/hook"],
    "relay": ["--once"],
    **{name: [] for name in ("list", "events", "stats", "verify", "doctor", "checkpoint", "migrate", "export", "demo")},
    **{name: [] for name in ("keys list", "webhooks list")},
}
IMPORTED = """\
{"id": "web-1", "user_id": "user-42", "total": 9900, "currency": "EUR", "status": "pending", \
"created_at": "2026-11-22T10:00:00Z"}
"""
TWO_STORES = {"copy", "compare", "move"}
"""Opens the store to read it, and another one; see test_cli_copy.py."""

OPENING = COMMANDS.keys() - NO_STORE - TWO_STORES
CREATING = {"place", "import", "demo", "migrate", "keys create", "webhooks create"}
WRITING = {name for name, row in COMMANDS.items() if row.access is not StoreAccess.READ}


def call(name: str, folder: Path, code: int | None) -> str:
    (folder / "orders.jsonl").write_text(IMPORTED)
    arguments = ARGUMENTS.get(name) or OF_AN_ORDER.get(name, [] if name in ARGUMENTS else [NO_ORDER])
    url = f"sqlite:///{folder}/bakcup.db"
    done = run("--store", url, *name.split(), *arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    return done.stderr.decode()


@pytest.mark.parametrize("name", sorted(OPENING - CREATING))
def test_command_reports_a_missing_store_and_creates_nothing(name: str, tmp_path: Path) -> None:
    assert f"{tmp_path}/bakcup.db does not exist: " in call(name, tmp_path, 7)
    assert [each.name for each in tmp_path.iterdir()] == ["orders.jsonl"]


@pytest.mark.parametrize("name", sorted(CREATING))
def test_command_creates_the_store(name: str, tmp_path: Path) -> None:
    call(name, tmp_path, 0)
    assert (tmp_path / "bakcup.db").is_file()


def test_serve_creates_the_store(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db") as (client, _):
        assert client.get("/readyz").status_code == 200
    assert (tmp_path / "orders.db").is_file()


@pytest.mark.parametrize("name", sorted(OPENING - WRITING))
def test_reading_command_changes_no_byte(name: str, tmp_path: Path) -> None:
    call("place", tmp_path, 0)
    before = (tmp_path / "bakcup.db").read_bytes()
    call(name, tmp_path, 0 if name in ARGUMENTS else 3)
    assert (tmp_path / "bakcup.db").read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} <= {"orders.jsonl", "bakcup.db", "backup.db"}


def test_every_command_that_may_create_is_known() -> None:
    creating = {name for name, row in COMMANDS.items() if row.access is StoreAccess.CREATE}
    assert creating == {*CREATING, "serve"}


def test_reading_commands_create_no_tables(postgres_url: str, tmp_path: Path) -> None:
    for command in (["list"], ["cancel", "order-1"]):
        done = run("--store", postgres_url, *command, cwd=tmp_path)
        assert done.returncode == 7
        assert b"this database has no tables of orderkeep" in done.stderr


def test_command_creates_no_documents_directory(tmp_path: Path) -> None:
    call("place", tmp_path, 0)
    url = f"sqlite:///{tmp_path}/bakcup.db"
    assert run("--store", url, "verify", "--documents", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "documents").exists()


class Recorder(Session):
    """A session that notes which of its options a command uses."""

    used: set[str]

    @property
    def store_url(self) -> str:
        self.used.add("--store")
        return super().store_url

    @property
    def actor(self) -> Actor:
        self.used.add("--as")
        return super().actor


OF_NO_STORE = {"openapi": [], "new": ["target", "--name", "shop", "--entity", "booking"], "completion": ["bash"]}
IN_PROCESS = OPENING - {"relay", "migrate", "backup"} | OF_NO_STORE.keys()
NOT_RECORDED = {"stats", "checkpoint", "demo"}
"""Commands that need an actor with a scope, and write nothing to the history of an order."""


@pytest.mark.parametrize("name", sorted(IN_PROCESS))
def test_help_has_the_options_that_have_an_effect(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders.jsonl").write_text(IMPORTED)
    use_cases = bootstrap("memory://")
    session = Recorder(open=lambda url, access: use_cases)
    session.used = set()
    arguments = OF_NO_STORE.get(name) or ARGUMENTS.get(name) or OF_AN_ORDER.get(name, [])
    CliRunner().invoke(cli, [*name.split(), *(arguments or ([] if name in ARGUMENTS else [NO_ORDER]))], obj=session)
    if name not in WRITING - NOT_RECORDED:
        session.used.discard("--as")
    if "--store" in session.used and not COMMANDS[name].needs_store:
        session.used.add("--remote")
    helped = CliRunner().invoke(cli, [*name.split(), "--help"], obj=Session()).stdout.split()
    assert {"--as", "--store", "--remote"}.intersection(helped) == session.used
