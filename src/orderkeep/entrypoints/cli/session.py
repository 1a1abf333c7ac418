"""What one call of the command line has in hand: the store, how to answer, and a loop to run use cases in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.bootstrap.documents import DEFAULT_DOCUMENTS
from orderkeep.bootstrap.stores import DEFAULT_STORE, open_store

CLI_ACTOR = Actor(ActorKind.STAFF, "cli", EVERY_SCOPE)
"""Whoever may start the command works for the shop."""

STORE_FILE = "ORDERKEEP_STORE_FILE"
"""Names a file that holds the store's URL: a secret that container engines mount, seen by no other process."""

NO, YES = ("0", "off", "f", "false", "n", "no"), ("", "1", "on", "t", "true", "y", "yes")
"""What switches a setting off and on: the same as where the service reads it."""

T = TypeVar("T")
C = TypeVar("C", UseCases, OrderStore)


def open_as_set(store_url: str) -> UseCases:
    """Open the use cases; their tables are brought up to date unless `ORDERKEEP_AUTO_MIGRATE` is off."""
    return bootstrap(
        store_url,
        documents_url=os.environ.get("ORDERKEEP_DOCUMENTS") or DEFAULT_DOCUMENTS,
        seller=os.environ.get("ORDERKEEP_SELLER", ""),
        auto_migrate=_auto_migrate(),
    )


def open_store_as_set(store_url: str) -> OrderStore:
    """Open the store itself, likewise."""
    return open_store(store_url, auto_migrate=_auto_migrate())


def _auto_migrate() -> bool:
    said = os.environ.get("ORDERKEEP_AUTO_MIGRATE", "").lower()
    if said not in NO + YES:
        raise click.UsageError("ORDERKEEP_AUTO_MIGRATE cannot be used: it is true or false.")
    return said in YES


def _store_in_environment() -> str | None:
    url, file = os.environ.get("ORDERKEEP_STORE"), os.environ.get(STORE_FILE)
    if not file:
        return url
    if url:
        raise click.UsageError(f"ORDERKEEP_STORE and {STORE_FILE} are both set: leave one of them out.")
    try:
        url = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise click.UsageError(f"{STORE_FILE} cannot be used: {file}: {reason}.") from None
    if not url:
        raise click.UsageError(f"{STORE_FILE} cannot be used: {file}: it is empty.")
    return url


@dataclass(slots=True)
class Session:
    """The options that all commands share. `store` is None where no option named one; `open` makes the use cases
    from a store's URL, `open_store` the store itself.
    """

    store: str | None = None
    as_json: bool = False
    debug: bool = False
    open: Callable[[str], UseCases] = open_as_set
    open_store: Callable[[str], OrderStore] = open_store_as_set

    @property
    def store_url(self) -> str:
        """The store that an option names, else the environment, itself or in a file; else the file in this folder."""
        return self.store or _store_in_environment() or DEFAULT_STORE

    def run(self, work: Callable[[UseCases], Awaitable[T]]) -> T:
        """Open the store, do the work on its use cases, and close it whatever happened."""

        return self._run(self.open, work)

    def run_on_store(self, work: Callable[[OrderStore], Awaitable[T]]) -> T:
        """Do the work on the store itself, opened and closed likewise."""
        return self._run(self.open_store, work)

    def _run(self, open: Callable[[str], C], work: Callable[[C], Awaitable[T]]) -> T:  # noqa: A002  # as the fields
        async def with_opened() -> T:
            opened = open(self.store_url)
            try:
                return await work(opened)
            finally:
                await opened.close()

        return asyncio.run(with_opened())
