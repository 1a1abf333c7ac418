"""The server as its users run it: a process of its own, real sockets; and what is said on a connection."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import httpx

SERVE = "from orderkeep.config import Settings; from orderkeep.entrypoints.api.server import serve; serve(Settings())"


def start(stderr: int = subprocess.PIPE, /, **settings: object) -> subprocess.Popen[str]:
    given = {f"ORDERKEEP_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {**os.environ, "ORDERKEEP_PORT": "0", "ORDERKEEP_DRAIN_SECONDS": "0", **given}
    return subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stderr=stderr, text=True)


@contextmanager
def serving(**settings: object) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Yield a client of a server that has said where it listens, and its process."""
    process = start(**settings)
    assert process.stderr
    try:
        said = iter(process.stderr.readline, "")
        url = next(found[0] for line in said if (found := re.search(r"http://[\w.:\[\]]+(?=/docs)", line)))
        with httpx.Client(base_url=url) as client:
            yield client, process
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def serving_on_a_terminal(**settings: object) -> Iterator[tuple[httpx.Client, list[str]]]:
    """Yield a client of a server whose output goes to a terminal, and the lines after the banner, once it stopped."""
    ours, theirs = os.openpty()
    lines: list[str] = []
    with os.fdopen(ours, encoding="utf-8", newline="\n") as terminal:
        process = start(theirs, **settings)
        os.close(theirs)
        try:
            banner = list(iter(lambda: terminal.readline().strip(), ""))
            url = next(found[0] for line in banner if (found := re.search(r"http://[\w.:\[\]]+(?=/docs)", line)))
            with httpx.Client(base_url=url) as client:
                yield client, lines
        finally:
            process.terminate()
            with suppress(OSError):  # Linux's way to say that no process has the terminal open any more
                lines.extend(line.strip() for line in terminal)
            process.wait(30)


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    """Yield a plain connection to the client's server."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=30) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def next_answer(stream: IO[bytes]) -> Answer | None:
    """Return the next answer of a connection; None where it has ended."""
    line = stream.readline()
    if not line:
        return None
    found = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [A-Za-z -]+\r\n", line)
    assert found, line
    headers: dict[str, str] = {}
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(": ")
        assert name not in headers, f"{name} twice"
        headers[name] = value.removesuffix("\r\n")
    return Answer(int(found[1]), headers, stream.read(int(headers.get("content-length", 0))))
