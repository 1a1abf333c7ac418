"""orderkeep on Lambda against the article's stack: from spawn to the first response, then warm requests.

Both are started by Amazon's own runtime client, for which this plays the Runtime API, on one DynamoDB Local behind TLS.
They are asked in turn, in many short starts, so that what disturbs the machine disturbs both. What counts is the ratio.
It takes about three minutes.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).parents[1]
sys.path[:0] = [str(CHECKOUT)]

from benchmarks.load import cold_functions, cold_orders, tls_proxy  # noqa: E402
from benchmarks.load.cold_functions import AGAINST, KEYS, OURS, REGION, STACKS, THEIRS, Function, event  # noqa: E402
from benchmarks.load.lambda_runtime_api import FunctionFailed, RuntimeApi, cpu_seconds  # noqa: E402
from tests.servers import dynamodb  # noqa: E402

FIRST_BAR, WARM_BAR = 0.75, 0.2
NOT_THERE = (float("nan"), float("nan"))
WARM = {
    OURS: ("DELETE", "GET"),
    AGAINST: ("DELETE", "GET"),
    THEIRS: ("DELETE",),
}  # the article has no route to get an order
PARTS = ("interpreter", "imports", "wiring", "first request")


@dataclass
class Start:
    """One life of a function: seconds on the clock, and of the CPU."""

    first: float = 0
    first_cpu: float = 0
    split: tuple[float, ...] = ()
    warm: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What is measured on: the two functions, and where their orders are put."""

    functions: list[Function]
    endpoint: str
    folder: Path

    def start(self, function: Function, *, warm: int = 0, split: bool = False) -> Start:
        """Start a function, let it cancel one order and then some more, and end it."""
        ids = cold_orders.place_orders(function.name, 1 + warm, self.endpoint, REGION)
        log, noted = self.folder / "log", self.folder / "split.json" if split else None
        found, began = Start(), time.monotonic()
        with RuntimeApi() as api, function.started(api.address, log, noted) as process:

            def ask(method: str, id: str) -> tuple[float, float]:
                answer, handed_out, answered = api.invoke(process, event(method, f"/orders/{id}"))
                if answer.get("statusCode") != 200 or json.loads(answer["body"])["status"] != "cancelled":
                    raise FunctionFailed(f"{method} was answered {answer}")
                api.wait_until_ready(process)
                return handed_out, answered

            api.wait_until_ready(process)
            handed_out, answered = ask("DELETE", ids[0])
            found.first, found.first_cpu = answered - began, cpu_seconds(process.pid)
            if noted:
                told = json.loads(noted.read_bytes())
                found.split = (told["started"] - began, told["imports"], told["wiring"], answered - handed_out)
            for method in WARM[function.name] if warm else ():
                found.warm[method] = warm_requests(partial(ask, method), ids[1:], process.pid)
        return found

    def one_round(self, number: int, warm: int) -> dict[str, tuple[Start, Start]]:
        """Start each function twice, in turn: as Lambda does, and once more to see where the time goes."""
        first = number % len(self.functions)
        in_turn = self.functions[first:] + self.functions[:first]
        whole = {function.name: self.start(function, warm=warm) for function in in_turn}
        return {function.name: (whole[function.name], self.start(function, split=True)) for function in in_turn}


def warm_requests(ask: Callable[[str], tuple[float, float]], ids: list[str], pid: int) -> tuple[float, float]:
    """Ask once for each order; return the median of the seconds that took, and the seconds of CPU for one of them."""
    cpu_before = cpu_seconds(pid)
    times = [answered - handed_out for handed_out, answered in map(ask, ids)]
    return statistics.median(times), (cpu_seconds(pid) - cpu_before) / len(ids)


@contextmanager
def bench(against: Path | None) -> Iterator[Bench]:
    """Run DynamoDB Local behind TLS, and prepare the functions, until the block ends."""
    if not (STACKS / "runtime-client" / "awslambdaric").is_dir():
        sys.exit("What is compared is not installed: run make setup (on Linux, as Amazon's runtime client needs it).")
    os.environ.update(KEYS)  # DynamoDB Local keeps a table for those whose key created it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cold-start-")))
        database = dynamodb.start_shared(folder)
        stack.callback(database.stop)
        port = urlsplit(database.url).port or 80
        usual = (STACKS / THEIRS / "botocore" / "cacert.pem").read_bytes()
        secured = stack.enter_context(tls_proxy.serving(port, folder, usual))
        cold_orders.create_tables(database.url, REGION)
        functions = cold_functions.functions(folder, secured.endpoint, secured.authorities, against)
        yield Bench(functions, database.url, folder)


def print_head(on: Bench, rounds: int, warm: int) -> None:
    """Say where and how this was measured."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"orderkeep on Lambda against the article's stack: {machine};")
    print(f"{rounds} starts of each in turn, {warm} warm requests of each kind after each.")
    sizes = (f"{function.name} {megabytes(function.task):.0f} MB" for function in on.functions)
    print(f"Unpacked, as they are started: {', '.join(sizes)}.\n")


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def print_results(rounds: list[dict[str, tuple[Start, Start]]]) -> None:
    """Print the results against the other checkout, if there is one, then against the article and its bars."""
    if AGAINST in rounds[0]:
        print_ratios(rounds, AGAINST)
        print()
    first, warm = print_ratios(rounds, THEIRS)
    print()
    for what, ratio, bar in (("first response", first, FIRST_BAR), ("warm request", warm, WARM_BAR)):
        verdict = "met" if ratio <= bar else "MISSED"
        print(f"The {what} is to take at most {bar} of the article's: {ratio:.2f}, {verdict}.")


def print_ratios(rounds: list[dict[str, tuple[Start, Start]]], other: str) -> tuple[float, float]:
    """Print medians, and the ratios of the rounds: lowest, median, highest; return those of first and warm requests."""
    print(f"{'milliseconds':32}{OURS:>10}{other:>10}    ratio: min median   max")
    whole = [{name: found[name][0] for name in (OURS, other)} for found in rounds]
    apart = [{name: found[name][1] for name in (OURS, other)} for found in rounds]
    first = print_line("from spawn to the first response", whole, lambda start: start.first)
    print_line("  of that on the CPU", whole, lambda start: start.first_cpu)
    for number, part in enumerate(PARTS):
        print_line(f"  {part}", apart, partial(part_of, number))
    warm = print_line("warm DELETE /orders/{id}", whole, lambda start: start.warm["DELETE"][0])
    print_line("  of that on the CPU", whole, lambda start: start.warm["DELETE"][1])
    print_line("warm GET /orders/{id}", whole, lambda start: start.warm.get("GET", NOT_THERE)[0])
    print_line("  of that on the CPU", whole, lambda start: start.warm.get("GET", NOT_THERE)[1])
    return first, warm


def part_of(number: int, start: Start) -> float:
    return start.split[number]


def print_line(label: str, rounds: list[dict[str, Start]], of: Callable[[Start], float]) -> float:
    """Print a line; return the median of its ratios."""
    ours, theirs = ([of(found[name]) * 1000 for found in rounds] for name in rounds[0])
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    middles = "".join(f"{statistics.median(values):>10.1f}" for values in (ours, theirs))
    shown = "".join(f"{ratio:>7.2f}" for ratio in (min(ratios), statistics.median(ratios), max(ratios)))
    print(f"{label:32}{middles}          {shown}".replace("nan", "  -"))
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="each starts every function twice")
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout, after make setup there")
    parser.add_argument("--warm", type=int, default=20, help="requests after the first, of each kind")
    options = parser.parse_args()
    with bench(options.against) as on:
        print_head(on, options.rounds, options.warm)
        try:
            for function in on.functions:  # of which nothing is told: files are read, and DynamoDB Local warms up
                on.start(function, warm=options.warm)
            rounds = [on.one_round(number, options.warm) for number in range(1, options.rounds + 1)]
        except FunctionFailed as error:
            sys.exit(f"{error}\n{(on.folder / 'log').read_text(errors='replace')}")
    print_results(rounds)


if __name__ == "__main__":
    main()
