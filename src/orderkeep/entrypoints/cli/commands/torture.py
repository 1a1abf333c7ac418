"""`orderkeep torture`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from orderkeep.application.ports import OrderStore
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import Session

if TYPE_CHECKING:
    from orderkeep.testing.torture import CheckReport, TortureReport

COLUMNS = ("check", "rounds", "operations", "conflicts", "undecided", "violations", "first in round")
ROUNDS = 100


@command("torture")
@click.option("--rounds", type=click.IntRange(1), metavar="N", help=f"{ROUNDS} by default; no bound with --seconds.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="Begin no round after so long.")
@click.option("--yes-write-here", is_flag=True, help="Also where the store keeps orders of others.")
def torture_command(session: Session, rounds: int | None, seconds: float | None, *, yes_write_here: bool) -> None:
    """Attack the store from many sides at once, and report every promise that it breaks.

    WRITES TO THE STORE, some seventy orders a round, AND LEAVES THEM THERE: no store deletes an order. They belong
    to users whose ids begin with torture-. The store must be named, and may keep no orders of others, unless
    --yes-write-here.

    Each round: saves of one order at once, cancels against shipments, retries with one key, concurrent histories
    of an order that must be linearizable, walks through lists under writes, and readers of the feed beside
    writers.

    Prints a line for each check: rounds, calls of the store, saves refused as concurrent, rounds that say nothing
    because the store could not answer, rounds that saw a promise broken, and the first of these. Says on stderr
    what was seen; exits with 9 then. Ctrl+C ends it early, with the report of the rounds before.
    """
    if session.store is None and not os.environ.get("ORDERKEEP_STORE"):
        raise click.UsageError("Name the store with --store: torture writes to it.")
    if rounds is None and seconds is None:
        rounds = ROUNDS
    done: list[TortureReport] = []
    was_interrupted = False
    with progress("Torturing", rounds, unit="rounds") as advance:

        def after_round(report: TortureReport) -> None:
            done[:] = [report]
            advance(1)

        try:
            session.run_on_store(lambda store: _torture(store, rounds, seconds, after_round, beside=yes_write_here))
        except KeyboardInterrupt:
            if not done:
                raise
            was_interrupted = True
    if was_interrupted:
        output.say("interrupted: this is what was seen in the rounds before")
    _print(session, done[0])
    raise click.exceptions.Exit(_exit_code(done[0], failures.INTERRUPTED if was_interrupted else 0))


def _exit_code(report: TortureReport, otherwise: int) -> int:
    if report.violations:
        return failures.VIOLATED
    return otherwise or (failures.UNAVAILABLE if report.undecided else 0)


def _print(session: Session, report: TortureReport) -> None:
    if session.as_json:
        counts = {"violations": report.violations, "undecided": report.undecided, "seconds": report.seconds}
        output.write_json({**counts, "checks": report.checks})
    else:
        output.write_rows(session, COLUMNS, (_row(check) for check in report.checks))
    _say_what_was_seen(session, report)


async def _torture(
    store: OrderStore,
    rounds: int | None,
    seconds: float | None,
    after_round: Callable[[TortureReport], None],
    *,
    beside: bool,
) -> None:
    from orderkeep.testing import torture

    if not beside and await torture.holds_orders_of_others(store):
        hint = "torture would leave its orders among them, for good: name another, or say --yes-write-here"
        raise failures.Failure("this store keeps orders of others", failures.REFUSED, "store_in_use", hint=hint)
    await torture.torture(store, rounds=rounds, seconds=seconds, after_round=after_round)


def _row(check: CheckReport) -> tuple[object, ...]:
    counts = (check.rounds, check.operations, check.conflicts, check.undecided, check.violations)
    return (check.check, *counts, check.first.round if check.first else None)


def _say_what_was_seen(session: Session, report: TortureReport) -> None:
    output.say("the orders that this made stay in the store, with users whose ids begin with torture-")
    for check in report.checks:
        if check.first is not None and not session.as_json:
            for line in f"{check.check}, round {check.first.round}: {check.first.seen}".split("\n"):
                output.say(line)
    if report.undecided:
        output.say(f"the store could not answer in {report.undecided} rounds, which therefore say nothing")
