"""The service benchmark runs to its end, and a wrong answer ends it at once. What it measures is nobody's assertion."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class Teapot(BaseHTTPRequestHandler):
    """Answers every placement, and none as it should."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(418)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def teapot() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Teapot) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_prints_every_cell_and_its_ratios(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.05", "--folder", str(tmp_path)]
    done = run([BENCHMARKS / "service.py", *options])
    assert done.returncode == 0, done.stderr
    summary = [line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("all ")]
    assert summary == [[operation, at_once] for at_once in ("1", "32") for operation in ("place", "get", "cancel")]
    assert list(tmp_path.iterdir()) == []


def test_ends_with_an_error_at_a_wrong_answer(teapot: int) -> None:
    job = {"operation": "place", "run": "r", "concurrency": 1, "seconds": 5, "port": teapot, "pid": os.getpid()}
    done = run([BENCHMARKS / "load" / "driver.py"], json.dumps(job))
    assert done.returncode == 1
    assert done.stderr.startswith("place: HTTP/1.1 418")


def run(command: list[str | Path], asked: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], input=asked, capture_output=True, text=True, check=False)
