"""`orderkeep demo`."""

from __future__ import annotations

import asyncio
from collections import Counter

import click

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import utc_now
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import Session

AT_ONCE = 32


@command("demo")
@click.option("--orders", type=click.IntRange(1, 100_000), default=50, metavar="N", help="How many; 50 by default.")
def demo_command(session: Session, orders: int) -> None:
    """Fill the store with orders to look at.

    They are believable and always the same, placed and moved along over the last 30 days. Doing it again changes
    nothing, and adds orders where N is larger. Prints how many are in which status, and what to try next.
    """
    from orderkeep.entrypoints.cli.demo_orders import demo_orders, keep

    async def fill(use_cases: UseCases) -> list[tuple[OrderDTO, bool]]:
        kept: list[tuple[OrderDTO, bool]] = []
        planned, now = demo_orders(orders), utc_now()
        for start in range(0, orders, AT_ONCE):
            batch = planned[start : start + AT_ONCE]
            kept += await asyncio.gather(*(keep(order, use_cases, now) for order in batch))
            advance(len(batch))
        return kept

    with progress("Filling the store", orders) as advance:
        kept = session.run(fill)
    statuses = Counter(order.status for order, _ in kept)
    new = sum(is_new for _, is_new in kept)
    if session.as_json:
        output.write_json({"orders": orders, "new": new, "statuses": statuses})
        return
    output.write_facts(session, (("orders", orders), ("new", new), *sorted(statuses.items())))
    _say_what_next(kept)


def _say_what_next(kept: list[tuple[OrderDTO, bool]]) -> None:
    waiting = next((order.id for order, _ in kept if order.status == "pending"), kept[0][0].id)
    for line in ("", "Try next:", "  orderkeep list --status pending", f"  orderkeep confirm {waiting}"):
        click.echo(line, err=True)
    for line in (f"  orderkeep history {waiting}", "  orderkeep export orders.csv", "  orderkeep serve"):
        click.echo(line, err=True)
