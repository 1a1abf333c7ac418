"""`orderkeep keys create`, `keys list` and `keys revoke`."""

from typing import Any

import click

from orderkeep.application.access.actor import Scope
from orderkeep.application.access.api_key_authenticator import FRESH
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.application.ports import utc_now
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import Choice, Paging, expiry, paging_options, rows_help, text
from orderkeep.entrypoints.cli.session import Session

KEY_COLUMNS = ("id", "state", "name", "kind", "user_id", "scopes", "created_at", "expires_at", "last_used_at")

SCOPE = Choice(list(map(str, Scope)))
SCOPE_HELP = f"Scope of a staff key: {', '.join([*Scope][:-1])} or {[*Scope][-1]}. Repeatable."
EXPIRY_HELP = "Expiry: a duration such as 90d or 12h, or a time. Default: never."


@command(
    "keys create", "Prints the key on stdout and messages on stderr. The key is not stored and cannot be recovered."
)
@click.option("--name", type=text, required=True, help="Name of the client that uses the key.")
@click.option("--scope", "scopes", type=SCOPE, multiple=True, metavar="SCOPE", help=SCOPE_HELP)
@click.option("--user", "user_id", type=text, metavar="ID", help="Customer who owns the key; excludes --scope.")
@click.option("--expires", "expires_at", type=expiry, metavar="90d|TIME", help=EXPIRY_HELP)
def keys_create_command(session: Session, name: str, **options: Any) -> None:
    if not options["scopes"] and options["user_id"] is None:
        raise click.UsageError("a key needs --scope SCOPE for staff, such as --scope orders:read, or --user ID.")

    async def create(use_cases: UseCases) -> None:  # prints the key before anything else can fail
        made = await use_cases.create_api_key.execute(name, actor=session.actor, **options)
        no_limit = "" if made.kept.expires_at else ". It does not expire; use --expires to set a limit"
        output.say(
            "save this key now: it is not stored and cannot be shown again. "
            f"To revoke it: `orderkeep keys revoke {made.kept.id}`{no_limit}"
        )
        if session.as_json:
            output.write_json({"key": made.key, **_form(made.kept)})
        else:
            output.write(made.key.encode() + b"\n")

    session.run(create)


@command(
    "keys list",
    f"""
    Newest first. A key starts with ok_ and its ID. The last-used time is accurate to five minutes.
    {rows_help(KEY_COLUMNS)}
    """,
)
@paging_options
def keys_list_command(session: Session, paging: Paging) -> None:
    def fetch(use_cases: UseCases, **page: Any) -> Any:
        return use_cases.list_api_keys.execute(**page)

    output.print_list(session, paging, "keys", fetch, KEY_COLUMNS, _row, _form, if_empty="this store has no API keys")


@command(
    "keys revoke",
    f"""
    ID is the key's ID, as `orderkeep keys list` prints it, or the whole key. Running servers reject the key within
    {FRESH.seconds} seconds. Prints the revoked key without its secret part.
    """,
)
@click.argument("key_id", metavar="ID", type=text)
def keys_revoke_command(session: Session, key_id: str) -> None:
    key = session.run(lambda use_cases: use_cases.revoke_api_key.execute(key_id, session.actor))
    output.say(f"the key is revoked: running servers reject it within {FRESH.seconds} seconds")
    output.write_rows(session, KEY_COLUMNS, [_row(key)], _form(key))


def _form(key: ApiKey) -> dict[str, object]:
    """Return the fields of a key that may be shown: all but its digest."""
    shown = ("name", "kind", "user_id", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    form = {"id": key.id, "state": key.state_at(utc_now()), **{name: getattr(key, name) for name in shown}}
    return form | {"scopes": sorted(key.scopes)}


def _row(key: ApiKey) -> list[object]:
    form = _form(key) | {"scopes": " ".join(sorted(key.scopes))}
    return [form[name] for name in KEY_COLUMNS]
