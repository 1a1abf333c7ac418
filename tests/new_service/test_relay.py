"""The relay of a new service delivers what another process changed, and what a killed relay had begun to send."""

import os
import signal
import sqlite3
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from standardwebhooks import Webhook

from tests.new_service.generated import BIN, created, run

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(ThreadingHTTPServer):
    """Keeps the headers and the body of each request, and responds when the test allows it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: SimpleQueue[tuple[dict[str, str], str]] = SimpleQueue()
        self.allowed = SimpleQueue[None]()


class Handler(BaseHTTPRequestHandler):
    """Responds to one request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.server.allowed.get()
        self.send_response(204)
        self.end_headers()


def test_killed_relay_leaves_its_delivery_to_the_next(tmp_path: Path) -> None:
    folder, receiver = created(tmp_path, "sqlite,cli,webhooks"), Receiver()
    Thread(target=receiver.serve_forever, daemon=True).start()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "src",
        "SHOP_WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}/hook",
        "SHOP_WEBHOOK_SECRET": SECRET,
    }
    relay: list[Path | str] = [BIN / "python", "-m", "shop.entrypoints.relay"]
    placed = run(folder, BIN / "python", "-c", "from shop.entrypoints.cli import main; main()", "place", "First")
    assert placed.returncode == 0, placed.stdout

    first = subprocess.Popen(relay, cwd=folder, env=environment)
    headers, body = receiver.received.get(timeout=60)
    first.kill()
    first.wait()
    receiver.allowed.put(None)
    with sqlite3.connect(folder / "shop.db") as connection:
        assert connection.execute("UPDATE outbox SET due_at = ''").rowcount == 1  # as if the time had passed
    second = subprocess.Popen(relay, cwd=folder, env=environment)
    again, same_body = receiver.received.get(timeout=60)
    receiver.allowed.put(None)
    second.send_signal(signal.SIGTERM)

    assert second.wait(timeout=60) == 0
    assert (again["webhook-id"], same_body) == (headers["webhook-id"], body)
    assert Webhook(SECRET).verify(body, headers)["type"] == "booking.pending"
    assert connection.execute("SELECT count(*) FROM outbox").fetchall() == [(0,)]
    connection.close()
    receiver.shutdown()
    receiver.server_close()
