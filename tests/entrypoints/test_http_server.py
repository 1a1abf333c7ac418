"""The server as a separate process, with a SQLite file and real sockets."""

import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from tests.entrypoints.http_calls import ORDER, PLAIN
from tests.entrypoints.served import connected, read_all, serving, serving_on_a_terminal, start


def test_orders_survive_a_restart(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orders.db"
    with serving(store=store) as (client, process):
        first = client.post("/orders", json=ORDER, headers={"Idempotency-Key": "key-1"})
        assert first.status_code == 201
        process.terminate()
        assert process.wait(30) == 0
    with serving(store=store) as (client, _):
        assert client.get(first.headers["location"]).content == first.content
        again = client.post("/orders", json=ORDER, headers={"Idempotency-Key": "key-1"})
        assert (again.headers["idempotency-replayed"], again.content) == ("true", first.content)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_request_is_finished_before_the_server_stops(tmp_path: Path, number: signal.Signals) -> None:
    body = b'{"user_id": "user-7", "total": 9900, "currency": "EUR"}'
    head = (
        f"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    store = f"sqlite:///{tmp_path}/orders.db"
    with serving(store=store) as (client, process), connected(client) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")  # now the request is under way
        process.send_signal(number)
        while True:  # until it no longer accepts connections
            try:
                connected(client).__enter__().close()
            except ConnectionError:
                break
        connection.sendall(body)
        assert read_all(connection).startswith(b"HTTP/1.1 201 ")
        assert process.wait(30) == 0
    with serving(store=store) as (client, _):
        assert len(client.get("/orders").json()["data"]) == 1


def test_reading_stops_at_the_body_limit() -> None:
    with serving(store="memory://", max_body_bytes=10_000) as (client, _), connected(client) as connection:
        connection.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            connection.sendall(b"3e8\r\n" + b" " * 1_000 + b"\r\n")  # and no end of it
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"body_too_large"' in answer
        assert client.get("/livez").status_code == 200


def test_body_with_too_large_content_length_is_not_read() -> None:
    with serving(store="memory://") as (client, _), connected(client) as connection:
        connection.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")


def test_root_path_is_in_locations_and_links() -> None:
    with serving(store="memory://", root_path="/shop") as (client, _):
        answer = client.post("/orders", json=PLAIN)
        client.post("/orders", json=PLAIN)
        assert answer.headers["location"] == f"/shop/orders/{answer.json()['id']}"
        assert client.get("/orders?limit=1").links["next"]["url"].startswith("/shop/orders?limit=1&cursor=")


@pytest.mark.parametrize("root_path", ["shop", "/shop/"])
def test_root_path_is_normalized_in_links(root_path: str) -> None:
    with serving(store="memory://", root_path=root_path) as (client, _):
        answer = client.post("/orders", json=PLAIN)
        client.post("/orders", json=PLAIN)
        assert answer.headers["location"] == f"/shop/orders/{answer.json()['id']}"
        assert client.get("/orders?limit=1").links["next"]["url"].startswith("/shop/orders?limit=1&cursor=")


@pytest.mark.parametrize("workers", [1, 2])
def test_banner_waits_until_the_store_is_available(postgres_url: str, workers: int) -> None:
    process = start(store=postgres_url, auto_migrate=False, workers=workers)
    assert process.stderr
    try:
        waiting = [process.stderr.readline() for _ in range(3)]
        assert waiting[0].startswith("orderkeep cannot use the store postgresql://")
        url = waiting[1].split()[-1].removesuffix("/docs")
        assert httpx.get(f"{url}/readyz").status_code == 503
        asyncio.run(_migrated(PostgresOrderRepository(postgres_url)))
        said = iter(process.stderr.readline, "")
        assert next(line for line in said if line.startswith("orderkeep serves the orders in postgresql://"))
        assert httpx.get(f"{url}/readyz").status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "methods, variable, creates_key", [("keys,jwt", "$KEY", True), ("keys", "$KEY", True), ("jwt", "$TOKEN", False)]
)
def test_banner_uses_the_variable_of_the_documentation(methods: str, variable: str, creates_key: bool) -> None:
    jwt = {"jwt_issuer": "https://login.example.com", "jwt_audience": "shop"}
    process = start(store="memory://", auth=methods, **(jwt if "jwt" in methods else {}))
    assert process.stderr
    banner = "".join(iter(process.stderr.readline, "  stop:                   Ctrl+C\n"))
    process.terminate()
    process.communicate(timeout=30)
    assert f'"Authorization: Bearer {variable}"' in banner
    assert ("export KEY=$(orderkeep keys create --name NAME " in banner) is creates_key


def test_banner_of_workers_needs_no_request_on_an_empty_database(postgres_url: str) -> None:
    process = start(store=postgres_url, workers=2)
    assert process.stderr
    first = process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert first.startswith("orderkeep serves the orders in postgresql://")


async def _migrated(store: PostgresOrderRepository) -> None:
    await store.migrate()
    await store.close()


def test_unavailable_store_is_reported_without_credentials_and_not_as_served() -> None:
    url = "postgresql://me:kept-secret@127.0.0.1:1/orders?sslpassword=kept-secret"
    process = start(store=url)
    assert process.stderr
    first = [process.stderr.readline() for _ in range(3)]
    process.terminate()
    said = "".join(first) + process.communicate(timeout=30)[1]
    assert said.startswith("orderkeep cannot use the store postgresql://127.0.0.1:1/orders")
    assert "PostgreSQL cannot be reached" in first[0]
    assert re.search("http://.*/docs", first[1])
    assert "get 503 until the store is available" in first[2]
    assert "orderkeep serves" not in said
    assert "kept-secret" not in said


@pytest.mark.parametrize("wanted", [True, False])
def test_access_log_setting_applies(wanted: bool) -> None:
    with serving(store="memory://", access_log=wanted) as (client, process):
        client.get("/lifecycle")
        process.terminate()
        log = process.communicate(timeout=30)[1]
    lines = [json.loads(line) for line in log.splitlines() if line]
    assert [(line["route"], line["status"]) for line in lines] == ([("/lifecycle", 200)] if wanted else [])


LINE = r"\d\d:\d\d:\d\dZ {} +\d+\.\d ms  {}"


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_are_logged_on_a_terminal(monkeypatch: pytest.MonkeyPatch, workers: int, tmp_path: Path) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    with serving_on_a_terminal(store=f"sqlite:///{tmp_path}/orders.db", workers=workers) as (client, lines):
        client.get("/orders/jane@example.com?version=1", headers={"X-Request-Id": "call-1"})
        client.post("/orders", json=PLAIN, headers={"X-Request-Id": "call-2"})
        client.get("/nowhere", headers={"X-Request-Id": "call-3"})
    expected = (
        ("GET    /orders/{order_id} \x1b[33m404\x1b[0m", "call-1"),
        ("POST   /orders \x1b[32m201\x1b[0m", "call-2"),
        ("GET    none \x1b[33m404\x1b[0m", "call-3"),
    )
    assert lines[-1] == "orderkeep stopped"
    lines = [line for line in lines if not line.startswith("orderkeep ")]
    assert len(lines) == 3
    for line, (shown, request_id) in zip(sorted(lines, key=lambda line: line[-1]), expected, strict=True):
        assert re.fullmatch(LINE.format(re.escape(shown), request_id), line), line


@pytest.mark.parametrize(
    "settings, count", [({"access_log": "false"}, 0), ({"log_level": "warning"}, 0), ({"log_format": "json"}, 1)]
)
def test_settings_apply_on_a_terminal(settings: dict[str, str], count: int) -> None:
    with serving_on_a_terminal(store="memory://", **settings) as (client, lines):
        client.get("/lifecycle")
    stopping = ["orderkeep is stopping: requests in progress have up to 7 s", "orderkeep stopped"]
    assert lines[-2:] == stopping
    assert [json.loads(line)["route"] for line in lines[:-2]] == ["/lifecycle"] * count


def test_no_colours_are_logged_if_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with serving_on_a_terminal(store="memory://") as (client, lines):
        client.get("/lifecycle")
    assert "GET    /lifecycle 200 " in lines[0]


@pytest.mark.parametrize(
    "settings, code, said",
    [
        ({"store": "sqlite:////nowhere/at/all/orders.db"}, 7, "the store cannot be opened: "),
        ({"store": "redis://localhost"}, 2, "the URL of a store begins with "),
        ({"store": "memory://", "auth": "keys", "host": "256.0.0.1"}, 2, "cannot listen on 256.0.0.1 port "),
    ],
)
def test_failed_start_prints_one_sentence(settings: dict[str, str], code: int, said: str) -> None:
    process = start(**settings)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == code
    assert stderr.startswith(f"orderkeep: {said}")
    assert stderr.count("\n") == 1


def test_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(store="memory://", port=port)
        stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 2
    way_out = "use another --port (with make: PORT=8001) or --host"
    assert stderr == f"orderkeep: cannot listen on 127.0.0.1 port {port}: Address already in use; {way_out}\n"
