"""The command line. Data is printed on stdout as JSON, one sample item a line; messages on stderr."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import NoReturn, TypeVar

import click

from sample_service.application.dtos import PlaceSampleItem
from sample_service.application.errors import InvalidQuery, InvalidStoreURL
from sample_service.application.use_cases.list_sample_items import DEFAULT_PAGE
from sample_service.bootstrap import UseCases, bootstrap
from sample_service.config import InvalidSettings, Settings, load_settings, unknown_variables
from sample_service.domain import exceptions
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import SampleServiceError
from sample_service.domain.lifecycle import CommandRejected, SampleItemStatus

EXIT_CODES: dict[type[Exception], int] = {
    InvalidSettings: 2,
    InvalidStoreURL: 2,
    exceptions.SampleItemNotFound: 3,
    CommandRejected: 4,
    exceptions.Conflict: 4,
    exceptions.InvalidInput: 5,
    InvalidQuery: 5,
    exceptions.StoreUnavailable: 7,
    SampleServiceError: 1,
}
"""The exit code of each exception class and its subclasses; the most specific entry applies."""

STATUSES = [each.value for each in SampleItemStatus]

Result = TypeVar("Result")

sample_item_id_argument = click.argument("sample_item_id", metavar="ID")
if_version_option = click.option("--if-version", type=int, metavar="N", help="Only if it is at this version.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--store", metavar="URL", help="Store. Default: the setting SAMPLE_SERVICE_STORE.")
@click.pass_context
def cli(context: click.Context, store: str | None) -> None:
    """Place and manage sample items.

    Exit codes: 0 success, 1 internal error, 2 invalid usage, 3 not found, 4 rejected or conflict, 5 invalid data, 7
    store unavailable.
    """
    context.obj = store


@cli.command("place")
@click.argument("name")
@click.option("--key", help="Idempotency key: a repeated command with the same key has no second effect.")
@click.pass_obj
def place_command(store: str | None, name: str, key: str | None) -> None:
    """Place a sample item."""
    _write(_run(store, lambda use_cases: use_cases.place_sample_item.execute(PlaceSampleItem(name), key)))


@cli.command("get")
@sample_item_id_argument
@click.pass_obj
def get_command(store: str | None, sample_item_id: str) -> None:
    """Print a sample item."""
    _write(_run(store, lambda use_cases: use_cases.get_sample_item.execute(sample_item_id)))


@cli.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those of this status.")
@click.option("--limit", default=DEFAULT_PAGE, show_default=True, metavar="N", help="Maximum number.")
@click.option("--cursor", help="Continue after the previous page.")
@click.pass_obj
def list_command(store: str | None, status: str | None, limit: int, cursor: str | None) -> None:
    """Print sample items, newest first. The cursor of the next page is printed on stderr."""
    wanted = None if status is None else SampleItemStatus(status)
    page = _run(store, lambda use_cases: use_cases.list_sample_items.execute(wanted, limit=limit, cursor=cursor))
    for sample_item in page.sample_items:
        _write(sample_item)
    if page.next_cursor:
        click.echo(f"next page: --cursor {page.next_cursor}", err=True)


@cli.command("confirm")
@sample_item_id_argument
@if_version_option
@click.pass_obj
def confirm_command(store: str | None, sample_item_id: str, if_version: int | None) -> None:
    """Confirm a sample item."""
    _write(_run(store, lambda use_cases: use_cases.confirm_sample_item.execute(sample_item_id, if_version)))


@cli.command("cancel")
@sample_item_id_argument
@if_version_option
@click.pass_obj
def cancel_command(store: str | None, sample_item_id: str, if_version: int | None) -> None:
    """Cancel a sample item."""
    _write(_run(store, lambda use_cases: use_cases.cancel_sample_item.execute(sample_item_id, if_version)))


@cli.command("check")
@click.pass_obj
def check_command(store: str | None) -> None:
    """Check that the store can be used."""
    _run(store, lambda use_cases: use_cases.check_store())


def main() -> NoReturn:
    """Run the command line of this process."""
    for warning in unknown_variables():
        click.echo(f"sample-service: {warning}", err=True)
    try:
        cli.main(prog_name="sample-service")
    except tuple(EXIT_CODES) as error:
        place = {exceptions.InvalidInput: "field", InvalidQuery: "parameter"}
        names = [f"{getattr(error, name)} " for kind, name in place.items() if isinstance(error, kind)]
        click.echo(f"sample-service: {''.join(names)}{error}", err=True)
        sys.exit(next(EXIT_CODES[each] for each in type(error).__mro__ if each in EXIT_CODES))
    sys.exit(0)


def _run(store: str | None, action: Callable[[UseCases], Awaitable[Result]]) -> Result:
    """Run the action on the use cases of the settings, and close them."""

    async def run() -> Result:
        use_cases = bootstrap(load_settings() if store is None else Settings(store=store))
        try:
            return await action(use_cases)
        finally:
            await use_cases.close()

    return asyncio.run(run())


def _write(sample_item: SampleItem) -> None:
    values = {name: value for name, value in asdict(sample_item).items() if name != "request"}
    click.echo(json.dumps(values, default=datetime.isoformat, ensure_ascii=False))
