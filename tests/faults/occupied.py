"""Keep a service at work: its store waits for a lock, and so do those who place orders."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from tests.entrypoints.served import connected


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Let nobody write into a store: whoever wants to waits for some seconds."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def waiting(client: httpx.Client, count: int) -> Iterator[list[socket.socket]]:
    """Yield connections on which an order is to be placed, and the service is at it."""
    body = b'{"user_id": "user-7", "total": 9900, "currency": "USD"}'
    head = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(client)) for _ in range(count)]
        for connection in connections:
            connection.sendall(head % len(body) + b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
        yield connections
