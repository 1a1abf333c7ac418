"""`orderkeep table create` and `orderkeep table describe`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from orderkeep.bootstrap.stores import table_setup
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import session_options
from orderkeep.entrypoints.cli.session import Session

if TYPE_CHECKING:
    from orderkeep.bootstrap.stores import TableDescription, TableSetup

HELP = """Create or describe the table of a DynamoDB store.

The table is the one that --store or ORDERKEEP_STORE names, such as dynamodb://orders?region=eu-central-1.
"""

table_command = session_options(click.Group("table", help=HELP, short_help=HELP.split("\n", maxsplit=1)[0]))


@command("create")
@click.option(
    "--shards",
    type=click.IntRange(1, 32),
    default=4,
    metavar="N",
    help="How many parts busy indexes have; 4 by default.",
)
@click.option("--pitr", is_flag=True, help="Keep what it takes to go back to any second of the last 35 days.")
@click.option("--deletion-protection", is_flag=True, help="Refuse to delete the table until that is switched off.")
@click.option("--stream", is_flag=True, help="Let the table tell of each change, for the events that leave.")
def create_command(session: Session, shards: int, pitr: bool, deletion_protection: bool, stream: bool) -> None:
    """Create the table with its indexes, or add what is not there yet.

    Doing it again changes nothing, and takes nothing away. Each shard of the busy indexes takes about 500
    new orders a second, and every list reads all of them; the number stays as it was at first.
    """

    async def create(setup: TableSetup) -> TableDescription:
        return await setup.create(shards=shards, recovery=pitr, deletion_protection=deletion_protection, stream=stream)

    _print(session, _run(session, create))


@command("describe")
def describe_command(session: Session) -> None:
    """Describe the table as DynamoDB has it; exits with 5 where orders cannot be kept in it."""

    async def describe(setup: TableSetup) -> TableDescription:
        return await setup.describe()

    found = _run(session, describe)
    _print(session, found)
    if found.problems:
        raise click.exceptions.Exit(failures.INVALID)


table_command.add_command(create_command)
table_command.add_command(describe_command)


def _run(session: Session, work: Callable[[TableSetup], Awaitable[TableDescription]]) -> TableDescription:
    async def with_table() -> TableDescription:
        setup = table_setup(session.store_url)
        try:
            return await work(setup)
        finally:
            await setup.close()

    return asyncio.run(with_table())


def _print(session: Session, found: TableDescription) -> None:
    if session.as_json:
        output.write_json(found)
        return
    facts = (
        ("table", found.table),
        ("region", found.region),
        ("status", found.status),
        ("shards", found.shards),
        ("indexes", len(found.indexes)),
        ("deletion protection", found.deletion_protection),
        ("point-in-time recovery", found.point_in_time_recovery),
        ("stream", found.stream),
        ("stream's name", found.stream_arn),
        ("problems", "; ".join(found.problems) or None),
    )
    output.write_facts(session, facts)
