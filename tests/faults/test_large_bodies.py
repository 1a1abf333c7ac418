"""A body of 100 MB, however it is sent, takes no memory, and is rejected with the reason."""

import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.entrypoints.served import connected, serving

SIZE = 100_000_000
PART = 100_000
AT_MOST = 10_000_000

HEAD = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNK = b"%x\r\n%s\r\n" % (PART, b" " * PART)


def parts_of(head: bytes, part: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(SIZE // PART):
        yield part


WAYS = {
    "with its length": (b"Content-Length: %d\r\n\r\n" % SIZE, b" " * PART, 413),
    "in chunks": (b"Transfer-Encoding: chunked\r\n\r\n", CHUNK, 413),
    "with a length that is allowed": (b"Content-Length: 60000\r\n\r\n", b" " * PART, 400),
    "in one header": (b"X-Note: ", b"y" * PART, 431),
    "in headers": (b"", b"X: y\r\n" * (PART // 6), 431),
    "in an extension of a chunk": (b"Transfer-Encoding: chunked\r\n\r\n1;a=", b"b" * PART, 400),
    "in a trailer": (b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"y" * PART, 400),
    "in small chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * (PART // 6), 413),
}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[httpx.Client, psutil.Process]]:
    with serving(store="memory://") as (client, process):
        for _ in range(20):
            client.post("/orders", json={"user_id": "u", "total": 1, "currency": "EUR", "metadata": {"a": "b" * 500}})
        yield client, psutil.Process(process.pid)


@pytest.mark.parametrize("way", WAYS)
def test_is_rejected_and_takes_no_memory(served: tuple[httpx.Client, psutil.Process], way: str) -> None:
    client, server = served
    rest, part, status = WAYS[way]
    before = most = server.memory_info().rss
    with connected(client) as connection:
        for number, sent in enumerate(parts_of(HEAD + rest, part)):
            if not _is_taken(connection, sent):
                break
            if number % 10 == 0:
                most = max(most, server.memory_info().rss)
        assert f"HTTP/1.1 {status} ".encode() in _heard(connection)
    assert client.get("/livez").status_code == 200
    assert max(most, server.memory_info().rss) - before <= AT_MOST


def test_client_that_sends_the_whole_body_gets_the_response(served: tuple[httpx.Client, psutil.Process]) -> None:
    client, _ = served
    with connected(client) as connection:
        connection.sendall(HEAD + b"Content-Length: 20000000\r\n\r\n")
        for _ in range(200):
            connection.sendall(b" " * PART)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_endless_body_is_cut_off(served: tuple[httpx.Client, psutil.Process]) -> None:
    client, server = served
    before = server.memory_info().rss
    with connected(client) as connection:
        connection.sendall(HEAD + b"Content-Length: 999999999999\r\n\r\n")
        while _is_taken(connection, b" " * PART):  # ends, or the test does not
            assert server.memory_info().rss - before <= AT_MOST


def _is_taken(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except ConnectionError:
        return False
    return True


def _heard(connection: socket.socket) -> bytes:
    """Return what the server said, also where it ended the connection after that while we were still sending."""
    heard = b""
    try:
        while part := connection.recv(65_536):
            heard += part
    except ConnectionResetError:
        pass
    return heard
