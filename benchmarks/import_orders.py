"""`orderkeep import` of a generated JSON Lines file into a new SQLite file: orders per second, CPU, peak memory.

The time is that of the whole command: start, check of the file, writing. With --against, another checkout imports the
same file, in turn. 20,000 orders take about 15 seconds a round; --orders 400000 shows whether memory stays flat.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.commands import AGAINST, OURS, Run, checkouts, middle, print_ratio, run, write_orders  # noqa: E402
from benchmarks.load.served import orderkeep_on, syncs_per_second  # noqa: E402


def one_round(pythons: dict[str, str], orders: Path, folder: Path) -> dict[str, Run]:
    """Import the file once with each checkout."""
    found = {}
    for name, python in pythons.items():
        store = folder / f"{name}.db"
        found[name] = run([*orderkeep_on(store, python), "import", str(orders)], folder / "log")
        for file in folder.glob(f"{name}.db*"):
            file.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of orderkeep, with its .venv")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    pythons = checkouts(options.against)
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as name:
        folder = Path(name)
        print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}", end="; ")
        print(f"{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second in {folder}")
        write_orders(folder / "orders.jsonl", options.orders)
        size = (folder / "orders.jsonl").stat().st_size / 1e6
        print(f"{options.rounds} imports of {options.orders:,} orders ({size:,.0f} MB)\n")
        write_orders(folder / "few.jsonl", 10)
        one_round(pythons, folder / "few.jsonl", folder)  # so that byte code is written
        rounds = []
        for number in range(options.rounds):
            in_turn = dict(list(pythons.items())[:: 1 if number % 2 else -1])
            rounds.append(one_round(in_turn, folder / "orders.jsonl", folder))
    figures: dict[str, Callable[[Run], float]] = {
        "orders/s": lambda each: options.orders / each.seconds,
        "CPU µs per order": lambda each: each.cpu_seconds / options.orders * 1e6,
        "peak memory, MB": lambda each: each.peak_megabytes,
    }
    for figure, of in figures.items():
        found = {name: [of(each[name]) for each in rounds] for name in pythons}
        for name, values in found.items():
            print(f"{figure:20}{name:12}{middle(values)}")
        if AGAINST in found:
            print_ratio(f"{figure:20}ratio", found[OURS], found[AGAINST])


if __name__ == "__main__":
    main()
