"""Leases: the right of one of several processes to do some work, until a time. A lease is part of the record with the
progress of the work, so a process that lost it cannot write progress: the work is then done again, never skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.domain.exceptions import StoreUnavailable

LEASE = timedelta(seconds=10)
"""How long a lease is valid, and so how long a process that was killed delays the others.

It does not have to outlast a request, because it is renewed meanwhile. It has to outlast the longest time without a
renewal that is no reason to replace a process: `RENEWAL_SECONDS`, and a slow write, a failover of the store or a
suspended process of 7 s. If that takes longer, or the clocks of two machines differ by more, two processes do the same
work: events are sent twice, with the same ID.
"""

RENEWAL_SECONDS = 3.0
"""How often a lease is renewed while the work is in progress."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits for that many seconds: `asyncio.sleep`."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one process, the `owner`, until a time."""

    owner: str
    until: datetime

    @classmethod
    def begin(cls, owner: str, now: datetime) -> Lease:
        """Return a lease that begins now."""
        return cls(owner, now + LEASE)


def encode_lease(lease: Lease | None) -> list[str] | None:
    """Return what is stored of a lease."""
    return None if lease is None else [lease.owner, lease.until.isoformat()]


def decode_lease(stored: list[str] | None) -> Lease | None:
    """Return the lease that is stored."""
    return None if stored is None else Lease(stored[0], datetime.fromisoformat(stored[1]))


def is_free(lease: Lease | None, owner: str, now: datetime) -> bool:
    """Return whether the process may take the lease, as no other one has it."""
    return lease is None or lease.owner == owner or lease.until <= now


@asynccontextmanager
async def renewing(renew: Callable[[], Awaitable[None]], sleep: Sleep) -> AsyncIterator[None]:
    """Renew a lease again and again until the block ends. While the store is unavailable, this is tried again; any
    other error of `renew`, such as the loss of the lease, ends the block at once, and is raised.
    """
    writing = asyncio.Lock()

    async def repeat() -> None:
        while True:
            await sleep(RENEWAL_SECONDS)
            async with writing:
                with suppress(StoreUnavailable):
                    await renew()

    try:
        async with asyncio.TaskGroup() as group:
            renewal = group.create_task(repeat())
            try:
                yield
            finally:
                async with writing:  # the next write needs the version of this one
                    renewal.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
