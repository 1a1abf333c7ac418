"""A server that delivers webhooks is killed at random: nothing is lost, and each order's events arrive in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from pathlib import Path
from threading import Thread

from tests.entrypoints.served import serving

ORDERS, ROUNDS = 8, 4
SCHEDULE = ",".join(20 * ["1"])


@contextmanager
def receiving() -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a receiver, and the IDs of the events that it accepted, in order. It rejects every tenth."""
    accepted: list[str] = []
    chance = random.Random(7)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = loads(self.rfile.read(int(self.headers["Content-Length"])))
            rejects = chance.random() < 0.1
            if not rejects:
                accepted.append(event["id"])
            self.send_response(500 if rejects else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", accepted
    finally:
        server.shutdown()
        server.server_close()


def relay_once(store: str) -> int:
    command = [sys.executable, "-m", "orderkeep", "--store", store, "relay", "--once"]
    environment = os.environ | {"ORDERKEEP_WEBHOOK_RETRY_SCHEDULE": SCHEDULE}
    return subprocess.run(command, check=False, timeout=60, env=environment).returncode


def test_killed_server_loses_and_reorders_nothing(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orders.db"
    versions: dict[str, int] = {}
    chance = random.Random(3)
    with receiving() as (url, accepted):
        for number in range(ROUNDS):
            with serving(store=store, webhook_retry_schedule=SCHEDULE) as (client, process):
                if not number:
                    client.post("/webhooks", json={"url": url}).raise_for_status()
                for _ in range(ORDERS):
                    order = client.post("/orders", json={"user_id": "u", "total": 5, "currency": "EUR"}).json()
                    versions[order["id"]] = 1
                for order_id in chance.sample(sorted(versions), ORDERS):
                    client.post(f"/orders/{order_id}/notes", json={"text": "Called."}).raise_for_status()
                    versions[order_id] += 1
                time.sleep(chance.random() * 0.3)
                process.kill()
        expected = {f"{order_id}.{version}.1" for order_id, last in versions.items() for version in range(1, last + 1)}
        ends_at = time.monotonic() + 90
        while set(accepted) != expected and time.monotonic() < ends_at:
            assert relay_once(store) == 0
            time.sleep(1)  # for the lease of the killed server, and for retries
    assert set(accepted) == expected
    first_times: dict[str, list[int]] = defaultdict(list)
    for event_id in dict.fromkeys(accepted):
        order_id, version, _ = event_id.rsplit(".", 2)
        first_times[order_id].append(int(version))
    assert first_times == {order_id: [*range(1, last + 1)] for order_id, last in versions.items()}
