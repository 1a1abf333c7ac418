"""An S3 with scripted responses, which records its requests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from orderkeep.application.ports import DocumentStore
from orderkeep.bootstrap.documents import open_documents


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer: an error of S3's where it has a `code`. `cut` ends the connection in the middle of the body."""

    status: int = 200
    code: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def content(self) -> bytes:
        return f"<Error><Code>{self.code}</Code><Message>No.</Message></Error>".encode() if self.code else self.body


@dataclass
class ScriptedS3:
    """`answers` are given one after the other, the last one for ever; without any it stays silent."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def documents(self) -> DocumentStore:
        """Return a document store in its bucket."""
        return open_documents(f"s3://shop-documents/kept?region=eu-west-3&endpoint={self.endpoint}")


@contextmanager
def scripted_s3(*answers: Answer) -> Iterator[ScriptedS3]:
    """Run one."""
    s3, ended = ScriptedS3(list(answers)), Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            s3.asked.append(Asked(self.command, self.path, headers, body))
            if not s3.answers:
                ended.wait()
                self.close_connection = True
                return
            given = s3.answers.pop(0) if len(s3.answers) > 1 else s3.answers[0]
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(given.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(given.content[: len(given.content) // 2] if given.cut else given.content)
            self.close_connection = given.cut

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815
        log_message: Callable[..., None] = lambda *_: None

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        s3.port = server.server_port
        try:
            yield s3
        finally:
            ended.set()
            server.shutdown()
            thread.join()
