"""Repeat all concurrency checks on one store, round after round, and report what was observed.

It adds orders to the store, which cannot be deleted; their user IDs start with `torture-`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.orders import OWN
from orderkeep.testing.races import RaceContract
from orderkeep.testing.saves import ConcurrencyContract
from orderkeep.testing.stores import EVERYTHING, orders_on, pages
from tests.torture.histories import record_histories
from tests.torture.reads_under_writes import read_feed_beside_writers, walk_pages_under_writes
from tests.torture.watched_store import WatchedStore

LONGEST_ROUND_SECONDS = 120
"""A longer round will not end: the feed repeats its positions, or a lock is never released."""

TOLERATE_LOST_RESPONSES = {"histories"}
"""Other checks expect a result of every call: a round without one is inconclusive."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken guarantee: the round, and what was observed."""

    round: int
    seen: str


@dataclass(slots=True)
class CheckReport:
    """Counts of one check: calls of the store, saves rejected as concurrent, inconclusive rounds (the store was
    unavailable), and rounds that violated a guarantee, with the first of these.
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
    """The counts of all checks, in the order in which they run."""

    seconds: float
    checks: tuple[CheckReport, ...]

    @property
    def violations(self) -> int:
        """The number of rounds of all checks that violated a guarantee."""
        return sum(check.violations for check in self.checks)

    @property
    def undecided(self) -> int:
        """The number of inconclusive rounds of all checks."""
        return sum(check.undecided for check in self.checks)


class _Feed:
    """Starts where the previous round started, so that a long feed is read only once."""

    position = 0

    async def __call__(self, store: OrderStore) -> None:
        count = await read_feed_beside_writers(store, writers=6, orders_each=2, readers=2, after=self.position)
        self.position = count.position


class _Races(ConcurrencyContract, RaceContract):
    rounds = 1


async def _race_commands_and_facts(store: OrderStore) -> None:
    races = _Races()
    await races.test_refunds_at_once_cannot_exceed_what_was_captured(store)
    await races.test_same_payment_at_once_is_recorded_once(store)
    await races.test_cancel_and_partial_shipment_do_not_both_win(store)
    await races.test_capture_and_cancel_both_happen_and_a_refund_is_due(store)
    await races.test_cancelled_and_shipped_units_never_exceed_the_ordered_ones(store)


Check = Callable[[OrderStore], Awaitable[object]]


def checks() -> dict[str, Check]:
    """Return the checks by name: each runs one round."""
    races = _Races()
    return {
        "saves": races.test_one_of_twenty_concurrent_saves_succeeds,
        "races": races.test_one_of_concurrent_cancels_and_shipments_succeeds,
        "retries": races.test_retries_with_one_key_have_one_effect_and_one_result,
        "facts": _race_commands_and_facts,
        "histories": lambda store: record_histories(store, rounds=3),
        "pages": lambda store: walk_pages_under_writes(store, walks=1, steady=15, page=4),
        "feed": _Feed(),
    }


async def torture(
    store: OrderStore,
    *,
    rounds: int | None = None,
    seconds: float | None = None,
    after_round: Callable[[TortureReport], None] = lambda report: None,
) -> TortureReport:
    """Run rounds of all checks until the number of rounds or seconds is reached, at least one round.

    A violation ends only the check of that round. `after_round` receives the report after each. Raises
    `StoreUnavailable` if the store does not answer a ping.
    """
    await store.ping()
    watched, started = WatchedStore(store), time.monotonic()
    todo = [(check, CheckReport(name)) for name, check in checks().items()]
    number, report = 0, TortureReport(0, ())
    while not number or _goes_on(number, rounds, time.monotonic() - started, seconds):
        number += 1
        for check, counted in todo:
            await _run(watched, check, counted, number)
        report = TortureReport(round(time.monotonic() - started, 3), tuple(counted for _, counted in todo))
        after_round(report)
    return report


def _goes_on(number: int, rounds: int | None, taken: float, seconds: float | None) -> bool:
    return (rounds is None or number < rounds) and (seconds is None or taken < seconds)


async def holds_orders_of_others(store: OrderStore) -> bool:
    """Return whether the store contains orders that no torture run added."""
    async for page in pages(store, EVERYTHING, 200):
        if any(not order.user_id.startswith(OWN) for order in orders_on(page)):
            return True
    return False


async def _run(store: WatchedStore, check: Check, report: CheckReport, number: int) -> None:
    before = replace(store.calls)
    seen = await _observe(store, check)
    report.rounds += 1
    report.operations += store.calls.operations - before.operations
    report.conflicts += store.calls.conflicts - before.conflicts
    lost = store.calls.unavailable > before.unavailable and report.check not in TOLERATE_LOST_RESPONSES
    if isinstance(seen, StoreUnavailable) or (seen and lost):
        report.undecided += 1
    elif seen:
        report.violations += 1
        report.first = report.first or Violation(number, seen)


async def _observe(store: OrderStore, check: Check) -> StoreUnavailable | str | None:
    try:
        async with asyncio.timeout(LONGEST_ROUND_SECONDS) as limit:
            await check(store)
    except StoreUnavailable as error:
        return error
    except AssertionError as error:
        return str(error) or "an assertion failed"
    except Exception as error:  # noqa: BLE001  # a store may raise nothing else
        if limit.expired():
            return f"the round did not end within {LONGEST_ROUND_SECONDS} seconds"
        return f"raised {type(error).__name__}: {error}"
    return None
