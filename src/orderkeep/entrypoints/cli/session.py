"""What one call of the command line has in hand: the store, how to answer, and a loop to run use cases in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from orderkeep.application.actor import Actor, ActorKind
from orderkeep.bootstrap import DEFAULT_STORE, UseCases, bootstrap

CLI_ACTOR = Actor(ActorKind.STAFF, "cli")
"""Whoever may start the command works for the shop."""

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """The options that all commands share. `store` is None where no option named one; `open` makes the use cases
    from a store's URL.
    """

    store: str | None = None
    as_json: bool = False
    debug: bool = False
    open: Callable[[str], UseCases] = bootstrap

    @property
    def store_url(self) -> str:
        """The store that an option names, else the environment; else the file in this folder."""
        return self.store or os.environ.get("ORDERKEEP_STORE") or DEFAULT_STORE

    def run(self, work: Callable[[UseCases], Awaitable[T]]) -> T:
        """Open the store, do the work on its use cases, and close it whatever happened."""

        async def with_store() -> T:
            use_cases = self.open(self.store_url)
            try:
                return await work(use_cases)
            finally:
                await use_cases.close()

        return asyncio.run(with_store())
