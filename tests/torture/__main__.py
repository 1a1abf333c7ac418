"""Stress-test the consistency guarantees of a store: `python -m tests.torture --store sqlite:///scratch.db`."""

import asyncio
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import click

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import OrderkeepError
from tests.torture.torture import CheckReport, TortureReport, holds_orders_of_others, torture

ROUNDS = 100
VIOLATED, STORE_IN_USE, UNAVAILABLE, INTERRUPTED = 1, 4, 7, 130
COLUMNS = ("check", "rounds", "operations", "conflicts", "undecided", "violations", "first in round")


@click.command()
@click.option("--store", "name", required=True, metavar="STORE", help="A store URL, or module:function for your own.")
@click.option("--rounds", type=click.IntRange(1), metavar="N", help=f"Default: {ROUNDS}; unlimited with --seconds.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="Start no new round after that.")
@click.option("--yes-write-here", is_flag=True, help="Allow a store that contains other orders.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(name: str, rounds: int | None, seconds: float | None, *, yes_write_here: bool, as_json: bool) -> None:
    """Stress-test a store. Adds about 75 orders per round, which cannot be deleted; their user IDs start with torture-.

    Prints one line for each check: rounds, store calls, saves rejected as concurrent, inconclusive rounds in which the
    store was unavailable, rounds that violated a guarantee, and the first of these. Ctrl+C ends the run early, with the
    report of the completed rounds. Exit codes: 0 success, 1 guarantee violated, 2 invalid usage, 4 the store contains
    other orders, 7 store unavailable, 130 interrupted.
    """
    if rounds is None and seconds is None:
        rounds = ROUNDS
    reports: list[TortureReport] = []
    exit_code = 0
    try:
        asyncio.run(_run(_opener(name), rounds, seconds, reports.append, allow_others=yes_write_here))
    except OrderkeepError as error:
        _fail(str(error), UNAVAILABLE)
    except KeyboardInterrupt:
        if not reports:
            _fail("interrupted before the first round was complete", INTERRUPTED)
        click.echo("interrupted: results of the completed rounds", err=True)
        exit_code = INTERRUPTED
    report = reports[-1]
    _print(report, as_json=as_json)
    if report.violations:
        exit_code = VIOLATED
    elif report.undecided and not exit_code:
        exit_code = UNAVAILABLE
    sys.exit(exit_code)


def _opener(name: str) -> Callable[[], OrderStore]:
    """Return what opens the store: a function that is named `module:function`, or `open_store` for a URL."""
    if "://" in name:
        return lambda: open_store(name)
    module, _, function = name.partition(":")
    try:
        make_store: Callable[[], OrderStore] = getattr(importlib.import_module(module), function)
    except (AttributeError, ImportError, ValueError) as error:
        raise click.BadParameter(
            f"{name} is neither a URL nor module:function ({error})", param_hint="--store"
        ) from None
    return make_store


async def _run(
    open_it: Callable[[], OrderStore],
    rounds: int | None,
    seconds: float | None,
    after_round: Callable[[TortureReport], None],
    *,
    allow_others: bool,
) -> None:
    store = open_it()
    try:
        if not allow_others and await holds_orders_of_others(store):
            _fail("the store contains other orders: use another store, or confirm with --yes-write-here", STORE_IN_USE)
        await torture(store, rounds=rounds, seconds=seconds, after_round=after_round)
    finally:
        await store.close()


def _fail(message: str, exit_code: int) -> None:
    click.echo(message, err=True)
    sys.exit(exit_code)


def _print(report: TortureReport, *, as_json: bool) -> None:
    if as_json:
        counts = {"violations": report.violations, "undecided": report.undecided}
        click.echo(json.dumps({**counts, **asdict(report)}))
    else:
        rows = [COLUMNS, *(_row(check) for check in report.checks)]
        widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    click.echo("the orders that this run added stay in the store; their user IDs start with torture-", err=True)
    for check in report.checks:
        if check.first is not None:
            click.echo(f"{check.check}, round {check.first.round}: {check.first.seen}", err=True)
    if report.undecided:
        click.echo(f"the store was unavailable in {report.undecided} rounds, which are inconclusive", err=True)


def _row(check: CheckReport) -> tuple[str | int, ...]:
    counts = (check.rounds, check.operations, check.conflicts, check.undecided, check.violations)
    return (check.check, *counts, check.first.round if check.first else "")


if __name__ == "__main__":
    main()
