"""Torture a store: every workload, round after round, on orders of its own; and a report of what was seen.

It writes to the store, and leaves its orders there, since no store deletes any: they belong to users whose ids
begin with `torture-`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.orders import OWN
from orderkeep.testing.stores import EVERYTHING, WatchedStore, orders_on, pages
from orderkeep.testing.workloads import (
    race_cancel_against_ship,
    race_saves,
    read_feed_beside_writers,
    record_histories,
    retry_with_one_key,
    walk_pages_under_writes,
)

LONGEST_ROUND_SECONDS = 120
"""A round that takes longer will not end: a feed that goes in circles, a lock that nobody lets go of."""

KNOW_WHAT_TO_MAKE_OF_NO_ANSWER = {"histories"}
"""Other checks expect an answer to each call, and say nothing of a round in which one did not come."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise broken: in which round, and what was seen."""

    round: int
    seen: str


@dataclass(slots=True)
class CheckReport:
    """What one check did and saw. `operations` are calls of the store, `conflicts` the saves that it refused as
    concurrent, `undecided` the rounds in which it could not answer, `violations` those in which it broke a promise;
    `first` is the first of these.
    """

    check: str
    rounds: int = 0
    operations: int = 0
    conflicts: int = 0
    undecided: int = 0
    violations: int = 0
    first: Violation | None = None


@dataclass(frozen=True, slots=True)
class TortureReport:
    """All checks, in the order in which they take their turns."""

    seconds: float
    checks: tuple[CheckReport, ...]

    @property
    def violations(self) -> int:
        """How many rounds of all checks saw a promise broken."""
        return sum(check.violations for check in self.checks)

    @property
    def undecided(self) -> int:
        """How many rounds of all checks say nothing, because the store could not answer."""
        return sum(check.undecided for check in self.checks)


class _Feed:
    """Goes on where the last round began, so that a long feed is read through once."""

    position: str | None = None

    async def __call__(self, store: OrderStore) -> None:
        count = await read_feed_beside_writers(store, writers=6, orders_each=2, readers=2, after=self.position)
        self.position = count.position


Check = Callable[[OrderStore], Awaitable[object]]


def checks() -> dict[str, Check]:
    """Return the checks by name: each does one round."""
    return {
        "saves": race_saves,
        "races": race_cancel_against_ship,
        "retries": retry_with_one_key,
        "histories": lambda store: record_histories(store, rounds=3),
        "pages": lambda store: walk_pages_under_writes(store, walks=1, steady=15, page=4),
        "feed": _Feed(),
    }


def tell_nobody(report: TortureReport) -> None:
    """Take no notice of a round."""


async def torture(
    store: OrderStore,
    *,
    rounds: int | None = None,
    seconds: float | None = None,
    after_round: Callable[[TortureReport], None] = tell_nobody,
) -> TortureReport:
    """Give each check a turn, then the next round, until that many rounds or seconds are over, whichever comes first.

    A violation ends its round and nothing else. There is one round at least, and `after_round` is told how it stands
    behind each. Raises `StoreUnavailable` where the store cannot answer at all.
    """
    await store.ping()
    watched, started = WatchedStore(store), time.monotonic()
    todo = [(check, CheckReport(name)) for name, check in checks().items()]
    number, report = 0, TortureReport(0, ())
    while not number or _goes_on(number, rounds, time.monotonic() - started, seconds):
        number += 1
        for check, counted in todo:
            await _play(watched, check, counted, number)
        report = TortureReport(round(time.monotonic() - started, 3), tuple(counted for _, counted in todo))
        after_round(report)
    return report


def _goes_on(number: int, rounds: int | None, taken: float, seconds: float | None) -> bool:
    return (rounds is None or number < rounds) and (seconds is None or taken < seconds)


async def holds_orders_of_others(store: OrderStore) -> bool:
    """Tell whether the store keeps orders that no torture left there."""
    async for page in pages(store, EVERYTHING, 200):
        if any(not order.user_id.startswith(OWN) for order in orders_on(page)):
            return True
    return False


async def _play(store: WatchedStore, check: Check, report: CheckReport, number: int) -> None:
    before = replace(store.calls)
    seen = await _what_is_seen(store, check)
    report.rounds += 1
    report.operations += store.calls.operations - before.operations
    report.conflicts += store.calls.conflicts - before.conflicts
    went_without = store.calls.unavailable > before.unavailable and report.check not in KNOW_WHAT_TO_MAKE_OF_NO_ANSWER
    if isinstance(seen, StoreUnavailable) or (seen and went_without):
        report.undecided += 1
    elif seen:
        report.violations += 1
        report.first = report.first or Violation(number, seen)


async def _what_is_seen(store: OrderStore, check: Check) -> StoreUnavailable | str | None:
    try:
        async with asyncio.timeout(LONGEST_ROUND_SECONDS) as limit:
            await check(store)
    except StoreUnavailable as error:
        return error
    except AssertionError as error:
        return str(error) or "an assertion failed"
    except Exception as error:  # noqa: BLE001  # whatever else a store raises, it may not
        if limit.expired():
            return f"the round did not end within {LONGEST_ROUND_SECONDS} seconds"
        return f"raised {type(error).__name__}: {error}"
    return None
