"""How long a command takes to start: `orderkeep --help`, and `orderkeep list` on a SQLite file with a few orders.

Each is a new process. With --against, the commands of another checkout are started in turn with these.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.commands import AGAINST, OURS, checkouts, middle, print_ratio, run, write_orders  # noqa: E402
from benchmarks.load.served import orderkeep_on  # noqa: E402

ORDERS = 20
COMMANDS = {"--help": ["--help"], "list": ["list"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of orderkeep, with its .venv")
    options = parser.parse_args()
    pythons = checkouts(options.against)
    load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}{load}")
    print(f"{options.rounds} starts of each command, in turn; milliseconds: median (lowest to highest)\n")
    with tempfile.TemporaryDirectory(prefix="bench-cli-") as name:
        folder = Path(name)
        write_orders(folder / "orders.jsonl", ORDERS)
        starts = {who: orderkeep_on(folder / f"{who}.db", python) for who, python in pythons.items()}
        for start in starts.values():
            run([*start, "import", str(folder / "orders.jsonl")], folder / "log")
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for number in range(options.rounds + 1):
            for command, arguments in COMMANDS.items():
                for who in list(starts)[:: 1 if number % 2 else -1]:
                    each = run([*starts[who], *arguments], folder / "log")
                    if number:  # the first start writes byte code and reads files from the disk
                        found.setdefault((command, who), []).append((each.seconds * 1e3, each.cpu_seconds * 1e3))
    for command in COMMANDS:
        for index, figure in enumerate(("elapsed", "CPU")):
            of = {who: [pair[index] for pair in found[command, who]] for who in starts}
            for who, values in of.items():
                print(f"{command:8}{figure:12}{who:12}{middle(values)}")
            if AGAINST in of:
                print_ratio(f"{command:8}{figure:12}ratio", of[OURS], of[AGAINST])


if __name__ == "__main__":
    main()
