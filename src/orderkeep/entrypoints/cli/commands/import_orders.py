"""`orderkeep import`."""

from __future__ import annotations

import click

from orderkeep.application.use_cases import ImportOrdersUseCase, ImportReport
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT, format_option
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

PRINT = "Print a map that comes along, to start your own from."


def _print_map(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    from orderkeep.entrypoints.order_files.maps import InvalidMap, text_of_built_in

    try:
        output.write(text_of_built_in(name))
    except InvalidMap as error:
        raise click.BadParameter(f"{name} {error}", ctx, param) from None
    ctx.exit()


@command("import", ImportOrdersUseCase)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--map", "map_name", type=TEXT, default="orderkeep", metavar="MAP", help="How to read a CSV file.")
@format_option
@click.option(
    "--print-map", type=TEXT, metavar="NAME", is_eager=True, expose_value=False, callback=_print_map, help=PRINT
)
@click.option("--dry-run", is_flag=True, help="Check the file, and write nothing.")
def import_command(session: Session, file: str, map_name: str, format_name: str | None, *, dry_run: bool) -> None:
    """FILE (- is stdin) holds an order a line as JSON (.jsonl), or a row per order line as CSV (.csv).

    MAP says what the columns of a CSV file mean: orderkeep (what export writes), northwind (the sample database), or
    a TOML file of your own: --print-map northwind shows how one looks.

    What is wrong with the file is told by line, all of it; then nothing is written, and the exit code is 5. Prints
    what the file holds and how many orders were imported, unchanged since an earlier import, or present already
    under another id.
    """
    from orderkeep.entrypoints.cli import import_file

    with import_file.opened(file, format_name, map_name, times=1 if dry_run else 2) as read:

        async def run(use_cases: UseCases) -> ImportReport:
            return await use_cases.import_orders.execute(read, dry_run=dry_run, actor=CLI_ACTOR)

        report = session.run(run)
    if session.as_json:
        output.write_json(report)
    else:
        import_file.print_report(session, report, file)
    if report.problem_count:
        raise click.exceptions.Exit(failures.INVALID)
