"""`orderkeep verify`, `checkpoint`, `migrate`, `backup`, `table create`, `table describe`: maintenance of a store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from orderkeep.bootstrap.stores import BackupNotSupported, back_up_store, migrate_store, table_setup
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import text
from orderkeep.entrypoints.cli.session import Session

PROBLEM_COLUMNS = ("id", "version", "problem")


@command(
    "verify",
    """
    Verifies the hash chain of every order, and compares everything else that is stored with the chains: columns, tags,
    keys and the change feed. Compares the feed with the last checkpoint in the store. Prints the number of orders and
    changes checked and each problem found; exits with 5 if there are any. Reads only. Changes
    that are made meanwhile may be reported as problems: if there are any, stop all writers and run it again.
    """,
)
@click.option("--documents", is_flag=True, help="Also verify the SHA-256 of every document.")
@click.option("--checkpoint", type=click.File("rb"), metavar="FILE", help="Also compare with this checkpoint.")
@click.option("--checkpoint-document", "key", type=text, metavar="KEY", help="The same, in the document store.")
@click.option("--public-key", type=click.File("rb"), metavar="FILE", help="Verify the checkpoint's signature (PEM).")
def verify_command(
    session: Session, documents: bool, checkpoint: BinaryIO | None, key: str | None, public_key: BinaryIO | None
) -> None:
    if public_key and not (checkpoint or key):
        raise click.UsageError("--public-key needs --checkpoint or --checkpoint-document.")
    given: dict[str, Any] = {
        "checkpoint_file": _content(checkpoint),
        "checkpoint_key": key,
        "public_key": _content(public_key),
    }
    with output.progress("Verifying") as advance:
        report = session.run(
            lambda do: do.verify_orders.execute(advance, read_documents=documents, **given, actor=session.actor)
        )
    counts = [("orders", report.orders), ("changes", report.changes), ("problems", len(report.problems))]
    if report.checkpoints:
        counts[2:2] = [("checkpoints", report.checkpoints)]
    if report.documents:
        counts[2:2] = [("documents", report.documents), ("documents read", report.documents_read)]
    output.write_facts(session, counts, report)
    if report.problems and not session.as_json:
        rows = [(problem.order_id, problem.version or None, problem.message) for problem in report.problems]
        output.write_rows(session, PROBLEM_COLUMNS, rows)
    if report.problems:
        raise click.exceptions.Exit(failures.INVALID)


@command(
    "checkpoint",
    """
    Stores the number of changes, their position in the feed and a SHA-256 over all of them. With --file, also writes
    the checkpoint to a file, to be stored elsewhere: `orderkeep verify --checkpoint FILE` then finds what was lost,
    rolled back or rewritten since. Writers may continue.

    With --to-documents, the file is written to the document store, which ORDERKEEP_DOCUMENTS selects. Prints its key,
    for `orderkeep verify --checkpoint-document KEY`.
    """,
)
@click.option("--file", "file", type=text, metavar="FILE", help="Also write the checkpoint to this file.")
@click.option("--to-documents", is_flag=True, help="Also write the checkpoint to the document store.")
@click.option(
    "--sign", "key_file", type=click.File("rb"), metavar="KEY", help="Sign the file: Ed25519 private key (PEM)."
)
def checkpoint_command(session: Session, file: str | None, key_file: BinaryIO | None, *, to_documents: bool) -> None:
    if key_file and not (file or to_documents):
        raise click.UsageError("--sign needs --file or --to-documents: only a file is signed.")
    if file == output.STDOUT and to_documents:
        raise click.UsageError("--file - cannot be combined with --to-documents: both write to stdout.")
    options: dict[str, Any] = {"private_key": _content(key_file), "to_documents": to_documents}
    with output.progress("Reading the feed") as advance:
        made = session.run(lambda do: do.create_checkpoint.execute(advance, **options, actor=session.actor))
    if file:
        with output.output_file(file) as write:
            write(made.file)
    facts = asdict(made.checkpoint) | ({"key": made.key} if made.key else {})
    if file != output.STDOUT:
        output.write_facts(session, [(name.replace("_", " "), value) for name, value in facts.items()], facts)


def _content(file: BinaryIO | None) -> bytes | None:
    return None if file is None else file.read()


@command(
    "migrate",
    """
    Applies the missing migrations in one transaction. Does nothing if the schema is current. The service does the same
    on start, unless ORDERKEEP_AUTO_MIGRATE is false. Prints the schema version before and after.
    """,
)
def migrate_command(session: Session) -> None:
    before, after = asyncio.run(migrate_store(session.store_url))
    output.write_facts(session, (("before", before), ("after", after)), {"before": before, "after": after})


@command(
    "backup",
    """
    FILE is a new file that only its owner can read; an existing file is never overwritten. The service may continue to
    write: the backup contains all orders committed before it started. Checks the integrity of the backup, and prints
    its size in bytes and the number of orders and changes.
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_command(session: Session, file: Path) -> None:
    try:
        backup = back_up_store(session.store_url, file)
    except BackupNotSupported as error:
        raise failures.Failure(str(error), failures.USAGE, "backup_not_supported") from error
    except FileExistsError as error:
        raise failures.Failure(f"{file} exists", failures.USAGE, "file_exists", hint="use another name") from error
    except OSError as error:
        raise click.BadParameter(f"cannot write {file}: {error.strerror}", param_hint="FILE") from error
    facts = [(name, getattr(backup, name)) for name in ("file", "size", "orders", "changes")]
    output.write_facts(session, facts, backup)


@command(
    "table create",
    """
    Safe to run again: it never deletes anything. Each index shard handles about 500 new orders per second, and every
    list reads all shards. The number of shards cannot be changed later.
    """,
)
@click.option("--shards", type=click.IntRange(1, 32), metavar="N", help="Index shards. Default: 4.")
@click.option("--pitr", "recovery", is_flag=True, help="Enable point-in-time recovery for the last 35 days.")
@click.option("--deletion-protection", is_flag=True, help="Enable deletion protection.")
@click.option("--stream", is_flag=True, help="Enable the DynamoDB stream, required to publish events.")
def table_create_command(session: Session, **settings: Any) -> None:
    _print_table(session, lambda table: table.create(**settings))


@command("table describe", "Exits with 5 if the table cannot store orders.")
def table_describe_command(session: Session) -> None:
    if _print_table(session, lambda table: table.describe()).problems:
        raise click.exceptions.Exit(failures.INVALID)


def _print_table(session: Session, work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        setup = table_setup(session.store_url)
        try:
            return await work(setup)
        finally:
            await setup.close()

    found = asyncio.run(run())
    facts = (
        *((name, getattr(found, name)) for name in ("table", "region", "status", "shards")),
        ("indexes", len(found.indexes)),
        ("deletion protection", found.deletion_protection),
        ("point-in-time recovery", found.point_in_time_recovery),
        ("stream", found.stream),
        ("stream ARN", found.stream_arn),
        ("problems", "; ".join(found.problems) or None),
    )
    output.write_facts(session, facts, found)
    return found
