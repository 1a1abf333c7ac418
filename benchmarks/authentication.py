"""orderkeep with authentication against orderkeep without: get, list and place, by API key and by JWT.

All run at the same time, each a process on a fresh file, and are asked for the same in turn, in short rounds, so that
what disturbs the machine disturbs all. What counts are the ratios. It takes about two minutes; less with --rounds.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.served import (  # noqa: E402
    Measured,
    Server,
    environment,
    measured,
    orderkeep,
    orderkeep_on,
    serving,
    spread,
    syncs_per_second,
)
from orderkeep.infrastructure.openid.authenticator import MAX_VERIFIED  # noqa: E402
from tests.infrastructure import openid_samples as openid  # noqa: E402
from tests.servers import openid as provider  # noqa: E402

BAR = 0.8
OFF = "off"
KEY, LIMITED, ONE_TOKEN, NEW_TOKENS = "API key", "API key, limits", "JWT", "JWT, all new"
KINDS = (KEY, LIMITED, ONE_TOKEN, NEW_TOKENS)
OPERATIONS = ("place", "get", "list")
AT_ONCE = (1, 32)
SECONDS_TO_WARM_UP = 0.3
NO_LIMITS = {"ORDERKEEP_RATE_LIMIT": "0", "ORDERKEEP_RATE_LIMIT_PER_ADDRESS": "0"}
LIMITS = {"ORDERKEEP_RATE_LIMIT": "1000000", "ORDERKEEP_RATE_LIMIT_PER_ADDRESS": "1000000"}

Cell = tuple[str, int]
Round = dict[Cell, dict[str, Measured]]


@dataclass
class Asked:
    """A server, and the tokens that its requests show, one after the other."""

    server: Server
    tokens: deque[str] = field(default_factory=deque)

    def measure(self, operation: str, run: str, at_once: int, seconds: float, ids: list[str]) -> dict[str, list[str]]:
        """Let the driver ask; return what it counted. It goes on with the tokens that the last did not come to."""
        job = {"run": run, "concurrency": at_once, "seconds": seconds, "ids": ids, "tokens": list(self.tokens)}
        counted = self.server.load(operation, **job)
        self.tokens.rotate(-counted["count"])
        return counted


def new_key(file: Path) -> deque[str]:
    """Create the store and an API key in it."""
    scopes = ["--scope", "orders:read", "--scope", "orders:write"]
    for arguments in (["migrate"], ["keys", "create", "--name", "benchmark", *scopes]):
        command = [*orderkeep_on(file), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        if done.returncode:
            sys.exit(done.stderr)
    return deque([done.stdout.strip()])


def new_tokens(count: int) -> deque[str]:
    """Return that many tokens of staff, no two alike."""
    now = int(time.time())
    claims = {"iat": now, "nbf": now, "exp": now + 3600, "scope": "shop.read shop.write"}
    return deque(openid.token({**claims, "jti": str(number)}) for number in range(count))


@contextmanager
def trusted_provider() -> Iterator[dict[str, str]]:
    """Serve the keys of an OpenID provider until the block ends; yield the settings that trust it."""
    jwks = openid.jwks(openid.published(openid.key_of("RS256"), "RS256 1"))
    with provider.serving({"/keys": jwks}) as (address, _):
        yield {
            "ORDERKEEP_AUTH": "jwt",
            "ORDERKEEP_JWT_ISSUER": openid.ISSUER,
            "ORDERKEEP_JWT_AUDIENCE": openid.AUDIENCE,
            "ORDERKEEP_JWT_JWKS_URL": f"{address}/keys",
            "ORDERKEEP_JWT_SCOPES": "shop.read=orders:read shop.write=orders:write",
        }


@contextmanager
def all_serving(folder: Path) -> Iterator[list[Asked]]:
    """Run a server of each kind until the block ends."""
    with ExitStack() as stack:
        openid_settings = stack.enter_context(trusted_provider())
        files = {name: folder / f"{number}.db" for number, name in enumerate((OFF, *KINDS))}
        keys = {"ORDERKEEP_AUTH": "keys"}
        kinds = {
            OFF: ({}, deque[str]()),
            KEY: (keys | NO_LIMITS, new_key(files[KEY])),
            LIMITED: (keys | LIMITS, new_key(files[LIMITED])),
            ONE_TOKEN: (openid_settings | NO_LIMITS, new_tokens(1)),
            NEW_TOKENS: (
                openid_settings | NO_LIMITS,
                new_tokens(MAX_VERIFIED + 64),
            ),  # none is still cached
        }
        yield [
            Asked(stack.enter_context(serving(name, files[name], orderkeep, settings)), tokens)
            for name, (settings, tokens) in kinds.items()
        ]


def one_round(number: int, servers: list[Asked], seconds: float, wanted: list[str]) -> Round:
    """Measure every cell on all servers, in turn; who goes first changes from round to round."""
    first = number % len(servers)
    in_turn = servers[first:] + servers[:first]
    cells: Round = {}
    for at_once in AT_ONCE:
        ids: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            if operation not in ("place", *wanted):  # whose orders the others need
                continue
            cell = cells[operation, at_once] = {}
            for asked in in_turn:
                name = asked.server.name
                counted = asked.measure(operation, f"{number}-{at_once}", at_once, seconds, ids.get(name, []))
                ids.setdefault(name, counted["ids"])
                cell[name] = measured(counted)
    return {cell: found for cell, found in cells.items() if cell[0] in wanted}


def print_head(folder: Path, rounds: int, seconds: float) -> None:
    """Say where this was measured."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"orderkeep with authentication against without: {machine};")
    print(f"{rounds} rounds of {seconds} s for each number; {folder}:")
    load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second{load}\n")


def print_results(rounds: list[Round]) -> float:
    """Print what each kind did in each cell, against the same without; return how busy the driver was at most."""
    print(f"{'':32}{'requests/s':>11}  ratio of requests/s   {'CPU µs':>8}  ratio of CPU")
    print(f"{'':32}{'':11}     min median   max   {'':8}     min median   max")
    for (operation, at_once), found in rounds[0].items():
        for name in found:
            print_line((operation, at_once), name, rounds)
    return max(one.driver_busy for cells in rounds for cell in cells.values() for one in cell.values())


def print_line(cell: Cell, name: str, rounds: list[Round]) -> None:
    """Print the medians over all rounds, and the ratios with/without of each: lowest, median, highest."""
    per_second = statistics.median(cells[cell][name].per_second for cells in rounds)
    cpu = statistics.median(cells[cell][name].cpu or float("nan") for cells in rounds)
    rates, cpus = spread(rate_ratios(rounds, cell, name)), spread(cpu_ratios(rounds, cell, name))
    label = f"{cell[0]:5} {cell[1]:>3} at once  {name}"
    print(f"{label:32}{per_second:>11,.0f}    {rates}  {cpu:>8,.0f}    {cpus}")


def print_bars(rounds: list[Round]) -> None:
    """Say of each kind whether it reaches the bar, in the cell where it does worst; and what the CPU says of it."""
    for name in KINDS:
        rates = {cell: statistics.median(rate_ratios(rounds, cell, name)) for cell in rounds[0]}
        cpu = max(statistics.median(cpu_ratios(rounds, cell, name)) for cell in rounds[0])
        (operation, at_once), lowest = min(rates.items(), key=lambda item: item[1])
        verdict = "met" if lowest >= BAR else "MISSED"
        print(f"{name + ':':17}at least {BAR} of the requests without, at the lowest {lowest:.2f}", end="")
        print(f" ({operation}, {at_once} at once), {verdict}; at most {cpu:.2f} of the CPU per request.")


def rate_ratios(rounds: list[Round], cell: Cell, name: str) -> list[float]:
    """Return each round's ratio of requests per second, with against without."""
    return [cells[cell][name].per_second / cells[cell][OFF].per_second for cells in rounds]


def cpu_ratios(rounds: list[Round], cell: Cell, name: str) -> list[float]:
    """Return each round's ratio of CPU per request, with against without."""
    nan = float("nan")
    return [(cells[cell][name].cpu or nan) / (cells[cell][OFF].cpu or nan) for cells in rounds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each of the 30 loads of a round")
    parser.add_argument("--only", choices=OPERATIONS, action="append", help="report this operation; may be repeated")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as place:
        folder = Path(place)
        print_head(folder, options.rounds, options.seconds)
        with all_serving(folder) as servers:
            for asked in servers:
                asked.measure("place", "warm-up", 4, SECONDS_TO_WARM_UP, [])
            wanted = options.only or list(OPERATIONS)
            rounds = [one_round(number, servers, options.seconds, wanted) for number in range(options.rounds)]
    busiest = print_results(rounds)
    print()
    print_bars(rounds)
    print(f"The driver was busy for {busiest:.0%} of the time at most.")


if __name__ == "__main__":
    main()
