"""At SIGTERM a server first reports that it ends, then closes its connections after their responses; none is cut."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from orderkeep.config import Settings
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import SERVE, connected, next_answer, read_all, serving
from tests.faults.loss_checker import read_kept
from tests.faults.occupied import held, waiting

PROMISED = 10
CLIENTS = 8


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/orders.db"


@pytest.fixture
def served(store: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    with serving(store=store, drain_seconds=3) as (client, process):
        yield client, process


def test_the_whole_end_fits_into_what_is_promised() -> None:
    settings = Settings()
    assert settings.drain_seconds > 0
    assert settings.drain_seconds + settings.shutdown_seconds < PROMISED


def test_readiness_fails_first_and_open_requests_are_completed(
    served: tuple[httpx.Client, subprocess.Popen[str]],
) -> None:
    client, process = served
    before = client.get("/orders")
    assert "connection" not in before.headers
    process.send_signal(signal.SIGTERM)
    unready = _answer_that_differs(client)
    assert (unready.status_code, unready.json()["code"]) == (503, "draining")
    assert unready.headers["connection"] == "close"
    assert unready.headers["retry-after"] == "1"
    with httpx.Client(base_url=client.base_url) as another:  # the entrypoint is still open, to a new client too
        placed = another.post("/orders", json=PLAIN)
        assert (placed.status_code, placed.headers["connection"]) == (201, "close")
        assert another.get("/livez").status_code == 200
    assert process.wait(30) == 0


def _answer_that_differs(client: httpx.Client) -> httpx.Response:
    while (answer := client.get("/readyz")).status_code == 200:  # a signal takes a moment to arrive
        pass
    return answer


def test_every_request_gets_a_response_during_shutdown(
    store: str, served: tuple[httpx.Client, subprocess.Popen[str]]
) -> None:
    """Each client continues until a response announces that the connection ends."""
    client, process = served
    answers: list[tuple[int, str]] = []

    def go_on() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            told = None
            while told is None:
                answer = own.post("/orders", json=PLAIN)
                answers.append((answer.status_code, answer.json()["id"]))
                told = answer.headers.get("connection")

    with ThreadPoolExecutor(CLIENTS) as pool:
        going_on = [pool.submit(go_on) for _ in range(CLIENTS)]
        while len(answers) < 5 * CLIENTS and not any(each.done() for each in going_on):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for each in going_on:
            each.result()
    assert {status for status, _ in answers} == {201}
    assert process.wait(30) == 0
    kept, problems = asyncio.run(read_kept(store))
    assert {found.order["id"] for found in kept} == {order_id for _, order_id in answers}
    assert problems == []


@pytest.mark.parametrize("workers", [1, 2])
def test_no_accepted_connection_is_reset_during_shutdown(store: str, workers: int) -> None:
    """Clients open a connection for each request, until they are refused."""
    outcomes: list[str] = []
    request = b"GET /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with serving(store=store, drain_seconds=1, workers=workers) as (client, process):

        def go_on() -> None:
            while outcomes.count("refused") < 1:
                try:
                    with connected(client) as connection:
                        outcomes.append("open")
                        connection.sendall(request)
                        outcomes.append(read_all(connection)[9:12].decode() or "closed")
                except ConnectionRefusedError:
                    outcomes.append("refused")
                except ConnectionError as error:
                    outcomes.append(type(error).__name__)

        with ThreadPoolExecutor(CLIENTS) as pool:
            going_on = [pool.submit(go_on) for _ in range(CLIENTS)]
            while len(outcomes) < 10 * CLIENTS and not any(each.done() for each in going_on):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            for each in going_on:
                each.result()
        assert set(outcomes) == {"open", "200", "refused"}
        assert process.wait(30) == 0


def test_request_that_was_not_read_when_the_server_stops_gets_a_response(tmp_path: Path, store: str) -> None:
    """The event loop is busy from before the request arrives until the server stops."""
    busy = "import orderkeep.entrypoints.api.server as s, time; from pathlib import Path\n"
    busy += "accept = s._accept_waiting\n"
    busy += (
        f"def busy(listener):\n Path({str(tmp_path / 'busy')!r}).touch(); time.sleep(2); yield from accept(listener)\n"
    )
    busy += "s._accept_waiting = busy\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.entrypoints.served.SERVE", busy + SERVE)
        with serving(store=store) as (client, process), connected(client) as kept:
            request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with kept.makefile("rb") as stream:
                kept.sendall(request)
                assert next_answer(stream)
                process.send_signal(signal.SIGTERM)
                while not (tmp_path / "busy").exists():
                    time.sleep(0.01)
                kept.sendall(request)
                with connected(client) as waiting_to_be_accepted:
                    waiting_to_be_accepted.sendall(request)
                    answer = next_answer(stream)
                    assert answer
                    assert (answer.status, answer.headers["connection"]) == (200, "close")
                    assert read_all(waiting_to_be_accepted).startswith(b"HTTP/1.1 200")
            assert process.wait(30) == 0


def test_who_has_begun_may_finish(served: tuple[httpx.Client, subprocess.Popen[str]]) -> None:
    client, process = served
    body = b'{"user_id": "user-7", "total": 9900, "currency": "USD"}'
    head = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with connected(client) as in_head, connected(client) as in_body, connected(client) as idle:
        in_body.sendall(head % len(body) + body[:9])
        in_head.sendall(head[:30])
        client.get("/livez")
        process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # only when the entrypoint is closed
        for connection, rest in ((in_body, body[9:]), (in_head, (head % len(body))[30:] + body)):
            connection.sendall(rest)
            with connection.makefile("rb") as stream:
                answer = next_answer(stream)
                assert answer
                assert (answer.status, answer.headers["connection"]) == (201, "close")
    assert process.wait(30) == 0


def test_who_does_not_finish_keeps_the_server_no_longer_than_is_set(store: str) -> None:
    with serving(store=store, shutdown_seconds=1) as (client, process), connected(client) as connection:
        connection.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        client.get("/livez")
        process.send_signal(signal.SIGTERM)
        assert process.wait(7) == 0  # before the body's own time is over


def test_request_cancelled_by_shutdown_gets_a_problem_document(tmp_path: Path, store: str) -> None:
    with ExitStack() as stack:
        client, process = stack.enter_context(serving(store=store, shutdown_seconds=1))
        stack.enter_context(held(tmp_path / "orders.db"))
        (connection,) = stack.enter_context(waiting(client, 1))
        process.send_signal(signal.SIGTERM)
        answer = next_answer(stack.enter_context(connection.makefile("rb")))
        assert answer
        assert (answer.status, answer.json["code"]) == (503, "store_unavailable")
        assert answer.json["request_id"] == answer.headers["x-request-id"]


def test_ctrl_c_or_a_second_signal_ends_at_once() -> None:
    for numbers in ((signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)):
        with serving(store="memory://", drain_seconds=600) as (client, process):
            client.close()
            for number in numbers:
                os.kill(process.pid, number)
                _until_drained_by_one(process)
            assert process.wait(30) == 0


def _until_drained_by_one(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(0.5)  # two signals at the same time are one
    except subprocess.TimeoutExpired:
        return
