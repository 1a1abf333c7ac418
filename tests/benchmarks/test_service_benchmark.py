"""The service benchmark runs to its end, compares like with like, and ends at a wrong response."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import service
from benchmarks.load import driver
from benchmarks.load.served import Server

CHECKOUT = Path(__file__).parents[2]
BENCHMARKS = CHECKOUT / "benchmarks"
FIGURES = {"per_second", "cpu", "p50", "p99", "driver_busy"}


class Teapot(BaseHTTPRequestHandler):
    """Responds to every placement, always with the wrong status."""

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
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", name="services")
def running_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Server]]]:
    """All services of the benchmark, and the folder of their files."""
    folder = tmp_path_factory.mktemp("services")
    with service.services(folder, None) as servers:
        yield folder, {server.name: server for server in servers}


def test_reports_every_service_in_every_cell(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.05", "--folder", str(tmp_path), "--json", str(tmp_path / "figures")]
    done = run([BENCHMARKS / "service.py", *options, "--only", "get", "--against", CHECKOUT])
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures").read_bytes())[0]
    assert list(figures) == ["get 1", "get 32"]
    for cell in figures.values():
        assert list(cell) == ["orderkeep", "against", "one file", "bare ASGI"]
        assert all(set(found) == FIGURES and found["p50"] <= found["p99"] for found in cell.values())
    assert sum(line.endswith((", met", ", MISSED")) for line in done.stdout.splitlines()) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_bare_asgi_returns_the_bytes_of_orderkeep(services: tuple[Path, dict[str, Server]]) -> None:
    folder, servers = services
    recorded = json.loads((folder / "responses.json").read_bytes())
    assert list(recorded) == ["place", "get", "list", "cancel"]
    assert len(json.loads(recorded["list"][2])["data"]) == 50
    assert json.loads(json.dumps(service.record(servers["bare ASGI"]))) == recorded


def test_pages_of_the_one_file_service_hold_every_order_once(services: tuple[Path, dict[str, Server]]) -> None:
    server = services[1]["one file"]
    placed = server.load("place", run="pages", concurrency=1, seconds=60, count=7)["ids"]
    found: list[str] = []
    cursor = ""
    for _ in range(3):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/orders?limit=3{cursor}") as response:
            page = json.load(response)
        found += [order["id"] for order in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert found[:7] == placed[::-1]
    assert len(set(found)) == 9


def test_the_clock_of_another_process_counts_its_cpu() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        time.sleep(0.3)
        found = driver.cpu_seconds(process.pid)
        process.kill()
    assert found is None or 0.01 < found < 10


def test_ends_with_an_error_at_a_wrong_response(teapot: int) -> None:
    job = {"operation": "place", "run": "r", "concurrency": 1, "seconds": 5, "port": teapot, "pid": os.getpid()}
    done = run([BENCHMARKS / "load" / "driver.py"], json.dumps(job))
    assert done.returncode == 1
    assert done.stderr.startswith("place: HTTP/1.1 418")


def run(command: list[str | Path], asked: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], input=asked, capture_output=True, text=True, check=False)
