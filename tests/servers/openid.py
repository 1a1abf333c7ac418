"""A web server of an OpenID provider, over TLS or not, that responds as badly as a test requires."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: dict[str, Page | bytes], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages, self.asked = pages, list[str]()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: that a client goes away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path) or self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self.send_error(404)
        elif isinstance(page, bytes):
            answer(self, page)
        else:
            page(self)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep the tests' output to the tests."""


def answer(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Answer as a server should."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(pages: dict[str, Page | bytes], tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield the server's address, and the paths that it was asked for so far."""
    with _Server(pages, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            scheme = "http" if tls is None else "https"
            yield f"{scheme}://localhost:{server.server_port}", server.asked
        finally:
            server.shutdown()
            thread.join()
