"""`orderkeep new`: a service of the reader's own, in the same layers."""

from pathlib import Path

import click

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import text
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.new_service import (
    ADDITIONS,
    DEFAULT_PARTS,
    ENTRYPOINTS,
    STORES,
    InvalidOption,
    Service,
    create_service,
    plural_of,
)


@command(
    "new",
    """
    \b
      orderkeep new ../shop --name shop --entity booking
      orderkeep new ../shop --name shop --entity booking --with memory,http

    Writes the source, tests and checks of a service with one entity, a status table and two commands to TARGET, which
    must not exist or be empty. Opens no store. Prints the number of files, and what to run next.
    """,
)
@click.argument("target", metavar="TARGET", type=text)
@click.option("--name", type=text, required=True, help="Name of the Python package, such as shop.")
@click.option("--entity", type=text, required=True, metavar="NOUN", help="What the service keeps, such as booking.")
@click.option("--plural", type=text, metavar="NOUN", help="Its plural, if it is irregular, such as people.")
@click.option(
    "--with",
    "parts",
    type=text,
    default=",".join(DEFAULT_PARTS),
    metavar="PARTS",
    help=f"Stores ({', '.join(STORES)}), entrypoints ({', '.join(ENTRYPOINTS)}) and additions "
    f"({', '.join(ADDITIONS)}), separated by commas. The memory store is always included. "
    f"Default: {','.join(DEFAULT_PARTS)}.",
)
def new_command(session: Session, target: str, name: str, entity: str, plural: str | None, parts: str) -> None:
    wanted = tuple(part.strip() for part in parts.split(","))
    try:
        service = Service(name, entity, plural or plural_of(entity), wanted)
        files = create_service(service, Path(target))
    except InvalidOption as error:
        raise click.UsageError(f"{error.option}: {error}.") from None
    facts = (("folder", target), ("files", len(files)))
    output.write_facts(session, facts, dict(facts))
    if session.as_json:
        return
    first = "make serve" if "http" in wanted else "make setup"
    for line in ("", "Try next:", f"  cd {target}", "  make test", f"  {first}", "  make add-use-case NAME=hold"):
        click.echo(line, err=True)
