"""The state of one call of the command line: the store or server, the output form, and how use cases are run."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from orderkeep.application.access.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind
from orderkeep.application.errors import AmbiguousOrder, NoOrderMatches
from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.bootstrap.documents import DEFAULT_DOCUMENTS
from orderkeep.bootstrap.stores import DEFAULT_STORE, missing_file
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.limits import MAX_EXPIRY_HOURS
from orderkeep.domain.policies import Policies, Requirement
from orderkeep.entrypoints.cli.plain_text import say

MAX_ACTOR_NAME_LENGTH = 100

STORE_FILE = "ORDERKEEP_STORE_FILE"
"""Names a file that contains the store URL, such as a secret that a container engine mounts."""

VARIABLES = {
    *(
        "ORDERKEEP_STORE",
        STORE_FILE,
        "ORDERKEEP_MOVED_TO",
        "ORDERKEEP_DOCUMENTS",
        "ORDERKEEP_SELLER",
        "ORDERKEEP_AUTO_MIGRATE",
    ),
    *(
        "ORDERKEEP_CONFIRM_REQUIRES",
        "ORDERKEEP_SHIP_REQUIRES",
        "ORDERKEEP_AUTO_CONFIRM",
        "ORDERKEEP_EXPIRE_AFTER_HOURS",
    ),
    *("ORDERKEEP_REMOTE", "ORDERKEEP_API_KEY", "ORDERKEEP_API_KEY_FILE", "ORDERKEEP_ACTOR", "ORDERKEEP_DEBUG"),
    "ORDERKEEP_AUTH",
}
"""Variables that are read here without `Settings`, whose import of pydantic would double the time of a call."""

_UUID_BEGINNING = re.compile(r"[0-9a-fA-F-]{8,36}")

T = TypeVar("T")


def actor_name(value: str) -> str:
    """Return the name of a staff member. It has no colon, so that it differs from the actors of API keys and tokens."""
    if value.strip() and value.isprintable() and ":" not in value and len(value) <= MAX_ACTOR_NAME_LENGTH:
        return value
    message = f"must be a name of at most {MAX_ACTOR_NAME_LENGTH} characters, without colons and control characters"
    raise click.BadParameter(message)


def _login_name() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError, ImportError):  # the user ID has no name, as in some containers
        return "cli"


def open_from_environment(store_url: str, access: StoreAccess) -> UseCases:
    """Open the use cases, with the document store, the seller, migrations and policies that the environment sets."""
    return bootstrap(
        store_url,
        documents_url=_variable("ORDERKEEP_DOCUMENTS") or DEFAULT_DOCUMENTS,
        seller=os.environ.get("ORDERKEEP_SELLER", ""),
        auto_migrate=_boolean("ORDERKEEP_AUTO_MIGRATE", default="true"),
        access=access,
        policies=Policies(
            _one_of("ORDERKEEP_CONFIRM_REQUIRES", *Requirement),
            _one_of("ORDERKEEP_SHIP_REQUIRES", Requirement.NOTHING, Requirement.PAID),
            _boolean("ORDERKEEP_AUTO_CONFIRM", default="false"),
            _hours("ORDERKEEP_EXPIRE_AFTER_HOURS"),
        ),
        local=not os.environ.get("ORDERKEEP_AUTH"),
        moved_to=_variable("ORDERKEEP_MOVED_TO") or "",
    )


def _boolean(name: str, *, default: str) -> bool:
    try:
        return bool(click.BOOL.convert(_variable(name) or default, None, None))
    except click.BadParameter:
        raise click.UsageError(f"{name} must be true or false.") from None


def _one_of(name: str, default: str, *others: str) -> str:
    value = (_variable(name) or default).lower()
    if value not in (default, *others):
        raise click.UsageError(f"{name} must be one of {', '.join((default, *others))}.")
    return value


def _hours(name: str) -> int:
    value = (_variable(name) or "0").strip()
    if not (value.isascii() and value.isdigit() and int(value[:9]) <= MAX_EXPIRY_HOURS):
        raise click.UsageError(f"{name} must be a number of hours, 0 to {MAX_EXPIRY_HOURS}.")
    return int(value)


def _variable(name: str) -> str | None:
    """Return a variable for which an empty value is an error: it may come from another one that is not set."""
    value = os.environ.get(name)
    if value == "":
        raise click.UsageError(f"{name} is set but empty: set it to a value, or unset it.")
    return value


def _secret_from_environment(name: str) -> str | None:
    """Return the value of the variable, or the text of the file that the variable `<name>_FILE` names."""
    value, file = _variable(name), _variable(f"{name}_FILE")
    if file is None:
        return value
    if value is not None:
        raise click.UsageError(f"{name} and {name}_FILE are both set: unset one of them.")
    reason: str | None = "it is empty"
    try:
        if value := Path(file).read_text(encoding="utf-8").strip():
            return value
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "it is not UTF-8 text"
    raise click.UsageError(f"{name}_FILE cannot be used: {file}: {reason}.")


@dataclass(slots=True)
class Session:
    """The options of all commands, and how the use cases on a store URL are opened with the command's access."""

    store: str | None = None
    remote: str | None = None
    as_json: bool = False
    debug: bool = False
    dry_run: bool = False
    options: dict[str, str] = field(default_factory=dict)
    """The command's option for each field, such as `--from` for `created_from`."""
    values: dict[str, Any] = field(default_factory=dict)
    """The values of the command's parameters."""
    currency: str = ""
    """The currency of the amounts that were given in major units; messages are then in major units, too."""
    given_order: str = ""
    """The order as it was given: its external reference, its ID, or the beginning of it."""
    zone: ZoneInfo | None = None
    """The time zone of times in tables; None is UTC."""
    if_interrupted: str = ""
    as_name: str | None = None
    access: StoreAccess = StoreAccess.READ
    open: Callable[[str, StoreAccess], UseCases] = open_from_environment

    @property
    def store_url(self) -> str:
        """The store of the option `--store`, else of the environment, else the file in the current directory."""
        return self.store or _secret_from_environment("ORDERKEEP_STORE") or DEFAULT_STORE

    @property
    def remote_url(self) -> str | None:
        """The server to use instead of a store: that of `--remote`, or without `--store` that of the environment."""
        if self.remote and self.store:
            raise click.UsageError("--remote and --store cannot be used together.")
        url = self.remote or (None if self.store else _variable("ORDERKEEP_REMOTE"))
        if url is None:
            return None
        if not self.remote and (_variable("ORDERKEEP_STORE") or _variable(STORE_FILE)):
            raise click.UsageError("ORDERKEEP_REMOTE and ORDERKEEP_STORE are both set: use --remote or --store.")
        if self.as_name:
            raise click.UsageError("--as cannot be used with a server: the API key determines the actor.")
        return url

    @property
    def actor(self) -> Actor:
        """Staff with every scope: who can run the program on the store has full access. The name, which is not
        verified, is that of the option `--as`, else of the environment, else the login name. A server determines the
        actor itself.
        """
        if self.remote_url:
            return SYSTEM
        variable = os.environ.get("ORDERKEEP_ACTOR")
        try:
            name = self.as_name or actor_name(variable or _login_name())
        except click.BadParameter as error:
            source = "ORDERKEEP_ACTOR" if variable else "the login name"
            raise click.UsageError(f"{source} {error.message}: use --as NAME.") from None
        return Actor(ActorKind.STAFF, name, EVERY_SCOPE)

    def run_on_order(self, given: str, work: Callable[[UseCases, str], Awaitable[T]]) -> T:
        """Run the work on the order that has or begins with the given ID, or has it as external reference."""

        self.given_order = given

        async def on_order(use_cases: UseCases) -> T:
            return await work(use_cases, await self.find_order(use_cases, given))

        return self.run(on_order)

    async def find_order(self, use_cases: UseCases, given: str) -> str:
        """Return the ID of the order. Of several orders with the same external reference, the only one that is not
        cancelled is preferred. A UUID may be in upper case, and the # that precedes a number may be missing.
        """
        try:
            return await use_cases.find_order.execute(given, self.actor)
        except NoOrderMatches:
            if given.isascii() and given.isdigit():
                return await use_cases.find_order.execute(f"#{given}", self.actor)  # as some shops write order numbers
            if given == given.lower() or not _UUID_BEGINNING.fullmatch(given):
                raise
            return await use_cases.find_order.execute(given.lower(), self.actor)
        except AmbiguousOrder as error:
            active = [order for order in error.candidates if order.status != OrderStatus.CANCELLED]
            references = {order.external_ref for order in error.candidates}  # or else their IDs begin alike
            if len(active) != 1 or error.has_more or len(references) != 1 or active[0].id.startswith(given):
                raise
            count = len(error.candidates)
            say(f"{count} orders have the reference {given}: using {active[0].id}, the only one that is not cancelled")
            return active[0].id

    def run(self, work: Callable[[UseCases], Awaitable[T]]) -> T:
        """Open the store or the connection to the server, run the work on its use cases, and close it. A new SQLite
        file is reported, because it may be in the wrong directory; a dry run creates none, and uses memory instead.
        """
        remote_url = self.remote_url
        may_create = remote_url is None and self.access is StoreAccess.CREATE
        created = missing_file(self.store_url) if may_create else None

        async def with_opened() -> T:
            if remote_url is None:
                use_cases = self.open("memory://" if self.dry_run and created else self.store_url, self.access)
            else:
                from orderkeep.entrypoints.cli.remote import open_remote  # imports urllib3, which a store does not need

                use_cases = open_remote(remote_url, _secret_from_environment("ORDERKEEP_API_KEY"))
            try:
                return await work(use_cases)
            finally:
                await use_cases.close()
                if created and created.exists() and not self.as_json:  # stderr then has JSON only
                    say(f"created the store {created}")

        if remote_url is None:
            return asyncio.run(with_opened())
        # Requests block the event loop, so that `asyncio.run` would delay Ctrl+C until the response.
        with closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(with_opened())
