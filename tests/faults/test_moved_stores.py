"""A process that was suspended while its shop moved to another store cannot write to the old one."""

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli_calls import run
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import Answer, connected, next_answer, serving

KEY = {"Idempotency-Key": "placed-7781"}


def request_bytes(method: str, path: str, body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@pytest.mark.parametrize("store_url", ["sqlite", "postgres", "dynamodb"], indirect=True)
def test_process_that_slept_through_the_move_cannot_write_to_the_old_store(store_url: str, tmp_path: Path) -> None:
    moved = f"sqlite:///{tmp_path}/moved.db"
    with serving(store=store_url) as (client, process), ExitStack() as stack:
        order = client.post("/orders", json=PLAIN, headers=KEY).json()
        one = f"/orders/{order['id']}"
        process.send_signal(signal.SIGSTOP)
        stack.callback(process.send_signal, signal.SIGCONT)
        connections = [stack.enter_context(connected(client)) for _ in range(4)]
        writes = [
            request_bytes("POST", "/orders", PLAIN | {"external_ref": "too late"}),
            request_bytes("POST", f"{one}/confirm"),
            request_bytes("DELETE", one),
            request_bytes("POST", "/webhooks", {"url": "http://127.0.0.1:9/hook"}),
        ]
        for connection, write in zip(connections, writes, strict=True):
            connection.sendall(write)
        assert run("--store", moved, "migrate", cwd=tmp_path).returncode == 0
        done = run("move", "--from", store_url, "--to", moved, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGCONT)
        answers = [next_answer(connection.makefile("rb")) for connection in connections]
        assert [seen(answer) for answer in answers] == 4 * [(503, "store_moved", True)]
        assert client.get(one).json() == order
        assert [each["id"] for each in client.get("/orders").json()["data"]] == [order["id"]]
        assert client.get("/webhooks").json()["data"] == []
    with serving(store=moved) as (client, _):
        assert client.get(one).json() == order
        again = client.post("/orders", json=PLAIN, headers=KEY)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (order, "true")
        assert client.post(f"{one}/confirm").json()["version"] == 2


def seen(answer: Answer | None) -> tuple[int, str, bool]:
    """Return the status, the error code, and whether the response says when to repeat the request."""
    assert answer
    return answer.status, answer.json["code"], "retry-after" in {name.lower() for name in answer.headers}
