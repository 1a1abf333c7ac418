"""What each chapter of the tutorial costs and buys: lines, tests without a database, CPU time of a request.

Every chapter runs in a process of its own, in a copy of its folder, and all take their turn in every round: each ratio
compares a chapter with chapter 0 in the same round. Requests are sent to the application without a socket.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

TUTORIAL = Path(__file__).parents[1] / "examples" / "tutorial"
CHAPTERS = sorted(path.name for path in TUTORIAL.iterdir() if path.is_dir() and path.name[:2].isdigit())
RULE = "test_cancel_rejects_shipped"
WARM_UP = 20
ORDERS = 20  # of two_at_once.py


class Size(NamedTuple):
    """The files with code of a chapter, their lines, and the lines of its tests."""

    files: int
    lines: int
    test_lines: int


class Turn(NamedTuple):
    """What one process measured: seconds of CPU of a request, the duration of the test of one rule, and for how many
    orders two requests that exclude each other succeeded.
    """

    get: float
    cancel: float
    rule_test: float
    both: int


class Tests(NamedTuple):
    all: int
    without_database: int


def size_of(chapter: str) -> Size:
    folder = TUTORIAL / chapter
    lines = {path.relative_to(folder): len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.py")}
    code = [count for path, count in lines.items() if path.parts[0] != "tests" and count]
    return Size(len(code), sum(code), sum(lines.values()) - sum(code))


class Outcomes:
    """A pytest plugin: how many tests passed, and how long the tests of the rule took."""

    def __init__(self) -> None:
        self.all = self.passed = 0
        self.rule_seconds: list[float] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.all += 1
            self.passed += report.passed
            if RULE in report.nodeid:
                self.rule_seconds.append(report.duration)


def run_tests(*options: str) -> Outcomes:
    """Run the tests of the chapter in the current folder."""
    outcomes = Outcomes()
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", *options], plugins=[outcomes])
    return outcomes


def count_tests() -> Tests:
    """Run the tests with SQLite, and without: which pass then need no database."""
    outcomes = run_tests()
    with mock.patch.object(sqlite3, "connect", side_effect=sqlite3.OperationalError("no database")):
        return Tests(outcomes.all, run_tests().passed)


async def request(app: Any, method: str, path: str, body: bytes = b"") -> bytes:
    """Send a request to an application. Any status but 200 and 201 ends the benchmark."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    received: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        received.append(message)

    await app(scope, receive, send)
    assert received[0]["status"] in (200, 201), received
    return b"".join(message.get("body", b"") for message in received[1:])


async def measure(requests: int) -> tuple[float, float]:
    """Return the CPU time of a GET and of a DELETE of the application in the current folder."""
    from service import app  # type: ignore[import-not-found]

    new = b'{"user_id": "user-42", "total": 9900}'
    paths = [
        f"/orders/{json.loads(await request(app, 'POST', '/orders', new))['id']}" for _ in range(requests + WARM_UP)
    ]

    async def cpu(method: str) -> float:
        for path in paths[:WARM_UP]:
            await request(app, method, path)
        before = time.process_time()
        for path in paths[WARM_UP:]:
            await request(app, method, path)
        return (time.process_time() - before) / requests

    return await cpu("GET"), await cpu("DELETE")


def take_turn(requests: int) -> Turn:
    get, cancel = asyncio.run(measure(requests))
    both = int(
        subprocess.run(
            [sys.executable, str(TUTORIAL / "two_at_once.py")], capture_output=True, text=True, check=True
        ).stdout.split()[3]
    )
    return Turn(get, cancel, statistics.median(run_tests("-k", "cancel").rule_seconds), both)


def child(work: str, chapter: str, requests: int) -> Any:
    """Do it in a new process, in a copy of the chapter."""
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(
            TUTORIAL / chapter, Path(name) / chapter, ignore=shutil.ignore_patterns(".*", "*.db", "__pycache__")
        )
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(folder)}
        for name in ("ORDERS_DB", "PYTEST_ADDOPTS"):
            environment.pop(name, None)
        command = [sys.executable, __file__, "--work", work, "--requests", str(requests)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{chapter}: {done.stderr}")
        return json.loads(done.stdout)


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


TITLES = (
    "chapter",
    "files",
    "lines",
    "test lines",
    "without database",
    "test of a rule",
    "get",
    "cancel",
    "both succeeded",
)


def report(tests: dict[str, Tests], turns: dict[str, list[Turn]]) -> None:
    """Print a table in Markdown, and what 1.00 is."""
    base = next(iter(turns.values()))

    def ratios(chapter: str, figure: str) -> str:
        pairs = zip(turns[chapter], base, strict=True)
        return spread([getattr(turn, figure) / getattr(first, figure) for turn, first in pairs])

    print("|", " | ".join(TITLES), "|")
    print("|---" * len(TITLES) + "|")
    for chapter in turns:
        columns = [
            chapter,
            *map(str, size_of(chapter)),
            f"{tests[chapter].without_database} of {tests[chapter].all}",
            *(ratios(chapter, figure) for figure in ("rule_test", "get", "cancel")),
            f"{sum(turn.both for turn in turns[chapter])} of {ORDERS * len(base)}",
        ]
        print("|", " | ".join(columns), "|")
    for name, figure in (("test of a rule", "rule_test"), ("get", "get"), ("cancel", "cancel")):
        microseconds = statistics.median([getattr(turn, figure) for turn in base]) * 1e6
        print(f"1.00 {name}: {microseconds:,.0f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often all take their turn (default 5)")
    parser.add_argument("--requests", type=int, default=200, help="of each kind in a turn (default 200)")
    parser.add_argument("--chapters", nargs="+", choices=CHAPTERS, default=CHAPTERS, help="the first is the base")
    parser.add_argument("--work", choices=["tests", "turn"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        sys.path[0] = str(Path.cwd())  # the chapter's modules, not those beside this file
        print(json.dumps(count_tests() if options.work == "tests" else take_turn(options.requests)))
        return
    tests = {chapter: Tests(*child("tests", chapter, options.requests)) for chapter in options.chapters}
    turns: dict[str, list[Turn]] = {chapter: [] for chapter in options.chapters}
    for _ in range(options.rounds):
        for chapter in options.chapters:
            turns[chapter].append(Turn(*child("turn", chapter, options.requests)))
    report(tests, turns)


if __name__ == "__main__":
    main()
