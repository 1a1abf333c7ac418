"""`orderkeep migrate`."""

import asyncio

from orderkeep.bootstrap.stores import migrate_store
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.session import Session


@command("migrate")
def migrate_command(session: Session) -> None:
    """Make the store's tables, or bring them up to date.

    All in one transaction, and only what is missing; nothing, where all is there. Every start of the service does
    the same, unless ORDERKEEP_AUTO_MIGRATE is false. Prints the number of the schema before and after.
    """
    before, after = asyncio.run(migrate_store(session.store_url))
    if session.as_json:
        output.write_json({"before": before, "after": after})
    else:
        output.write_facts(session, (("before", before), ("after", after)))
