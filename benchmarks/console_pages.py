"""Measure the CPU time of the server for pages of the console, compared with the list of 50 orders as JSON."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from typing import Any

import msgspec

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.console import mount_console
from orderkeep.entrypoints.sample_orders import store_samples

LIST = "/orders"
GOAL_MILLISECONDS = 5


def main() -> None:
    """Print the CPU time of each page, and its ratio to the list as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--requests", type=int, default=200, help="requests of each page in a round (default: 200)")
    options = parser.parse_args()
    asyncio.run(compare(options.rounds, options.requests))


async def compare(rounds: int, requests: int) -> None:
    """Measure the pages alternately, in several rounds."""
    with tempfile.TemporaryDirectory(prefix="orderkeep-bench-") as folder:
        do = bootstrap(f"sqlite:///{folder}/orders.db")
        await store_samples(do, 60)
        newest = msgspec.json.decode((await do.list_orders.execute(limit=1)).json)
        app = create_app(Settings(auth="", rate_limit=0, rate_limit_per_address=0), do)
        mount_console(app)
        pages = {
            f"{LIST}?limit=50 (JSON)": (LIST, b"limit=50"),
            "orders, 50 rows": ("/", b""),
            "order": (f"/console/orders/{newest['id']}", b""),
            "new order": ("/console/new-order", b""),
            "API keys": ("/console/keys", b""),
            "system": ("/console/system", b""),
            "statistics, 30 days": ("/console/statistics", b""),
        }
        found: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(rounds + 1):
            for name, (path, query) in pages.items():
                milliseconds = await cpu_of(app, path, query, requests)
                if number:  # the first round is to warm up
                    found[name].append(milliseconds)
        await do.close()
    report(found)


async def cpu_of(app: Any, path: str, query: bytes, requests: int) -> float:
    """Return the CPU time of this process for a request, in milliseconds."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    start = time.process_time()
    for _ in range(requests):
        await app({**scope, "state": {}}, receive, send)
    end = time.process_time()
    if set(statuses) != {200} or len(statuses) != requests:
        raise SystemExit(f"{path} responded with status {set(statuses)}")
    return (end - start) * 1_000 / requests


def report(found: dict[str, list[float]]) -> None:
    """Print the figures of each page."""
    reference = next(iter(found.values()))
    print(f"{'page':28} {'CPU, ms':>8} {'ratio to JSON: lowest, median, highest':>40}")
    for name, times in found.items():
        ratios = [mine / theirs for mine, theirs in zip(times, reference, strict=True)]
        shown = f"{min(ratios):.1f}, {statistics.median(ratios):.1f}, {max(ratios):.1f}"
        print(f"{name:28} {statistics.median(times):8.2f} {shown:>40}")
    slow = [name for name, times in found.items() if statistics.median(times) > GOAL_MILLISECONDS]
    verdict = f"missed by {', '.join(slow)}" if slow else "met"
    print(f"goal: at most {GOAL_MILLISECONDS} ms for each page: {verdict}")


if __name__ == "__main__":
    main()
