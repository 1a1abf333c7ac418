"""`orderkeep torture`."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

from orderkeep.application.ports import OrderStore
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.options import command
from orderkeep.entrypoints.cli.session import Session
from orderkeep.testing.torture import CheckReport, TortureReport, holds_orders_of_others, torture

CHECK_COLUMNS = ("check", "rounds", "operations", "conflicts", "undecided", "violations", "first in round")
ROUNDS = 100


@command(
    "torture",
    """
    Warning: adds about 70 orders per round, which cannot be deleted. Their user IDs start with torture-. Requires
    --store or ORDERKEEP_STORE; rejects a store with other orders unless --yes-write-here is given.

    Each round runs concurrent saves of one order, cancellations against shipments, retries with one key, concurrent
    histories of an order that must be linearizable, walks through lists during writes, and readers of the feed during
    writes.

    Prints one line for each check: rounds, store calls, saves rejected as concurrent, inconclusive rounds in which the
    store was unavailable, rounds that violated a guarantee, and the first of these. Prints the details on stderr; exits
    with 9 after a violation. Ctrl+C ends it early, with the report of the completed rounds.
    """,
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    metavar="N",
    help=f"Number of rounds. Default: {ROUNDS}; unlimited with --seconds.",
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="Start no new round after N seconds."
)
@click.option("--yes-write-here", is_flag=True, help="Allow a store that contains other orders.")
def torture_command(session: Session, rounds: int | None, seconds: float | None, *, yes_write_here: bool) -> None:
    if session.store is None and not os.environ.get("ORDERKEEP_STORE"):
        raise click.UsageError("--store is required: torture writes to the store.")
    if rounds is None and seconds is None:
        rounds = ROUNDS
    done: list[TortureReport] = []
    was_interrupted = False
    with output.progress("Torturing", rounds, unit="rounds") as advance:

        def after_round(report: TortureReport) -> None:
            done[:] = [report]
            advance(1)

        try:
            session.run_on_store(
                lambda store: _torture(store, rounds, seconds, after_round, allow_others=yes_write_here)
            )
        except KeyboardInterrupt:
            if not done:
                raise
            was_interrupted = True
    if was_interrupted:
        output.say("interrupted: results of the completed rounds")
    _print(session, done[0])
    raise click.exceptions.Exit(_exit_code(done[0], failures.INTERRUPTED if was_interrupted else 0))


def _exit_code(report: TortureReport, otherwise: int) -> int:
    if report.violations:
        return failures.VIOLATED
    return otherwise or (failures.UNAVAILABLE if report.undecided else 0)


async def _torture(
    store: OrderStore,
    rounds: int | None,
    seconds: float | None,
    after_round: Callable[[TortureReport], None],
    *,
    allow_others: bool,
) -> None:
    if not allow_others and await holds_orders_of_others(store):
        hint = "torture cannot delete the orders it adds: use another store, or confirm with --yes-write-here"
        raise failures.Failure("the store contains other orders", failures.REJECTED, "store_in_use", hint=hint)
    await torture(store, rounds=rounds, seconds=seconds, after_round=after_round)


def _print(session: Session, report: TortureReport) -> None:
    if session.as_json:
        counts = {"violations": report.violations, "undecided": report.undecided, "seconds": report.seconds}
        output.write_json({**counts, "checks": report.checks})
    else:
        output.write_rows(session, CHECK_COLUMNS, (_row(check) for check in report.checks))
    output.say("the orders that this run added stay in the store; their user IDs start with torture-")
    for check in report.checks:
        if check.first is not None and not session.as_json:
            for line in f"{check.check}, round {check.first.round}: {check.first.seen}".split("\n"):
                output.say(line)
    if report.undecided:
        output.say(f"the store was unavailable in {report.undecided} rounds, whose results are inconclusive")


def _row(check: CheckReport) -> tuple[object, ...]:
    counts = (check.rounds, check.operations, check.conflicts, check.undecided, check.violations)
    return (check.check, *counts, check.first.round if check.first else None)
