"""`serve --workers N`: real worker processes on one port and one SQLite file, killed, drained and raced."""

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import connected, next_answer, serving, start
from tests.faults.loss_checker import read_kept
from tests.faults.occupied import held, waiting

Served = tuple[httpx.Client, subprocess.Popen[str]]
WORKERS = 3
CLIENTS = 12
SECONDS = 60.0


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/orders.db"


@pytest.fixture
def served(store: str) -> Iterator[Served]:
    with serving(store=store, workers=WORKERS, drain_seconds=3) as (client, process):
        until(lambda: serving_workers(client, process) == WORKERS)
        yield client, process


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(process.pid).children()
    return found


def connections_by_worker(client: httpx.Client, process: subprocess.Popen[str], count: int) -> list[int]:
    """Return how many of as many new connections each worker serves."""
    port = client.base_url.port or 80
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connected(client))
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with connection.makefile("rb") as stream:
                answer = next_answer(stream)
            assert answer
            assert answer.status == 200
        return [open_connections(worker, port) for worker in workers_of(process)]


def open_connections(worker: psutil.Process, port: int) -> int:
    found = worker.net_connections()
    return len([each for each in found if each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED])


def serving_workers(client: httpx.Client, process: subprocess.Popen[str]) -> int:
    return sum(count > 0 for count in connections_by_worker(client, process, 2 * WORKERS))


def test_each_worker_gets_the_same_share_of_connections(served: Served) -> None:
    client, process = served
    before = Counter(connections_by_worker(client, process, 0))
    assert before.keys() <= {0, 1}
    counts = connections_by_worker(client, process, 4 * WORKERS)
    assert len(counts) == WORKERS
    assert all(4 <= count <= 5 for count in counts), counts  # one has a connection of the test's client besides


def test_killed_worker_is_replaced(served: Served) -> None:
    client, process = served
    killed = workers_of(process)[0]
    killed.kill()
    until(lambda: len(workers_of(process)) == WORKERS and killed not in workers_of(process))
    until(lambda: serving_workers(client, process) == WORKERS)
    with httpx.Client(base_url=client.base_url) as another:
        assert another.post("/orders", json=PLAIN).status_code == 201


def test_stopped_worker_is_replaced_and_rejects_no_request(served: Served) -> None:
    client, process = served
    stopped = workers_of(process)[0]
    stopped.send_signal(signal.SIGTERM)
    while stopped.is_running():
        with httpx.Client(base_url=client.base_url) as another:
            assert another.post("/orders", json=PLAIN).status_code == 201
    until(lambda: serving_workers(client, process) == WORKERS)


def test_sigterm_under_load_loses_no_accepted_request(store: str, served: Served) -> None:
    """Each client continues until a response closes its connection."""
    client, process = served
    answers: list[tuple[int, str]] = []

    def place_until_closed() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            closing = None
            while closing is None:
                answer = own.post("/orders", json=PLAIN)
                answers.append((answer.status_code, answer.json()["id"]))
                closing = answer.headers.get("connection")

    workers = workers_of(process)
    with ThreadPoolExecutor(CLIENTS) as pool:
        placing = [pool.submit(place_until_closed) for _ in range(CLIENTS)]
        while len(answers) < 3 * CLIENTS and not any(each.done() for each in placing):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for each in placing:
            each.result()
    assert {status for status, _ in answers} == {201}
    assert process.wait(30) == 0
    assert not any(worker.is_running() for worker in workers)
    kept, problems = asyncio.run(read_kept(store))
    assert {found.order["id"] for found in kept} == {order_id for _, order_id in answers}
    assert problems == []


def test_every_worker_reports_that_it_drains_and_is_still_reached(store: str) -> None:
    with serving(store=store, workers=WORKERS, drain_seconds=600) as (client, process):
        until(lambda: serving_workers(client, process) == WORKERS)
        process.send_signal(signal.SIGTERM)
        until(lambda: client.get("/readyz").status_code == 503)
        time.sleep(0.5)  # the signal reaches the workers within milliseconds of each other
        for _ in range(2 * WORKERS):
            with httpx.Client(base_url=client.base_url) as another:
                answer = another.get("/readyz")
                assert (answer.status_code, answer.json()["code"]) == (503, "draining")
                assert answer.headers["connection"] == "close"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)])
def test_no_worker_drains_after_sigint_or_a_second_signal(store: str, numbers: tuple[signal.Signals, ...]) -> None:
    with serving(store=store, workers=2, drain_seconds=600) as (client, process):
        client.close()
        for number in numbers:
            os.kill(process.pid, number)
            time.sleep(0.5)  # two signals at the same time are one
        assert process.wait(30) == 0


def test_requests_in_progress_are_finished_by_the_workers_that_have_them(tmp_path: Path, store: str) -> None:
    with serving(store=store, workers=2) as (client, process), ExitStack() as stack:
        with held(tmp_path / "orders.db"):
            connections = stack.enter_context(waiting(client, 4))
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        for connection in connections:
            answer = next_answer(stack.enter_context(connection.makefile("rb")))
            assert answer
            assert (answer.status, answer.headers["connection"]) == (201, "close")
        assert process.wait(30) == 0


def test_workers_stop_if_the_supervisor_is_killed(served: Served) -> None:
    _, process = served
    workers = workers_of(process)
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=SECONDS)
    assert alive == []


def test_one_of_many_cancellations_succeeds_over_four_workers(store: str) -> None:
    with serving(store=store, workers=4) as (client, process), ThreadPoolExecutor(8) as pool:
        until(lambda: len(workers_of(process)) == 4)
        clients = [httpx.Client(base_url=client.base_url, timeout=30) for _ in range(8)]
        for number in range(20):
            key = {"Idempotency-Key": f"place-{number}"}
            placed = list(pool.map(lambda own, key=key: own.post("/orders", json=PLAIN, headers=key), clients))
            assert {answer.status_code for answer in placed} == {201}
            assert len({answer.json()["id"] for answer in placed}) == 1
            path = f"/orders/{placed[0].json()['id']}/cancel"
            cancelled = list(pool.map(lambda own, path=path: own.post(path, json={}), clients))
            assert Counter(answer.status_code for answer in cancelled) == {200: 1, 422: 7}
        for own in clients:
            own.close()
    kept, problems = asyncio.run(read_kept(store))
    assert [len(found.changes) for found in kept] == [2] * 20
    assert problems == []


@pytest.mark.parametrize(
    "settings, code, message",
    [
        ({"store": "memory://"}, 2, "2 workers cannot share store in memory: set ORDERKEEP_STORE to "),
        ({"documents": "memory://"}, 2, "2 workers cannot share documents in memory: set ORDERKEEP_DOCUMENTS to "),
        ({"store": "sqlite:////nowhere/at/all/orders.db"}, 7, "the store cannot be opened: "),
    ],
)
def test_reports_once_why_workers_do_not_start(
    tmp_path: Path, settings: dict[str, str], code: int, message: str
) -> None:
    process = start(**{"store": f"sqlite:///{tmp_path}/orders.db", "workers": 2, **settings})
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert stderr.startswith(f"orderkeep: {message}")
    assert stderr.count("\n") == 1
