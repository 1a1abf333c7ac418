"""The cost of webhooks: placing orders with and without a webhook, the CPU of a delivery, and the lag at a fixed rate.

The relay runs inside `orderkeep serve`, and delivers to one receiver on the same machine. It takes about two minutes.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.driver import placements  # noqa: E402
from benchmarks.load.served import Server, measured, orderkeep, serving, spread, syncs_per_second  # noqa: E402

RECEIVER = Path(__file__).with_name("load") / "receiver.py"
OFF, ON = "without", "with"
AT_ONCE = 32
LEAST_RATE, MOST_CPU_MS, MOST_LAG = 0.9, 3.0, 1.0
CATCH_UP_SECONDS = 120.0
CONNECTIONS = 16


@contextmanager
def receiver() -> Iterator[str]:
    """Run a receiver until the block ends; yield its URL."""
    with subprocess.Popen([sys.executable, RECEIVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it is a pipe
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/hook"
        finally:
            process.kill()


def call(url: str, method: str = "GET", body: Any = None) -> Any:
    """Send a request; return the decoded response."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def received(url: str, expected: int) -> tuple[list[float], float]:
    """Wait for that many events; return their lags, and how long that took."""
    start, lags = time.monotonic(), list[float]()
    while len(lags) < expected and time.monotonic() - start < CATCH_UP_SECONDS:
        lags += call(url)
        time.sleep(0.05)
    if len(lags) != expected:
        sys.exit(f"{len(lags)} of {expected} events arrived")
    return lags, time.monotonic() - start


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the process has used (on Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def place_at(port: int, rate: int, orders: int, run: str) -> float:
    """Place that many orders, at that rate a second at most; return the seconds that this took."""
    requests, began = placements({"run": run}), time.monotonic()

    async def connection(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, orders, CONNECTIONS):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 201 "):
                sys.exit(head.decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()

    await asyncio.gather(*[connection(number) for number in range(CONNECTIONS)])
    return time.monotonic() - began


def measure_place(servers: dict[str, Server], url: str, rounds: int, seconds: float) -> list[float]:
    """Print the rate of placing orders with and without a webhook; return the ratio of each round."""
    ratios, rates, caught_up = list[float](), dict[str, list[float]](), list[float]()
    for number in range(rounds):
        found = {}
        for name in (OFF, ON) if number % 2 else (ON, OFF):
            job: dict[str, Any] = {"concurrency": AT_ONCE, "seconds": seconds, "ids": [], "tokens": []}
            counted = servers[name].load("place", run=f"{number}-{name}", **job)
            found[name] = measured(counted).per_second
            rates.setdefault(name, []).append(found[name])
            if name == ON:
                _, took = received(url, counted["count"])
                caught_up.append(took)
        ratios.append(found[ON] / found[OFF])
    for name, values in rates.items():
        print(f"place, {AT_ONCE} at once, {name:8} a webhook: {spread(values, 0)} orders/s")
    print(f"ratio: {spread(ratios)}; the last event arrived {spread(caught_up, 1)} s after the last order")
    return ratios


def measure_cpu(server: Server, url: str, count: int) -> float:
    """Print and return the CPU of a delivery, in ms: of orders that were placed while the webhook was paused."""
    base = f"http://127.0.0.1:{server.port}/webhooks"
    [webhook] = call(base)["data"]
    call(f"{base}/{webhook['id']}/pause", "POST")
    asyncio.run(place_at(server.port, 1_000, count, "paused"))
    time.sleep(1)
    before = cpu_seconds(server.pid)
    call(f"{base}/{webhook['id']}/resume", "POST")
    _, took = received(url, count)
    each = (cpu_seconds(server.pid) - before) / count * 1_000
    print(f"CPU of a delivery: {each:.2f} ms, of {count} at {count / took:,.0f} a second")
    return each


def measure_lag(server: Server, url: str, rate: int, seconds: float) -> float:
    """Print the lag at that rate, and return the highest."""
    orders = max(1, round(rate * seconds))
    took = asyncio.run(place_at(server.port, rate, orders, "paced"))
    lags, _ = received(url, orders)
    lags.sort()
    p50, p99 = statistics.median(lags), lags[int(len(lags) * 0.99)]
    print(f"lag at {orders / took:.0f} events/s: p50 {p50:.3f} s, p99 {p99:.3f} s, highest {lags[-1]:.3f} s")
    return lags[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each load of a round")
    parser.add_argument("--rate", type=int, default=500, help="events a second whose lag is measured")
    parser.add_argument("--events", type=int, default=4_000, help="events whose CPU is measured")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    print(f"webhooks: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()};")
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as place, ExitStack() as stack:
        folder = Path(place)
        print(f"{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second\n")
        url = stack.enter_context(receiver())
        servers = {name: stack.enter_context(serving(name, folder / f"{name}.db", orderkeep, {})) for name in (OFF, ON)}
        call(f"http://127.0.0.1:{servers[ON].port}/webhooks", "POST", {"url": url})
        ratio = statistics.median(measure_place(servers, url, options.rounds, options.seconds))
        cpu = measure_cpu(servers[ON], url, options.events)
        lag = measure_lag(servers[ON], url, options.rate, 10 * options.seconds)
    print()
    for what, is_met in (
        (f"place with a webhook at least {LEAST_RATE} of without", ratio >= LEAST_RATE),
        (f"CPU of a delivery at most {MOST_CPU_MS} ms", cpu <= MOST_CPU_MS),
        (f"lag at {options.rate} events/s below {MOST_LAG} s", lag < MOST_LAG),
    ):
        print(f"{what}: {'met' if is_met else 'MISSED'}")


if __name__ == "__main__":
    main()
