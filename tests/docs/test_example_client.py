"""The example client repeats a request whose response was lost, with the same idempotency key."""

import runpy
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.docs.pages import CHECKOUT

ORDER = b'{"id": "order-1"}'


class Losing(ThreadingHTTPServer):
    """Loses the response to the first request: the connection is closed after `sent`."""

    def __init__(self, sent: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sent, self.keys = sent, list[str | None]()


class Handler(BaseHTTPRequestHandler):
    server: Losing

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        if len(self.server.keys) == 1:
            self.wfile.write(self.server.sent)
        else:
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(ORDER), ORDER))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[b"", b"HTTP/1.", b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"])
def losing(request: pytest.FixtureRequest) -> Iterator[Losing]:
    with Losing(request.param) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_lost_response_is_requested_again_with_the_same_key(losing: Losing, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = list[float]()
    monkeypatch.setattr(time, "sleep", waited.append)
    client = runpy.run_path(str(CHECKOUT / "docs" / "examples" / "api_client.py"))
    orders = client["Orders"](f"http://127.0.0.1:{losing.server_address[1]}")
    assert orders.place({"user_id": "user-7"}, key="order-2001") == {"id": "order-1"}
    assert (losing.keys, waited) == (["order-2001"] * 2, [1.0])
