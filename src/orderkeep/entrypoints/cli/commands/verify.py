"""`orderkeep verify`."""

import click

from orderkeep.application.use_cases import VerifyOrdersUseCase, VerifyReport
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import Session


@command("verify", VerifyOrdersUseCase)
def verify_command(session: Session) -> None:
    """Prints how many orders and changes were looked at, and each problem; exits with 5 if there is one. Run it
    while nobody writes.
    """
    with progress("Verifying", unit="orders") as advance:
        report = session.run(lambda use_cases: use_cases.verify_orders.execute(advance))
    if session.as_json:
        output.write_json(report)
    else:
        _print(report)
    if report.problems:
        raise click.exceptions.Exit(failures.INVALID)


def _print(report: VerifyReport) -> None:
    output.write_row(("orders", report.orders))
    output.write_row(("changes", report.changes))
    output.write_row(("problems", len(report.problems)))
    for problem in report.problems:
        output.write_row(("problem", problem.order_id, problem.version or None, problem.message))
