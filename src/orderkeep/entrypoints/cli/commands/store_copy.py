"""`orderkeep copy`, `compare`, `move`: to another store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

import click

from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.compare_stores import ComparisonReport
from orderkeep.bootstrap.store_copy import StoreCopies, open_copies, reopen_store
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import text
from orderkeep.entrypoints.cli.session import Session

T = TypeVar("T")

_FROM = click.option(
    "--from", "source", type=text, metavar="URL", help="Store to copy. Default: that of --store or ORDERKEEP_STORE."
)
_TO = click.option("--to", "target", type=text, metavar="URL", required=True, help="The other store.")

_DOCUMENTS = click.option(
    "--documents", nargs=2, type=text, metavar="FROM TO", help="Also copy the documents from this store to that one."
)


@command(
    "copy",
    """
    Copies all changes of all orders as they are stored, so that versions, times, actors, idempotency keys, hashes and
    positions in the feed stay the same; and personal data, API keys, webhooks with their positions, and sessions.
    Statistics are not copied: they are counted again.

    The other store must be empty, or an earlier copy of this one: a copy that was interrupted is continued, and a
    complete one gets what is new. So copy while the service runs, stop it, and copy the rest. Ends with a comparison
    of both stores, as `orderkeep compare` does, and exits with 5 if they differ.
    """,
)
@_FROM
@_TO
@_DOCUMENTS
def copy_command(session: Session, source: str | None, target: str, documents: tuple[str, str] | None) -> None:
    async def run(stores: StoreCopies) -> ComparisonReport:
        total = await stores.copy_store.count_changes()
        with output.progress("Copying", max(total, 1)) as advance:
            copied = await stores.copy_store.execute(advance, actor=session.actor)
        with output.progress("Comparing", max(copied.position, 1)) as advance:
            compared = await stores.compare_stores.execute(advance, actor=session.actor)
        facts = {**asdict(copied), "orders": compared.orders, "differences": compared.differences}
        _write(session, facts, compared)
        return compared

    _end(_run(session, source, target, documents, run))


@command(
    "compare",
    """
    Compares every change with the one at the same position of the other feed, every order with its keys, tags and
    personal data, the API keys, the webhooks and the sessions. Stop all writers first. Prints the numbers of what was
    compared and up to 100 differences; exits with 5 if there are any. Reads only. To verify that the columns that are
    searched follow from the changes, run `orderkeep verify` on each store.
    """,
)
@_FROM
@_TO
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Compare one of N orders. Default: 1.")
def compare_command(session: Session, source: str | None, target: str, every: int) -> None:
    async def run(stores: StoreCopies) -> ComparisonReport:
        with output.progress("Comparing") as advance:
            report = await stores.compare_stores.execute(advance, every=every, actor=session.actor)
        _write(session, asdict(report), report)
        return report

    _end(_run(session, source, target, None, run))


@command(
    "move",
    """
    Copies everything to the other store, as `orderkeep copy` does, while services use this one, and follows it until
    little is left. Then this store rejects writes for some seconds, the rest is copied and both stores are compared,
    and the other store accepts writes. Services with ORDERKEEP_STORE and ORDERKEEP_MOVED_TO use the store that accepts
    writes; requests in between get 503 (`store_moved`).

    If it is interrupted, run it again, or use --cancel. To return with everything that was written since, run it with
    --from and --to exchanged; --finish rules that out. Exits with 5, and moves nothing, if the stores differ.
    """,
)
@_FROM
@_TO
@_DOCUMENTS
@click.option("--cancel", "step", flag_value="cancel", help="Let this store accept writes again after an interruption.")
@click.option(
    "--reopen",
    "step",
    flag_value="reopen",
    help="Let this store accept writes again although its orders were moved: only if the other store is lost. "
    "Rejected if that one accepts writes.",
)
@click.option("--finish", "step", flag_value="finish", help="Rule out that orders are moved back to this store.")
def move_command(
    session: Session, source: str | None, target: str, documents: tuple[str, str] | None, step: str | None
) -> None:
    async def run(stores: StoreCopies) -> ComparisonReport:
        if step is not None:
            await (stores.move_store.cancel if step == "cancel" else stores.move_store.finish)(actor=session.actor)
            output.write_facts(session, [("state", _STEPS[step])], {"state": step})
            return ComparisonReport()
        total = await stores.copy_store.count_changes()
        with output.progress("Moving", max(total, 1)) as advance:
            moved = await stores.move_store.execute(advance, actor=session.actor)
        state = "moved before" if moved.was_moved else "moved" if moved.has_moved else "not moved"
        facts: dict[str, object] = {"state": state}
        if not moved.was_moved:
            facts |= {name: getattr(moved, name) for name in ("position", "api_keys", "records", "documents")}
            facts |= {"pause_seconds": round(moved.pause_seconds, 1), "orders": moved.compared.orders}
        _write(session, facts | {"differences": moved.compared.differences}, moved.compared)
        return moved.compared

    if step == "reopen":
        asyncio.run(reopen_store((source or session.store_url, target), session.actor))
        output.write_facts(session, [("state", _STEPS[step])], {"state": step})
        return
    if step is not None:
        session.access = StoreAccess.WRITE  # nothing is copied
    _end(_run(session, source, target, documents, run, of_source=StoreAccess.WRITE))


_STEPS = {
    "cancel": "cancelled: this store accepts writes",
    "reopen": "reopened: this store accepts writes",
    "finish": "finished: this store stays closed",
}


def _run(
    session: Session,
    source: str | None,
    target: str,
    documents: tuple[str, str] | None,
    work: Callable[[StoreCopies], Awaitable[T]],
    *,
    of_source: StoreAccess = StoreAccess.READ,
) -> T:
    async def opened() -> T:
        stores = open_copies((source or session.store_url, target), session.access, documents, of_source=of_source)
        try:
            return await work(stores)
        finally:
            await stores.close()

    return asyncio.run(opened())


def _write(session: Session, facts: dict[str, object], report: ComparisonReport) -> None:
    shown = [(name.replace("_", " "), value) for name, value in facts.items() if name != "differences"]
    output.write_facts(session, [*shown, ("differences", len(report.differences))], facts)
    if report.differences and not session.as_json:
        output.write_rows(session, ("id", "difference"), [(each.order_id, each.message) for each in report.differences])


def _end(report: ComparisonReport) -> None:
    if report.differences:
        raise click.exceptions.Exit(failures.INVALID)
