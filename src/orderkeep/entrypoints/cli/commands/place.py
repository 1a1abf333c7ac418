"""`orderkeep place`."""

from __future__ import annotations

from typing import Any

import click

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.use_cases import PlaceOrderUseCase
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT, request_of, request_options
from orderkeep.entrypoints.cli.session import Session


@command("place", PlaceOrderUseCase)
@click.option("--user", "user_id", type=TEXT, metavar="ID", help="Whose order it is.")
@click.option("--currency", type=TEXT, metavar="CODE", help="ISO 4217, such as EUR.")
@click.option("--total", type=TEXT, metavar="AMOUNT", help="In major units, such as 99.00.")
@click.option("--line", "lines", type=TEXT, multiple=True, metavar="LINE", help="An article; may be repeated.")
@click.option("--shipping", type=TEXT, metavar="AMOUNT", help="What shipping costs.")
@click.option("--discount", type=TEXT, metavar="AMOUNT", help="Off the whole order.")
@click.option("--tax", type=TEXT, metavar="AMOUNT", help="On top of the whole order.")
@click.option("--external-ref", type=TEXT, metavar="REF", help="Your own number of the order.")
@click.option("--tag", "tags", type=TEXT, multiple=True, metavar="TAG", help="May be repeated.")
@click.option("--metadata", type=TEXT, multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--data", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help="All of it as JSON.")
@request_options
def place_command(
    session: Session, data: str | None, key: str | None, expected_version: int | None, *, dry_run: bool, **given: Any
) -> None:
    """Amounts in options are in major units: 99.00, or 12.345 in KWD. A --line is SKU,NAME,QUANTITY,PRICE, further
    DISCOUNT and TAX of the whole line if there are any; a name with a comma stands in double quotes. Without --total,
    the total is what the lines, --shipping and --tax less --discount add up to.

    With --data, the order is read from a file (- is stdin) as the JSON that HTTP takes: there, amounts are in minor
    units, and 9900 is 99.00 EUR.

    Prints the order placed: its JSON, or a table on a terminal.
    """
    given = {name: value for name, value in given.items() if value not in (None, ())}
    command = _from_options(given) if data is None else _from_file(data, given)
    request = request_of(key, expected_version, dry_run=dry_run)
    result = session.run(lambda use_cases: use_cases.place_order.execute(command, request))
    output.write_result(session, result, dry_run=dry_run)


def _from_options(given: dict[str, Any]) -> PlaceOrder:
    from orderkeep.entrypoints.cli.order_options import read_order_options

    return read_order_options(given)


def _from_file(path: str, given: dict[str, Any]) -> PlaceOrder:
    if given:
        raise click.UsageError("--data holds the whole order: leave the options that describe it away.")
    from orderkeep.entrypoints.cli.order_json import read_order_json

    return read_order_json(path)
