"""AWS Lambda's Runtime API, played for one function: hands it an event, and takes its answer.

The function is whatever `awslambdaric`, Amazon's own runtime client, starts. All is done by the caller's thread, in the
order in which Lambda does it, so that nothing but the function works while it is timed.
"""

import json
import os
import selectors
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

SECONDS_UNTIL_LOST = 60.0
SECONDS_TO_ANSWER = 30
API = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:orders"


class FunctionFailed(Exception):
    """The function did not start, ended, or answered with an error."""


@dataclass(frozen=True)
class Asked:
    """A request of the runtime client, when its last byte was here, and where the answer goes."""

    method: str
    path: str
    body: bytes
    at: float
    connection: socket.socket = field(repr=False)

    def answer(self, status: str, headers: str = "", body: bytes = b"") -> None:
        """Send the answer."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.connection.sendall(head.encode() + body)


class RuntimeApi:
    """The API on a port of its own, until the block ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(self._listener, selectors.EVENT_READ)
        self._next: Asked | None = None

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for key in list(self._waiting.get_map().values()):
            self._waiting.unregister(key.fileobj)
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._waiting.close()

    def wait_until_ready(self, function: "subprocess.Popen[bytes]") -> float:
        """Wait until the function asks for an event; return when it did. Raises `FunctionFailed`."""
        asked = self._asked(function)
        if asked.path != f"{API}/invocation/next":
            raise FunctionFailed(f"{asked.path}: {asked.body.decode(errors='replace')}")
        self._next = asked
        return asked.at

    def invoke(self, function: "subprocess.Popen[bytes]", event: dict[str, Any]) -> tuple[Any, float, float]:
        """Hand out an event to the function, which is ready; return its answer, and when it got the one and gave the
        other. Raises `FunctionFailed`.
        """
        assert self._next is not None
        id, body = str(uuid.uuid4()), json.dumps(event).encode()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": id,
            "Lambda-Runtime-Deadline-Ms": int((time.time() + SECONDS_TO_ANSWER) * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
        handed_out = time.monotonic()
        self._next.answer("200 OK", "".join(f"{name}: {value}\r\n" for name, value in headers.items()), body)
        answered = self._asked(function)
        answered.answer("202 Accepted", body=b'{"status": "OK"}')
        if answered.path != f"{API}/invocation/{id}/response":
            raise FunctionFailed(f"{answered.path}: {answered.body.decode(errors='replace')}")
        return json.loads(answered.body), handed_out, answered.at

    def _asked(self, function: "subprocess.Popen[bytes]") -> Asked:
        end = time.monotonic() + SECONDS_UNTIL_LOST
        while time.monotonic() < end:
            for key, _ in self._waiting.select(timeout=1):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._waiting.register(self._listener.accept()[0], selectors.EVENT_READ)
                elif asked := _read(key.fileobj):
                    return asked
                else:
                    self._waiting.unregister(key.fileobj)
                    key.fileobj.close()
            if function.poll() is not None:
                raise FunctionFailed(f"it ended with exit code {function.returncode}")
        raise FunctionFailed(f"nothing was heard of it for {SECONDS_UNTIL_LOST:.0f} seconds")


def _read(connection: socket.socket) -> Asked | None:
    """Return what is asked on the connection; None where it was closed."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        arrived = connection.recv(65_536)
        if not arrived:
            return None
        received += arrived
    lines = received[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body, length = received[end + 4 :], int(headers.get("content-length", 0))
    if headers.get("expect"):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        body += connection.recv(65_536)
    method, path, _ = lines[0].split(" ")
    return Asked(method, path, body, time.monotonic(), connection)


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, to the nanosecond (Linux: the clock that a process is)."""
    return time.clock_gettime(~pid << 3 | 2) if os.name == "posix" else float("nan")
