"""Send one kind of request over keep-alive connections for a while, as cheaply as Python can, and check each answer.

A process of its own, so that it takes no time from the server: reads a job as JSON, prints what it counted as JSON.
"""

import itertools
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS_UNTIL_LOST = 10.0
BODY = {
    "user_id": "user-42",
    "total": 11_350,
    "currency": "EUR",
    "lines": [
        {"sku": "LAMP-1", "name": "Desk lamp", "quantity": 2, "unit_price": 4_750, "discount": 150, "tax": 900},
        {"sku": "BULB-7", "name": "Light bulb", "quantity": 3, "unit_price": 250, "discount": 0, "tax": 50},
    ],
    "shipping": 500,
    "discount": 200,
    "tax": 0,
    "tags": [],
    "metadata": {"channel": "web"},
}


def placements(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that place one order each, every one with a key and a number of its own."""
    number = 0
    while True:
        number += 1
        key = f"{job['run']}-{number}"
        body = json.dumps({**BODY, "external_ref": key}).encode()
        yield with_body("POST /orders", f"Idempotency-Key: place-{key}\r\n", body)


def reads(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that get the orders one after the other, over and over."""
    requests = [f"GET /orders/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for id in job["ids"]]
    while True:
        yield from requests


def lists(_: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests for the page that a list begins with, over and over."""
    while True:
        yield b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"


def cancellations(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that cancel each order once, if it is at its first version."""
    body = json.dumps({"reason": "changed_mind", "note": "Ordered twice"}).encode()
    for id in job["ids"]:
        yield with_body(f"POST /orders/{id}/cancel", f'Idempotency-Key: cancel-{id}\r\nIf-Match: "1"\r\n', body)


def with_body(route: str, headers: str, body: bytes) -> bytes:
    """Return a request with a JSON body."""
    common = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{route} HTTP/1.1\r\n{common}{headers}\r\n".encode() + body


OPERATIONS: dict[str, tuple[Callable[[dict[str, Any]], Iterator[bytes]], bytes]] = {
    "place": (placements, b"HTTP/1.1 201 "),
    "get": (reads, b"HTTP/1.1 200 "),
    "list": (lists, b"HTTP/1.1 200 "),
    "cancel": (cancellations, b"HTTP/1.1 200 "),
}


def authorized(requests: Iterator[bytes], tokens: list[str]) -> Iterator[bytes]:
    """Return the requests, each with the next of the tokens, over and over; as they are where there are none."""
    if not tokens:
        return requests
    shown = itertools.cycle([f"\r\nAuthorization: Bearer {token}\r\n\r\n".encode() for token in tokens])
    return (request.replace(b"\r\n\r\n", next(shown), 1) for request in requests)


class WrongAnswer(Exception):
    """The server answered something else than what was asked for, or not at all."""


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int, expected: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.expected, self.received = expected, b""

    def send_next(self, requests: Iterator[bytes]) -> bool:
        """Send one more request; False where there is none left."""
        request = next(requests, None)
        if request is not None:
            self.socket.sendall(request)
        return request is not None

    def receive(self) -> bytes | None:
        """Return the answer once it is there as a whole. Raises `WrongAnswer`."""
        arrived = self.socket.recv(65_536)
        if not arrived:
            raise WrongAnswer("the server closed the connection")
        self.received += arrived
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        start = self.received.find(b"content-length: ", 0, end) + len(b"content-length: ")
        length = int(self.received[start : self.received.find(b"\r", start)])
        if len(self.received) < end + 4 + length:
            return None
        answer, self.received = self.received, b""
        if not answer.startswith(self.expected):
            raise WrongAnswer(answer.decode(errors="replace"))
        return answer


def drive(connections: list[Connection], requests: Iterator[bytes], seconds: float) -> tuple[list[bytes], float]:
    """Keep every connection busy until the time or the requests are over; return the answers and the seconds taken."""
    by_fd = {connection.socket.fileno(): connection for connection in connections}
    poll = select.poll()
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    answers: list[bytes] = []
    start = time.perf_counter()
    under_way = sum(connection.send_next(requests) for connection in connections)
    while under_way:
        ready = poll.poll(SECONDS_UNTIL_LOST * 1000)
        if not ready:
            raise WrongAnswer(f"no answer within {SECONDS_UNTIL_LOST} seconds")
        going_on = time.perf_counter() < start + seconds
        for fd, _ in ready:
            connection = by_fd[fd]
            if (answer := connection.receive()) is not None:
                answers.append(answer)
                under_way -= not (going_on and connection.send_next(requests))
    return answers, time.perf_counter() - start


def cpu_seconds(pid: int) -> float | None:
    """Return the user and system time that a process has had, where the machine tells (Linux)."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    job = json.load(sys.stdin)
    make_requests, expected = OPERATIONS[job["operation"]]
    connections = [Connection(job["port"], expected) for _ in range(job["concurrency"])]
    requests = authorized(make_requests(job), job.get("tokens", []))
    cpu_before, own_before = cpu_seconds(job["pid"]), time.process_time()
    try:
        answers, seconds = drive(connections, requests, job["seconds"])
    except WrongAnswer as error:
        sys.exit(f"{job['operation']}: {error}")
    own, cpu_after = time.process_time() - own_before, cpu_seconds(job["pid"])
    cpu = None if cpu_before is None or cpu_after is None else cpu_after - cpu_before
    ids = [json.loads(answer.partition(b"\r\n\r\n")[2]).get("id") for answer in answers]
    json.dump({"count": len(answers), "seconds": seconds, "cpu": cpu, "own_cpu": own, "ids": ids}, sys.stdout)


if __name__ == "__main__":
    main()
