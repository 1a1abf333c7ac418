"""`orderkeep keys create`, `orderkeep keys list` and `orderkeep keys revoke`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from orderkeep.application.access.actor import Scope
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases import CreateApiKeyUseCase, ListApiKeysUseCase, RevokeApiKeyUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import EXPIRY, TEXT, session_options
from orderkeep.entrypoints.cli.paging import Listing, paging_of, paging_options, print_list
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKey

COLUMNS = ("id", "state", "name", "kind", "user_id", "scopes", "created_at", "expires_at", "last_used_at")

HELP = """Create, list and revoke API keys.

Who sends a key over HTTP is staff with its scopes, or the customer whose key it is.
"""

keys_command = session_options(click.Group("keys", help=HELP, short_help=HELP.split("\n", maxsplit=1)[0]))


@command("create", CreateApiKeyUseCase)
@click.option("--name", type=TEXT, required=True, help="What it is for, such as the program that gets it.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    metavar="SCOPE",
    help=f"What staff may do with it: {', '.join(Scope)}; may be repeated.",
)
@click.option("--user", "user_id", type=TEXT, metavar="ID", help="The customer whose key it is.")
@click.option(
    "--expires", "expires_at", type=EXPIRY, metavar="90d|INSTANT", help="When it ends: in 90d or 12h, or then."
)
def create_command(
    session: Session, name: str, scopes: tuple[str, ...], user_id: str | None, expires_at: datetime | None
) -> None:
    """Prints the key alone on stdout, and words on stderr. It is kept nowhere: who loses it makes another."""

    async def create(use_cases: UseCases) -> None:
        given: dict[str, Any] = {"scopes": scopes, "user_id": user_id, "expires_at": expires_at}
        made = await use_cases.create_api_key.execute(name, **given, actor=CLI_ACTOR)
        end = "" if made.kept.expires_at else " It has no end: --expires 90d would give it one."
        output.say(f"this key is shown this once. `orderkeep keys revoke {made.kept.id}` revokes it.{end}")
        if session.as_json:
            output.write_json({"key": made.key, **_form(made.kept, utc_now())})
        else:
            output.write(made.key.encode() + b"\n")

    session.run(create)


@command("list", ListApiKeysUseCase)
@paging_options
def list_command(session: Session, limit: int | None, cursor: str | None, *, to_the_end: bool) -> None:
    """Without a terminal, prints a line for each key, with these values, separated by tabs and without a header: id,
    state, name, kind, user_id, scopes, created_at, expires_at, last_used_at. A key begins with ok_ and its id. The last
    use is known to five minutes.
    """
    paging = paging_of(limit, cursor, to_the_end=to_the_end)
    now = utc_now()

    async def print_keys(use_cases: UseCases) -> None:
        async def fetch(size: int, cursor: str | None) -> tuple[Sequence[ApiKey], str | None]:
            page = await use_cases.list_api_keys.execute(limit=size, cursor=cursor, actor=CLI_ACTOR)
            return page.keys, page.next_cursor

        listing = Listing(
            COLUMNS,
            fetch,
            lambda key: _row(key, now),
            lambda key: output.encode(_form(key, now)),
            nothing="this store keeps no keys yet",
        )
        await print_list(session, paging, listing)

    session.run(print_keys)


@command("revoke", RevokeApiKeyUseCase)
@click.argument("key_id", metavar="ID", type=TEXT)
def revoke_command(session: Session, key_id: str) -> None:
    """ID is what `orderkeep keys list` shows, or the whole key. Prints the key as it is kept."""

    async def revoke(use_cases: UseCases) -> None:
        key = await use_cases.revoke_api_key.execute(key_id, CLI_ACTOR)
        now = utc_now()
        if session.as_json:
            output.write_json(_form(key, now))
        else:
            output.write_rows(session, COLUMNS, [_row(key, now)])

    session.run(revoke)


for _command in (create_command, list_command, revoke_command):
    keys_command.add_command(_command)


def _form(key: ApiKey, now: datetime) -> dict[str, object]:
    """Return what is shown of a key: all but its digest."""
    return {
        "id": key.id,
        "state": key.state_at(now),
        "name": key.name,
        "kind": key.kind,
        "user_id": key.user_id,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _row(key: ApiKey, now: datetime) -> list[object]:
    form = _form(key, now) | {"scopes": " ".join(sorted(key.scopes)) or None}
    return [_text(form[name]) for name in COLUMNS]


def _text(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
