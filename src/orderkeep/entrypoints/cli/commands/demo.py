"""`orderkeep demo`: the sample orders of a small shop, always the same."""

from collections import Counter

import click

from orderkeep.application.dtos import OrderDTO
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.failures import REJECTED, Failure
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.sample_orders import find_other_order, store_samples


@command(
    "demo",
    """
    The orders are always the same, with dates in the last 30 days. Running it again changes nothing; a larger N adds
    orders. Prints the number of orders in each status, and what to try next. Orders cannot be deleted: a store that
    contains any other order is rejected, unless --force is given. `orderkeep serve --demo` needs no store.
    """,
)
@click.option("--orders", type=click.IntRange(1, 100_000), default=50, metavar="N", help="Sample orders. Default: 50.")
@click.option("--force", is_flag=True, help="Also add sample orders to a store that contains other orders.")
def demo_command(session: Session, orders: int, force: bool) -> None:
    stored = fill_store(session, orders, force=force)
    statuses = Counter(order.status for order, _ in stored)
    new = sum(is_new for _, is_new in stored)
    facts = (("orders", orders), ("new", new), *sorted(statuses.items()))
    output.write_facts(session, facts, {"orders": orders, "new": new, "statuses": statuses})
    if session.as_json:
        return
    first = stored[0][0]
    example = next((order for order, _ in stored if order.on_hold or order.refund_due), first).external_ref
    suggestions = ("list --needs-attention", f"get {example}", f"history {example}", "export orders.csv", "serve")
    for line in ("", "Try next:", *(f"  orderkeep {suggestion}" for suggestion in suggestions)):
        click.echo(line, err=True)


def fill_store(session: Session, orders: int = 50, *, force: bool = False) -> list[tuple[OrderDTO, bool]]:
    """Store sample orders. Return each, and whether it is new. Rejects a store with others, without `force`."""

    async def fill(use_cases: UseCases) -> list[tuple[OrderDTO, bool]]:
        if not force and (other := await find_other_order(use_cases)):
            detail = f"this store contains orders that are not samples, such as {other}"
            hint = "sample orders cannot be deleted: use `orderkeep serve --demo` or another --store, or add --force"
            raise Failure(detail, REJECTED, "store_not_empty", hint=f"nothing was changed; {hint}")
        return await store_samples(use_cases, orders, advance)

    with output.progress("Filling the store", orders) as advance:
        return session.run(fill)
