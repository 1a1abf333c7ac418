"""Does the time of an answer tell a customer whether an order of somebody else's exists?

The app is asked in this process, without network or server, on a SQLite file: for foreign orders, small and large, and
for ids that no order has, in an order drawn by lot. Whatever shows over a network shows here first. Unknown ids are
asked for twice, as two groups: how far these lie apart is what this machine cannot tell. It takes about a minute.
"""

import argparse
import asyncio
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import a_command  # noqa: E402
from benchmarks.load.served import spread  # noqa: E402
from orderkeep.application.dtos import LineDTO  # noqa: E402
from orderkeep.application.ids import new_order_id  # noqa: E402
from orderkeep.bootstrap import UseCases, bootstrap_from_settings  # noqa: E402
from orderkeep.config import Settings  # noqa: E402
from orderkeep.entrypoints.api.app import create_app  # noqa: E402

SMALL, LARGE, UNKNOWN, AGAIN = "2 lines", "400 lines", "unknown", "unknown again"
KINDS = (SMALL, LARGE, UNKNOWN, AGAIN)
IDS = 50
CUSTOMER = "user-of-nothing"
REQUESTS = {
    "get": ("GET", "/orders/{}"),
    "cancel": ("DELETE", "/orders/{}"),
    "history": ("GET", "/orders/{}/history"),
    "documents": ("GET", "/orders/{}/documents"),
}

Round = dict[str, float]
"""The median of the microseconds that answers for each kind of id took."""


@dataclass(frozen=True)
class Asker:
    """A customer who has no orders, and the app that they ask."""

    app: Any
    key: str

    async def seconds_of(self, method: str, path: str) -> float:
        """Return how long the answer takes, which must be that there is no such order."""
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
            "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer " + self.key.encode())],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        started = time.perf_counter()
        await self.app(scope, receive, send)
        taken = time.perf_counter() - started
        if sent[0]["status"] != 404:
            sys.exit(f"{method} {path}: {sent}")
        return taken


async def some_ids(use_cases: UseCases) -> dict[str, list[str]]:
    """Place orders of somebody else's; return their ids, and as many of no order."""
    line = LineDTO("SKU-4711-B", "Desk lamp, brass", 1, 100, 0, 0)
    ids: dict[str, list[str]] = {UNKNOWN: [new_order_id() for _ in range(IDS)]}
    for kind in (SMALL, LARGE):
        ids[kind] = []
        for _ in range(IDS):
            command = a_command()
            if kind == LARGE:
                command = replace(command, lines=(line,) * 400, shipping=0, total=40_000)
            ids[kind].append((await use_cases.place_order.execute(command)).order.id)
    ids[AGAIN] = ids[UNKNOWN]
    return ids


async def one_round(asker: Asker, request: str, ids: dict[str, list[str]], times: int) -> Round:
    """Ask for each kind of id so many times, in an order drawn by lot."""
    method, path = REQUESTS[request]
    drawn = [kind for kind in KINDS for _ in range(times)]
    random.shuffle(drawn)
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind in drawn:
        taken[kind].append(await asker.seconds_of(method, path.format(random.choice(ids[kind]))))
    return {kind: statistics.median(found) * 1e6 for kind, found in taken.items()}


def print_line(request: str, kind: str, rounds: list[Round]) -> None:
    """Print the median over the rounds, and the ratios of each to those of unknown ids: lowest, median, highest."""
    ratios = spread([found[kind] / found[UNKNOWN] for found in rounds])
    print(f"{request:12}{kind:16}{statistics.median(found[kind] for found in rounds):>8.1f}    {ratios}", flush=True)


async def measure(folder: Path, rounds: int, times: int) -> None:
    """Ask for all there is to ask for, and print it."""
    settings = Settings(
        auth="keys",
        store=f"sqlite:///{folder / 'orders.db'}",
        documents="memory://",
        rate_limit=0,
        rate_limit_per_address=0,
    )
    use_cases = bootstrap_from_settings(settings)
    made = await use_cases.create_api_key.execute("benchmark", user_id=CUSTOMER)
    asker = Asker(create_app(settings, use_cases), made.key)
    ids = await some_ids(use_cases)
    print(f"{'':28}{'µs':>8}  ratio to unknown ids: min median   max")
    for request in REQUESTS:
        await one_round(asker, request, ids, times)  # to warm up
        found = [await one_round(asker, request, ids, times) for _ in range(rounds)]
        for kind in (UNKNOWN, AGAIN, SMALL, LARGE):
            print_line(request, kind, found)
    await use_cases.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="for each kind of request")
    parser.add_argument("--times", type=int, default=400, help="for each kind of id, in a round")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    print(f"Foreign orders: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()};", end=" ")
    print(f"{options.rounds} rounds of {options.times} requests for each kind of id")
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as folder:
        asyncio.run(measure(Path(folder), options.rounds, options.times))


if __name__ == "__main__":
    main()
