"""Send one kind of request over keep-alive connections for a while, as cheaply as Python can, and check each response.

A process of its own, so that it takes no time from the server: reads a job as JSON, prints what it measured as JSON.
"""

import itertools
import json
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

RESPONSE_TIMEOUT = 10.0
PAGE_SIZE = 50
LINES = [
    {"sku": "LAMP-1", "name": "Desk lamp", "quantity": 2, "unit_price": 4_750, "discount": 150, "tax": 900},
    {"sku": "BULB-7", "name": "Light bulb", "quantity": 3, "unit_price": 250, "discount": 0, "tax": 50},
    {"sku": "CORD-2", "name": "Extension cord, 3 m", "quantity": 1, "unit_price": 1_290, "discount": 0, "tax": 245},
    {"sku": "PLUG-9", "name": "Travel adapter", "quantity": 4, "unit_price": 799, "discount": 96, "tax": 589},
    {"sku": "TAPE-5", "name": "Insulating tape", "quantity": 6, "unit_price": 120, "discount": 20, "tax": 137},
]
BODY = {
    "user_id": "user-42",
    "total": 17_411,
    "currency": "EUR",
    "external_ref": "REFERENCE",
    "lines": LINES,
    "shipping": 500,
    "discount": 200,
    "tax": 0,
    "tags": [],
    "metadata": {"channel": "web"},
}


def placements(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that place one order each, every one with an idempotency key and a reference of its own."""
    number = 0
    template = json.dumps(BODY)
    while True:
        number += 1
        reference = f"{job['run']}-{number:07}"
        body = template.replace("REFERENCE", reference, 1).encode()
        common = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        yield f"POST /orders HTTP/1.1\r\n{common}Idempotency-Key: place-{reference}\r\n\r\n".encode() + body


def reads(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that get the orders one after the other, over and over."""
    requests = [f"GET /orders/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for id in job["ids"]]
    return itertools.cycle(requests)


def lists(_: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests for the first page of the list, over and over."""
    return itertools.repeat(f"GET /orders?limit={PAGE_SIZE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def cancellations(job: dict[str, Any]) -> Iterator[bytes]:
    """Yield requests that cancel each order once, if it is at its first version."""
    for id in job["ids"]:
        headers = f'Host: localhost\r\nIdempotency-Key: cancel-{id}\r\nIf-Match: "1"\r\n'
        yield f"DELETE /orders/{id} HTTP/1.1\r\n{headers}\r\n".encode()


OPERATIONS: dict[str, tuple[Callable[[dict[str, Any]], Iterator[bytes]], bytes]] = {
    "place": (placements, b"HTTP/1.1 201 "),
    "get": (reads, b"HTTP/1.1 200 "),
    "list": (lists, b"HTTP/1.1 200 "),
    "cancel": (cancellations, b"HTTP/1.1 200 "),
}


def authorized(requests: Iterator[bytes], tokens: list[str]) -> Iterator[bytes]:
    """Return the requests, each with the next of the tokens, over and over; unchanged without tokens."""
    if not tokens:
        return requests
    shown = itertools.cycle([f"\r\nAuthorization: Bearer {token}\r\n\r\n".encode() for token in tokens])
    return (request.replace(b"\r\n\r\n", next(shown), 1) for request in requests)


class WrongResponse(Exception):
    """The server returned another response than the expected one, or none."""


class Connection:
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, port: int, expected: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.expected, self.received, self.sent_at = expected, b"", 0.0

    def send_next(self, requests: Iterator[bytes]) -> bool:
        """Send one more request; return False if none is left."""
        request = next(requests, None)
        if request is not None:
            self.sent_at = time.perf_counter()
            self.socket.sendall(request)
        return request is not None

    def receive(self) -> bytes | None:
        """Return the response once it is complete. Raises `WrongResponse`."""
        arrived = self.socket.recv(262_144)
        if not arrived:
            raise WrongResponse("the server closed the connection")
        self.received = self.received + arrived if self.received else arrived
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        start = self.received.find(b"content-length: ", 0, end) + len(b"content-length: ")
        length = int(self.received[start : self.received.find(b"\r", start)])
        if len(self.received) < end + 4 + length:
            return None
        response, self.received = self.received, b""
        if not response.startswith(self.expected):
            raise WrongResponse(response.decode(errors="replace"))
        return response


def drive(
    connections: list[Connection], requests: Iterator[bytes], seconds: float, on_response: Callable[[bytes], None]
) -> tuple[list[float], float]:
    """Keep every connection busy until the time or the requests are over; return all latencies and the time taken."""
    by_fd = {connection.socket.fileno(): connection for connection in connections}
    poll = select.poll()
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    latencies: list[float] = []
    start = time.perf_counter()
    in_flight = sum(connection.send_next(requests) for connection in connections)
    while in_flight:
        ready = poll.poll(RESPONSE_TIMEOUT * 1000)
        if not ready:
            raise WrongResponse(f"no response within {RESPONSE_TIMEOUT} seconds")
        for fd, _ in ready:
            connection = by_fd[fd]
            if (response := connection.receive()) is not None:
                now = time.perf_counter()
                latencies.append(now - connection.sent_at)
                on_response(response)
                in_flight -= not (now < start + seconds and connection.send_next(requests))
    return latencies, time.perf_counter() - start


def cpu_seconds(pid: int) -> float | None:
    """Return the user and system time of a process, all its threads, to the nanosecond; None except on Linux."""
    if sys.platform != "linux":
        return None
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)


def quantile(ordered: list[float], share: float) -> float:
    """Return the value below which that share of the ordered values lies."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def main() -> None:
    job = json.load(sys.stdin)
    make_requests, expected = OPERATIONS[job["operation"]]
    connections = [Connection(job["port"], expected) for _ in range(job["concurrency"])]
    requests = itertools.islice(authorized(make_requests(job), job.get("tokens", [])), job.get("count"))
    placed: list[bytes] = []
    keep = placed.append if job["operation"] == "place" else lambda _: None
    cpu_before, own_before = cpu_seconds(job["pid"]), time.process_time()
    try:
        latencies, seconds = drive(connections, requests, job["seconds"], keep)
    except WrongResponse as error:
        sys.exit(f"{job['operation']}: {error}")
    own, cpu_after = time.process_time() - own_before, cpu_seconds(job["pid"])
    latencies.sort()
    measured = {
        "count": len(latencies),
        "seconds": seconds,
        "cpu": None if cpu_before is None or cpu_after is None else cpu_after - cpu_before,
        "own_cpu": own,
        "p50": quantile(latencies, 0.5),
        "p99": quantile(latencies, 0.99),
        "ids": [json.loads(response.partition(b"\r\n\r\n")[2])["id"] for response in placed],
    }
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
