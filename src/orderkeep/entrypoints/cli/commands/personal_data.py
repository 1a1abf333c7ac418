"""`orderkeep erase` and `export-person`."""

import sys

import click
import msgspec

from orderkeep.application.change_order import CommandContext
from orderkeep.application.use_cases.erase_personal_data import Erasure
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import text, trimmed_text
from orderkeep.entrypoints.cli.output import STDOUT
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import change_form

KEPT_ELSEWHERE = "backups and exported files that were made before still contain it"


@command(
    "erase",
    f"""
    Erases the customer, the shipping address and the billing address of the given orders, or of all orders of a user,
    and replaces receipts that contained them. The orders stay, with their lines, amounts and history. This cannot be
    undone; {KEPT_ELSEWHERE}.

    Asks for confirmation, unless --yes is given. Prints the number of orders, and of those that had personal data until
    now. Each ORDER is an ID, its first 8 or more characters, or an external reference.
    """,
)
@click.argument("orders", metavar="[ORDER]...", nargs=-1, type=trimmed_text)
@click.option("--user", "user_id", type=text, metavar="ID", help="All orders of this user.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="Show the result without erasing anything.")
def erase_command(session: Session, orders: tuple[str, ...], user_id: str | None, *, yes: bool, dry_run: bool) -> None:
    if bool(orders) == (user_id is not None):
        raise click.UsageError("either orders or --user ID is required.")
    if not (yes or dry_run):
        _confirm(session, f"all orders of user {user_id}" if user_id else _count(len(orders)))
    session.if_interrupted = "run the command again to continue"
    context = CommandContext(actor=session.actor, dry_run=dry_run)

    async def erase(use_cases: UseCases) -> Erasure:
        found = [await session.find_order(use_cases, each) for each in orders]
        with output.progress("Erasing", len(found) or None) as advance:
            return await use_cases.erase_personal_data.execute(found, context, user_id=user_id, on_progress=advance)

    erased = session.run(erase)
    if dry_run:
        output.say("dry run: nothing was erased")
    elif erased.erased and not session.as_json:
        output.say(f"the personal data is erased; {KEPT_ELSEWHERE}")
    output.write_facts(session, (("orders", erased.orders), ("erased", erased.erased)), erased)


def _count(orders: int) -> str:
    return f"{orders} {'order' if orders == 1 else 'orders'}"


def _confirm(session: Session, what: str) -> None:
    if not sys.stdin.isatty() or session.as_json:
        raise click.UsageError("--yes is required if no terminal can be asked for confirmation.")
    session.if_interrupted = "nothing was erased"
    click.confirm(f"Erase the personal data of {what}? This cannot be undone", abort=True, err=True)


@command(
    "export-person",
    """
    Writes all orders of a user as JSON, as the user may see them: with the customer, the addresses, notes for the
    customer, and the history. Without FILE, or with -, writes to stdout. The file is written atomically.
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), required=False)
@click.option("--user", "user_id", type=text, metavar="ID", required=True, help="User whose orders to export.")
def export_person_command(session: Session, file: str | None, user_id: str) -> None:
    target = file or STDOUT

    async def export(use_cases: UseCases) -> int:
        count = 0
        with output.output_file(target) as write, output.progress("Exporting", quiet=target == STDOUT) as advance:
            write(b'{"user_id":%s,"orders":[' % msgspec.json.encode(user_id))
            async for order in use_cases.export_person.execute(user_id, session.actor):
                history = msgspec.json.encode([change_form(change, {}) for change in order.changes])
                write(b'%s\n{"order":%s,"history":%s}' % (b"," if count else b"", order.json, history))
                count += 1
                advance(1)
            write(b"]}\n")
        return count

    count = session.run(export)
    if target != STDOUT or not count:
        output.say(f"{_count(count)} of this user written to {file or 'stdout'}")
