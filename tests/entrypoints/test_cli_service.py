"""Help, `config`, `openapi` and `demo`."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click import Command, Context, Group

from orderkeep.config import Settings, masked
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.commands import COMMANDS, keys, orders, service
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.cli.tables import DOCUMENT_COLUMNS
from tests.entrypoints.cli_calls import Cli, run


def _command(name: str) -> Command:
    command: Command | None = cli
    for part in name.split():
        assert isinstance(command, Group)
        command = command.get_command(Context(command), part)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_and_shared_options(name: str) -> None:
    command = _command(name)
    assert command.name == name.split()[-1]
    assert {"store", "as_json", "debug"} <= {parameter.name for parameter in command.params}
    help_text = Cli()(*name.split(), "--help").stdout
    assert f"Usage: orderkeep {name}" in help_text
    assert COMMANDS[name].summary in help_text


def test_help_lists_every_command_with_its_summary() -> None:
    help_text = " ".join(Cli()("--help").stdout.split())
    assert all((f"{name} {row.summary}" in help_text) == (" " not in name) for name, row in COMMANDS.items())


@pytest.mark.parametrize(
    "name, columns",
    [
        ("list", orders.ORDER_COLUMNS),
        ("history", orders.CHANGE_COLUMNS),
        ("documents", DOCUMENT_COLUMNS),
        ("keys list", keys.KEY_COLUMNS),
        ("config", service.SETTING_COLUMNS),
    ],
)
def test_help_names_the_columns_of_tab_separated_lines(name: str, columns: tuple[str, ...]) -> None:
    assert ", ".join(columns) in re.sub(r"\s+", " ", _command(name).help or "")


def test_help_names_every_exit_code() -> None:
    codes = {failures.BUG, failures.USAGE, failures.INTERRUPTED, *(code for _, code, _ in failures.OUTCOMES)}
    assert all(re.search(rf"\b{code} ", cli.epilog or "") for code in codes)


def test_version_is_printed() -> None:
    assert re.fullmatch(r"orderkeep \d+\.\d+\.\d+\n", Cli()("--version").stdout)


def test_config_prints_each_setting_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_PORT", "8123")
    printed = Cli().json("config", "--store", "sqlite:///elsewhere.db")
    assert set(printed) == set(Settings.model_fields)
    assert printed["store"] == {"value": "sqlite:///elsewhere.db", "from": "--store"}
    assert printed["port"] == {"value": 8123, "from": "ORDERKEEP_PORT"}
    assert printed["host"] == {"value": "127.0.0.1", "from": "default"}
    assert "port\t8123\tORDERKEEP_PORT\n" in Cli()("config").stdout


def test_config_shows_the_server_and_whether_a_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "remote" not in Cli().json("config")
    monkeypatch.setenv("ORDERKEEP_REMOTE", "https://orders.example.com")
    assert Cli().json("config")["api_key"] == {"value": "not set", "from": "default"}
    monkeypatch.setenv("ORDERKEEP_API_KEY", "ok_secret")
    printed = Cli()("config", "--json").stdout
    assert json.loads(printed)["remote"] == {"value": "https://orders.example.com", "from": "ORDERKEEP_REMOTE"}
    assert json.loads(printed)["api_key"] == {"value": "set", "from": "ORDERKEEP_API_KEY"}
    assert "ok_secret" not in printed


def test_config_takes_the_store_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_STORE", "memory://")
    assert Cli().json("config")["store"] == {"value": "memory://", "from": "ORDERKEEP_STORE"}
    monkeypatch.delenv("ORDERKEEP_STORE")
    assert Cli().json("config")["store"] == {"value": "sqlite:///orders.db", "from": "default"}


@pytest.mark.parametrize("command", ["config", "serve", "openapi", "list", "place --user u --total 1 --currency EUR"])
def test_empty_store_variable_is_rejected_by_name(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDERKEEP_STORE", "")
    assert "ORDERKEEP_STORE " in (error := Cli()(*command.split(), code=2).stderr)
    assert "is set but empty: set it to a value, or unset it." in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["STORE_FILE", "DOCUMENTS", "AUTO_MIGRATE"])
def test_empty_variable_is_rejected_without_settings(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"ORDERKEEP_{variable}", "")
    error = run("list", cwd=tmp_path).stderr.decode()
    assert f"ORDERKEEP_{variable} is set but empty" in error


@pytest.mark.parametrize("parameter", ["http://user:kept-secret@minio:9000", "http%3A%2F%2Fuser%3Akept-secret%40minio"])
def test_config_masks_the_password_of_an_endpoint_in_a_url(parameter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_DOCUMENTS", f"s3://shop?endpoint={parameter}&region=eu-west-3")
    printed = Cli()("config").stdout
    assert "kept-secret" not in printed
    assert "***" in printed
    assert "&region=eu-west-3" in printed


def test_store_url_is_read_from_the_file_in_store_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "store"
    secret.write_text("postgresql://orderkeep:kept-secret@db/orders\n")
    monkeypatch.setenv("ORDERKEEP_STORE_FILE", str(secret))
    printed = Cli()("config", "--json").stdout
    assert "kept-secret" not in printed
    assert json.loads(printed)["store"] == {
        "value": "postgresql://orderkeep:***@db/orders",
        "from": "ORDERKEEP_STORE_FILE",
    }
    assert Session().store_url == "postgresql://orderkeep:kept-secret@db/orders"
    assert Cli().json("config", "--store", "memory://")["store"] == {"value": "memory://", "from": "--store"}


@pytest.mark.parametrize(
    "content, reason",
    [(None, "No such file or directory"), (b" \n", "it is empty"), (b"\xff\xfe", "it is not UTF-8 text")],
)
def test_invalid_store_file_is_rejected(
    content: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "store"
    if content is not None:
        secret.write_bytes(content)
    monkeypatch.setenv("ORDERKEEP_STORE_FILE", str(secret))
    message = Cli()("serve", code=2).stderr
    assert f"ORDERKEEP_STORE_FILE cannot be used: {secret}: {reason}." in message


def test_store_and_store_file_cannot_both_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_STORE", "memory://")
    monkeypatch.setenv("ORDERKEEP_STORE_FILE", "/run/secrets/store")
    assert "ORDERKEEP_STORE and ORDERKEEP_STORE_FILE are both set" in Cli()("list", code=2).stderr


@pytest.mark.parametrize(
    "url, shown",
    [
        ("postgresql://user:pa:ss@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:p%40ss@host/db?sslpassword=x&a=b", "postgresql://user:***@host/db?sslpassword=***&a=b"),
        ("dynamodb://table?secret_access_key=abc", "dynamodb://table?secret_access_key=***"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user:pass@[host/db", "postgresql://user:***@[host/db"),
        ("postgresql://user:pa/s?s@host/db", "postgresql://user:***@host/db"),
    ],
)
def test_passwords_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_invalid_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_PORT", "none-of-your-business")
    for command in ("config", "openapi"):
        error = Cli()(command, code=2).stderr
        assert "ORDERKEEP_PORT must be a whole number from 0 to 65535.\n" in error
        assert "none-of-your-business" not in error


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("WORKERS", "0", "must be a whole number of at least 1."),
        ("WORKERS", "1.5", "must be a whole number of at least 1."),
        ("ACCESS_LOG", "perhaps", "must be true or false."),
        ("LOG_FORMAT", "xml", "must be 'auto', 'json' or 'text'."),
        ("AUTH", "jwt", "is required if ORDERKEEP_AUTH includes jwt."),
    ],
)
def test_invalid_setting_is_reported_with_its_rule(
    name: str, value: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ORDERKEEP_{name}", value)
    expected = f"ORDERKEEP_{'JWT_ISSUER' if name == 'AUTH' else name} {rule}\n"
    assert expected in Cli()("config", code=2).stderr


def test_openapi_prints_the_document() -> None:
    document = json.loads(Cli()("openapi").stdout)
    assert document["openapi"].startswith("3.1")
    assert "/orders/{order_id}" in document["paths"]


def test_demo_stores_orders_in_every_status() -> None:
    cli = Cli()
    printed = cli.json("demo", "--orders", "60")
    assert (printed["orders"], printed["new"]) == (60, 60)
    assert set(printed["statuses"]) == {*OrderStatus}
    stored = [json.loads(line) for line in cli("export").stdout.splitlines()]
    assert len(stored) == 60
    assert all(order["lines"] and order["created_at"] <= order["updated_at"] for order in stored)
    assert cli.json("verify")["problems"] == []
    assert {"paid", "unpaid"} < {order["payment_status"] for order in stored}
    for part in ("payments", "shipments", "returns", "notes", "hold", "refund_due"):
        assert any(order[part] for order in stored), part
    assert any(shipment["tracking_number"] for order in stored for shipment in order["shipments"])
    assert {part["status"] for order in stored for part in order["returns"]} == {"requested", "received"}
    assert max(change["updated_at"] for change in stored) <= datetime.now(UTC).isoformat()


def test_demo_is_repeatable_and_can_grow() -> None:
    cli = Cli()
    cli("demo", "--orders", "5")
    before = cli("export").stdout
    assert cli.json("demo", "--orders", "5")["new"] == 0
    assert cli("export").stdout == before
    assert cli.json("demo", "--orders", "7")["new"] == 2


def test_demo_rejects_a_store_with_other_orders() -> None:
    cli = Cli()
    other = cli.place("--external-ref", "web-1001")
    error = cli.error("demo", "--orders", "5", code=4)
    assert error["code"] == "store_not_empty"
    assert other in error["detail"]
    shown = cli("demo", code=4).stderr
    assert "nothing was changed" in shown
    assert "--force" in shown
    assert [order["id"] for order in cli.json("list", "--all")["data"]] == [other]
    assert cli.json("demo", "--orders", "5", "--force")["new"] == 5


def test_demo_suggests_commands_that_work() -> None:
    cli = Cli()
    printed = cli("demo").stderr
    for line in re.findall(r"^  orderkeep (.*)", printed, flags=re.MULTILINE):
        if line.split()[0] in ("list", "history", "get"):
            cli(*line.split())
    assert "orderkeep serve" in printed


def test_serve_rejects_demo_with_a_store() -> None:
    error = Cli()("--store", "memory://", "serve", "--demo", code=2).stderr
    assert "--demo uses a temporary store: omit --store" in error
