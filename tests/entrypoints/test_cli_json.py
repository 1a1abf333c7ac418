"""With `--json`, the output is the body of the HTTP response, byte for byte; and processes that verify and serve."""

import asyncio
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
import pytest

from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from tests.entrypoints.cli_calls import Cli, run


@pytest.fixture
def cli() -> Cli:
    cli = Cli()
    cli("demo", "--orders", "5")
    return cli


def _http(cli: Cli, method: str, path: str, **options: object) -> str:
    return asyncio.run(_response(cli, method, path, **options))


async def _response(cli: Cli, method: str, path: str, **options: object) -> str:
    app = create_app(Settings(), cli.use_cases)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        response = await client.request(method, path, **options)  # type: ignore[arg-type]
        return response.text + "\n"


def _pending(cli: Cli) -> str:
    return cli.place("--metadata", "note=Ring twice")


def test_get_json_is_the_http_response(cli: Cli) -> None:
    order_id = _pending(cli)
    here = cli("get", order_id, "--json").stdout
    assert here == _http(cli, "GET", f"/orders/{order_id}")


def test_get_version_json_is_the_http_response(cli: Cli) -> None:
    order_id = _pending(cli)
    cli("confirm", order_id)
    here = cli("get", order_id, "--version", "1", "--json").stdout
    assert here == _http(cli, "GET", f"/orders/{order_id}?version=1")


def test_list_json_is_the_http_response(cli: Cli) -> None:
    assert cli("list", "--json").stdout == _http(cli, "GET", "/orders")
    assert cli("list", "--limit", "2", "--json").stdout == _http(cli, "GET", "/orders?limit=2")
    empty = cli("list", "--user", "unknown", "--json").stdout
    assert empty == _http(cli, "GET", "/orders?user_id=unknown")


def test_history_json_is_the_http_response(cli: Cli) -> None:
    order_id = _pending(cli)
    cli("confirm", order_id)
    assert cli("history", order_id, "--json").stdout == _http(cli, "GET", f"/orders/{order_id}/history")
    here = cli("history", order_id, "--limit", "1", "--json").stdout
    assert here == _http(cli, "GET", f"/orders/{order_id}/history?limit=1")


def test_dry_run_json_is_the_http_response(cli: Cli) -> None:
    order_id = _pending(cli)
    here = cli("cancel", order_id, "--reason", "late", "--dry-run", "--json").stdout
    there = _http(cli, "POST", f"/orders/{order_id}/cancel?dry_run=true", json={"reason": "late"})
    at = re.compile(r'"(at|updated_at)":"[^"]*"')
    assert at.sub("", here) == at.sub("", there)


def test_verify_reports_damage_by_order_and_version(tmp_path: Path) -> None:
    run("demo", "--orders", "3", cwd=tmp_path)
    connection = sqlite3.connect(tmp_path / "orders.db")
    [(order_id,)] = connection.execute("SELECT order_id FROM changes WHERE version = 1 ORDER BY order_id LIMIT 1")
    with connection:
        connection.execute("UPDATE changes SET actor = 'staff:mallory' WHERE order_id = ? AND version = 1", (order_id,))
    connection.close()
    result = run("verify", cwd=tmp_path)
    assert result.returncode == 5
    assert f"{order_id}\t1\tthe change does not match its hash\n" in result.stdout.decode()


def test_serve_listens_on_the_printed_url_until_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orderkeep", "serve", "--port", "0", "--store", "sqlite:///served.db"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = next(found[1] for line in process.stderr if (found := re.search(r"(http://127\.0\.0\.1:\d+)/docs", line)))
        with urllib.request.urlopen(f"{url}/readyz") as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert (tmp_path / "served.db").exists()
