"""`orderkeep verify`."""

import click

from orderkeep.application.use_cases import VerifyOrdersUseCase, VerifyReport
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

COLUMNS = ("id", "version", "problem")


@command("verify", VerifyOrdersUseCase)
@click.option(
    "--documents", is_flag=True, help="Also read each document that an order refers to, and compare its SHA-256."
)
def verify_command(session: Session, documents: bool) -> None:
    """Prints how many orders and changes were looked at, and each problem, by order and version; exits with 5 if
    there is one. Run it while nobody writes.
    """
    with progress("Verifying", unit="orders") as advance:
        report = session.run(
            lambda use_cases: use_cases.verify_orders.execute(advance, read_documents=documents, actor=CLI_ACTOR)
        )
    if session.as_json:
        output.write_json(report)
    else:
        _print(session, report)
    if report.problems:
        raise click.exceptions.Exit(failures.INVALID)


def _print(session: Session, report: VerifyReport) -> None:
    counts = [("orders", report.orders), ("changes", report.changes), ("problems", len(report.problems))]
    if report.documents:
        counts[2:2] = [("documents", report.documents), ("documents read", report.documents_read)]
    output.write_facts(session, counts)
    rows = [(problem.order_id, problem.version or None, problem.message) for problem in report.problems]
    output.write_rows(session, COLUMNS, rows)
