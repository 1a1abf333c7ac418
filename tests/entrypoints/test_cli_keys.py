"""`orderkeep keys`: the key on stdout, once; its stored fields without the digest; exit codes."""

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import KEY_PATTERN, digest_of_key
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.api_keys import USED
from tests.entrypoints.cli_calls import Cli, environment, on_a_terminal, run
from tests.torture.watched_store import WatchedStore

FIELDS = ["id", "state", "name", "kind", "user_id", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"]
STAFF = ("keys", "create", "--name", "till 3", "--scope", "orders:ship", "--scope", "orders:read")
CUSTOMER = ("keys", "create", "--name", "app", "--user", "user-42")


@pytest.fixture
def store() -> InMemoryOrderRepository:
    return InMemoryOrderRepository()


@pytest.fixture
def cli(store: InMemoryOrderRepository) -> Cli:
    return Cli(build_use_cases(store))


def test_keys_create_prints_a_valid_key_on_stdout(cli: Cli, store: InMemoryOrderRepository) -> None:
    made = cli(*STAFF)
    assert re.fullmatch(KEY_PATTERN + "\n", made.stdout)
    key = made.stdout.strip()
    actor = asyncio.run(ApiKeyAuthenticator(api_keys_of(store)).authenticate(key))
    assert str(actor) == f"staff:key:{key[3:13]}"
    assert f"To revoke it: `orderkeep keys revoke {key[3:13]}`" in made.stderr
    assert key[14:] not in made.stderr


def test_keys_create_reports_a_key_without_expiry(cli: Cli) -> None:
    assert "It does not expire" in cli(*STAFF).stderr
    assert "It does not expire" not in cli(*STAFF, "--expires", "90d").stderr


def test_shell_can_capture_the_key(tmp_path: Path) -> None:
    run("migrate", cwd=tmp_path)
    script = f'KEY=$({sys.executable} -m orderkeep keys create --name till --scope admin) && echo "<$KEY>"'
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.fullmatch(f"<{KEY_PATTERN}>\n", done.stdout)


def test_keys_create_json_has_key_and_stored_fields(cli: Cli) -> None:
    made = cli.json(*CUSTOMER, "--expires", "2999-01-02T03:04:05Z")
    assert list(made) == ["key", *FIELDS]
    assert made["key"][3:13] == made["id"]
    fields = {name: made[name] for name in FIELDS if name not in ("id", "created_at")}
    assert fields == {
        "state": "active",
        "name": "app",
        "kind": "customer",
        "user_id": "user-42",
        "scopes": [],
        "expires_at": "2999-01-02T03:04:05Z",
        "revoked_at": None,
        "last_used_at": None,
    }


@pytest.mark.parametrize("given, hours", [("90d", 90 * 24), ("12h", 12)])
def test_keys_create_expires_after_a_duration(cli: Cli, given: str, hours: int) -> None:
    before = datetime.now(UTC)
    ends = datetime.fromisoformat(cli.json(*STAFF, "--expires", given)["expires_at"])
    assert before <= ends - timedelta(hours=hours) <= datetime.now(UTC)


def test_keys_list_prints_every_field_but_the_digest(cli: Cli, store: InMemoryOrderRepository) -> None:
    made = [cli.json(*arguments) for arguments in (STAFF, CUSTOMER)]
    asyncio.run(store.api_keys().note_use(made[0]["id"], USED))
    made[0]["last_used_at"] = USED.isoformat().replace("+00:00", "Z")
    listed = cli.json("keys", "list")
    assert listed == {
        "data": [{name: key[name] for name in FIELDS} for key in reversed(made)],
        "has_more": False,
        "next_cursor": None,
    }
    lines = [line.split("\t") for line in cli("keys", "list").stdout.splitlines()]
    assert lines == [
        [made[1]["id"], "active", "app", "customer", "user-42", "", made[1]["created_at"], "", ""],
        [
            *(made[0]["id"], "active", "till 3", "staff", "", "orders:read orders:ship"),
            *(made[0]["created_at"], "", made[0]["last_used_at"]),
        ],
    ]
    shown = cli("keys", "list").output + cli("keys", "list", "--json").output
    for key in made:
        assert key["key"][14:] not in shown
        assert digest_of_key(key["key"]) not in shown


def test_keys_list_prints_pages(cli: Cli) -> None:
    ids = [cli.json(*STAFF)["id"] for _ in range(3)]
    page = cli.json("keys", "list", "--limit", "2")
    rest = cli.json("keys", "list", "--cursor", page["next_cursor"])
    assert [key["id"] for key in page["data"] + rest["data"]] == ids[::-1]
    assert [line[:10] for line in cli("keys", "list", "--all").stdout.splitlines()] == ids[::-1]
    assert "--cursor is not valid for this list" in cli("keys", "list", "--cursor", "x", code=2).stderr
    assert "--limit must be from 1 to 200" in cli("keys", "list", "--limit", "0", code=2).stderr


@pytest.mark.parametrize("whole", [False, True], ids=["by ID", "by the whole key"])
def test_keys_revoke_revokes_a_key(cli: Cli, store: InMemoryOrderRepository, whole: bool) -> None:
    made = cli.json(*STAFF)
    revoked = cli.json("keys", "revoke", made["key" if whole else "id"])
    assert (revoked["state"], revoked["id"]) == ("revoked", made["id"])
    assert revoked["revoked_at"]
    assert cli.json("keys", "list")["data"] == [revoked]
    assert cli("keys", "revoke", made["id"]).stdout.split("\t")[:3] == [made["id"], "revoked", "till 3"]


def test_keys_revoke_rejects_an_unknown_key(cli: Cli) -> None:
    assert cli.error("keys", "revoke", "Key0000001", code=3) == {
        "code": "api_key_not_found",
        "detail": "API key not found",
    }
    assert "list the keys with `orderkeep keys list`" in cli("keys", "revoke", "x", code=3).stderr


@pytest.mark.parametrize(
    "arguments, code, pointer, error",
    [
        (("--name", " ", "--user", "user-42"), 5, "/name", "text_missing"),
        (("--name", "x" * 101, "--user", "user-42"), 5, "/name", "text_too_long"),
        (("--name", "x", "--user", "user-42", "--scope", "admin"), 5, "/scopes", "scopes_not_taken"),
        (("--name", "x", "--scope", "admin", "--expires", "2020-01-01"), 5, "/expires_at", "expiry_passed"),
    ],
)
def test_keys_create_rejects_invalid_fields(
    cli: Cli, arguments: tuple[str, ...], code: int, pointer: str, error: str
) -> None:
    failed = cli.error("keys", "create", *arguments, code=code)
    assert failed["code"] == error
    assert [(fault["pointer"], fault["code"]) for fault in failed["errors"]] == [(pointer, error)]
    assert cli.json("keys", "list")["data"] == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--scope", "admin"), "Missing option '--name'"),
        (("--name", "x", "--scope", "root"), "'root' is not one of"),
        (("--name", "x", "--scope", "admin", "--expires", "soon"), "such as 90d or 12h, a date or a time such as"),
        (("--name", "x", "--scope", "admin", "--expires", "9999999d"), "before the year 10000"),
        (("--name", "x", "--scope", "admin", "--expires", "-1d"), "such as 90d"),
    ],
)
def test_keys_create_rejects_invalid_options(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    assert words in cli("keys", "create", *arguments, code=2).stderr


@pytest.mark.parametrize("arguments", [STAFF, ("keys", "list"), ("keys", "revoke", "Key0000001")])
def test_store_without_api_keys_is_reported(arguments: tuple[str, ...]) -> None:
    result = Cli(build_use_cases(WatchedStore(open_store("memory://"))))(*arguments, code=7)
    assert "orderkeep: this store does not support API keys; " in result.stderr
    assert result.stdout == ""


def test_keys_list_table_shows_name_scopes_and_expiry(tmp_path: Path) -> None:
    run("migrate", cwd=tmp_path)
    shown, _ = on_a_terminal("keys", "list", cwd=tmp_path, stream="stdout")
    assert shown == ""
    run(*STAFF, "--name", "till 3", "--expires", "2999-01-02", cwd=tmp_path)
    shown, _ = on_a_terminal("keys", "list", cwd=tmp_path, stream="stdout", NO_COLOR="1")
    assert "till 3" in shown
    assert "orders:read orders:ship" in shown
    assert "2999-01-02 00:00:00" in shown


def test_key_can_be_revoked_if_printing_it_fails(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    run("migrate", cwd=tmp_path)
    with full.open("wb") as out:
        command = [sys.executable, "-m", "orderkeep", *STAFF]
        made = subprocess.run(
            command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, env=environment(), text=True, check=False
        )
    assert made.returncode == 7
    [key_id] = re.findall(r"keys revoke ([0-9A-Za-z]{10})`", made.stderr)
    assert json.loads(run("keys", "revoke", key_id, "--json", cwd=tmp_path).stdout)["state"] == "revoked"


def test_key_of_no_holder_is_invalid_usage() -> None:
    error = Cli()("keys", "create", "--name", "till", code=2).stderr
    assert "--scope orders:read" in error
    assert "--user ID" in error
