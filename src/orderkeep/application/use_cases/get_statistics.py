"""Get the statistics of orders."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import dto
from orderkeep.application.periods import edges_of, zone_of
from orderkeep.application.projections import Counters, Reading
from orderkeep.application.records import RecordStore
from orderkeep.application.statistics import MINUTES, OTHER, STAGES, hour_of, percentile
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.domain.lifecycle import OrderStatus

CATCH_UP_SECONDS = 5
"""How long a request may count changes that are not counted yet."""

_QUARTERS = tuple(f":{quarter * MINUTES:02}" for quarter in range(4))
_AMOUNTS = tuple((str(status), [f"{status} {kind}" for kind in "nvc"]) for status in OrderStatus)
"""Each status, and the names of its counters."""

MAX_LISTED_REASONS = 50
"""Cancellation reasons that are listed. The others are added up as `other`."""


@dto(kw_only=True)
class StatusFigures:
    """The orders in a status: their number, their value, and what is left of it after cancellations."""

    status: str
    orders: int
    value: int
    current_value: int


@dto(kw_only=True)
class Amount:
    """A number of payments, refunds or orders, and their value."""

    count: int
    value: int


@dto(kw_only=True)
class Cancelled:
    """Cancelled orders, partial cancellations of others, and the value of both."""

    orders: int
    partial: int
    value: int


@dto(kw_only=True)
class CurrencyFigures:
    """The figures of one currency. Values are in its minor units."""

    currency: str
    orders: int
    value: int
    current_value: int
    statuses: tuple[StatusFigures, ...]
    captured: Amount
    refunded: Amount
    failed_refunds: Amount
    cancelled: Cancelled


@dto(kw_only=True)
class Period:
    """The figures from `start` to before `end`, of each currency that has any."""

    start: datetime
    end: datetime
    currencies: tuple[CurrencyFigures, ...]


@dto(kw_only=True)
class Funnel:
    """How many of the orders placed in the range reached each stage until now."""

    placed: int
    confirmed: int
    first_shipment: int
    shipped: int
    delivered: int
    cancelled: int


@dto(kw_only=True)
class TimeInStatus:
    """How long orders that left a status in the range had been in it: their number, and percentiles in seconds."""

    status: str
    count: int
    p50: int
    p95: int


@dto(kw_only=True)
class CancellationReason:
    """The cancellations with a reason; without one it is None."""

    reason: str | None
    currency: str
    orders: int
    partial: int
    value: int


@dto(kw_only=True)
class CurrentFigures:
    """All orders of one currency as they are now, and what is owed."""

    currency: str
    statuses: tuple[StatusFigures, ...]
    refund_due: Amount
    void_due: Amount
    refund_pending: Amount


@dto(kw_only=True)
class WebhookHealth:
    """Active and paused webhooks, the orders whose events wait for a retry, and how many changes the slowest active
    webhook has not passed.
    """

    active: int
    paused: int
    waiting_orders: int
    behind: int


@dto(kw_only=True)
class Statistics:
    """The statistics, exact for the first `position` changes. `exact`: these were all when the request arrived."""

    position: int
    exact: bool
    start: datetime
    end: datetime
    timezone: str
    by: str
    periods: tuple[Period, ...]
    totals: tuple[CurrencyFigures, ...]
    funnel: Funnel
    time_in_status: tuple[TimeInStatus, ...]
    cancellations: tuple[CancellationReason, ...]
    current: tuple[CurrentFigures, ...]
    webhooks: WebhookHealth


class GetStatisticsUseCase:
    """Get the statistics. All changes are counted first."""

    def __init__(self, update: UpdateStatisticsUseCase) -> None:
        self.update, self._lock = update, asyncio.Lock()

    async def execute(
        self,
        start: date | None = None,
        end: date | None = None,
        *,
        timezone: str = "UTC",
        by: str = "day",
        actor: Actor = SYSTEM,
    ) -> Statistics:
        """Return the figures from the day `start` to before the day `end`, in periods; by default those of the last 30
        days. Orders are counted when they were placed, what happened to them when it happened.

        Raises `NotAllowed`, `InvalidQuery`, `StoreUnavailable`, and `ServiceUnavailable` during a rebuild after an
        upgrade.
        """
        actor.require(Scope.STATISTICS)
        zone = zone_of(timezone)
        edges = edges_of(start, end, zone, by, self.update.clock())
        utc = [edge.astimezone(UTC) for edge in edges]
        exact = await self._catch_up()
        hours = (hour_of(utc[0]), f"{hour_of(utc[-1] - timedelta(microseconds=1))}!")
        reading = await self.update.projector.read([hours, ("total ", "total!")])
        periods = await _by_period(reading, utc)
        current = {key.split()[1]: found for key, found in reading.records.items() if key.startswith("total")}
        whole = defaultdict[str, Counters](dict)
        for each in periods:
            for currency, counters in each.items():
                for name, number in counters.items():
                    _count(whole[currency], name, number)
        return Statistics(
            position=reading.position,
            exact=exact,
            start=edges[0],
            end=edges[-1],
            timezone=timezone,
            by=by,
            periods=tuple(
                Period(start=first, end=last, currencies=_by_currency(found))
                for (first, last), found in zip(pairwise(edges), periods, strict=True)
            ),
            totals=_by_currency(whole),
            funnel=_funnel(whole),
            time_in_status=tuple(_times(whole)),
            cancellations=_cancellations(whole),
            current=tuple(_current(currency, found) for currency, found in sorted(current.items())),
            webhooks=await webhook_health(self.update.open_records(), reading.position),
        )

    async def _catch_up(self) -> bool:
        """Count the changes that are not counted yet, and return whether that was possible within the time."""
        until = self.update.clock() + timedelta(seconds=CATCH_UP_SECONDS)
        async with self._lock:  # requests at the same time would count the same changes, and all but one in vain
            while await self.update.projector.advance():
                if self.update.clock() >= until:
                    return False
                await asyncio.sleep(0)
        return True


async def _by_period(reading: Reading, edges: list[datetime]) -> list[dict[str, Counters]]:
    """Return the counters of each period by currency, without the quarter in their names."""
    starts = [edge.isoformat()[:16] for edge in edges]  # as text, like the hours: to parse these takes longer
    periods = [dict[str, Counters]() for _ in edges[1:]]
    inside, hour, slots = range(len(periods)), "", list[int]()
    for key, counters in reading.records.items():
        if key.startswith("total"):
            continue
        if key[:13] != hour:
            hour = key[:13]
            if hour.endswith("T00"):
                await asyncio.sleep(0)  # other requests come first
            slots = [bisect_right(starts, hour + minute) - 1 for minute in _QUARTERS]
        currency, outside = key.split()[1], Counters()
        found = [periods[slot].setdefault(currency, {}) if slot in inside else outside for slot in slots]
        for name, number in counters.items():
            _count(found[int(name[0])], name[2:], number)
    return periods


def _count(counters: Counters, name: str, number: int) -> None:
    counters[name] = counters.get(name, 0) + number


def _by_currency(found: Mapping[str, Counters]) -> tuple[CurrencyFigures, ...]:
    return tuple(
        _figures(currency, counters)
        for currency, counters in sorted(found.items())
        if any(number for name, number in counters.items() if not name.startswith("time "))
    )


def _figures(currency: str, counters: Counters) -> CurrencyFigures:
    statuses = _statuses(counters)
    cancelled: Counters = Counter()
    for name, number in counters.items():
        if name.startswith("reason "):
            cancelled[name.split(" ", 2)[1]] += number
    return CurrencyFigures(
        currency=currency,
        orders=sum(each.orders for each in statuses),
        value=sum(each.value for each in statuses),
        current_value=sum(each.current_value for each in statuses),
        statuses=statuses,
        captured=_amount(counters, "captured"),
        refunded=_amount(counters, "refunded"),
        failed_refunds=_amount(counters, "failed"),
        cancelled=Cancelled(orders=cancelled["n"], partial=cancelled["p"], value=cancelled["v"]),
    )


def _statuses(counters: Counters) -> tuple[StatusFigures, ...]:
    return tuple(
        StatusFigures(
            status=status, orders=orders, value=counters.get(value, 0), current_value=counters.get(current, 0)
        )
        for status, (number, value, current) in _AMOUNTS
        if (orders := counters.get(number, 0))
    )


def _amount(counters: Counters, name: str) -> Amount:
    return Amount(count=counters.get(f"{name} n", 0), value=counters.get(f"{name} v", 0))


def _funnel(whole: Mapping[str, Counters]) -> Funnel:
    reached = {
        stage: sum(each.get(f"reached {stage}", 0) for each in whole.values()) for stage in (*STAGES, "cancelled")
    }
    placed = sum(each.get(f"{status} n", 0) for each in whole.values() for status in OrderStatus)
    return Funnel(placed=placed, **reached)


def _times(whole: Mapping[str, Counters]) -> Iterator[TimeInStatus]:
    durations = defaultdict[str, Counter[int]](Counter)
    for counters in whole.values():
        for name, number in counters.items():
            if name.startswith("time "):
                _, status, bucket = name.split()
                durations[status][int(bucket)] += number
    for status in OrderStatus:
        if buckets := durations[status]:
            p50, p95 = percentile(buckets, 50), percentile(buckets, 95)
            yield TimeInStatus(status=str(status), count=sum(buckets.values()), p50=p50, p95=p95)


def _cancellations(whole: Mapping[str, Counters]) -> tuple[CancellationReason, ...]:
    rows = defaultdict[tuple[str | None, str], Counters](Counter)
    for currency, counters in whole.items():
        for name, number in counters.items():
            if name.startswith("reason "):
                _, kind, text = name.split(" ", 2)
                rows[text or None, currency][kind] += number
    counts: Counter[str | None] = Counter()
    for (reason, _), row in rows.items():
        counts[reason] += row["n"] + row["p"]
    listed = {None, *[reason for reason, _ in counts.most_common(MAX_LISTED_REASONS)]}
    merged = defaultdict[tuple[str | None, str], Counters](Counter)
    for (reason, currency), row in rows.items():
        for kind, number in row.items():
            merged[reason if reason in listed else OTHER, currency][kind] += number
    found = [
        CancellationReason(reason=name, currency=currency, orders=row["n"], partial=row["p"], value=row["v"])
        for (name, currency), row in merged.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.orders - each.partial, each.currency, each.reason or "")))


def _current(currency: str, counters: Counters) -> CurrentFigures:
    owed = {name: _amount(counters, name) for name in ("refund_due", "void_due", "refund_pending")}
    return CurrentFigures(currency=currency, statuses=_statuses(counters), **owed)


async def webhook_health(records: RecordStore, position: int) -> WebhookHealth:
    """Return the state of the webhooks, compared with a position in the feed."""
    webhooks, progress = [
        {each.id: json.loads(each.content) for each in await records.list_records(kind, limit=1_000)}
        for kind in ("webhook", "webhook-progress")
    ]
    active = [key for key, each in webhooks.items() if each["status"] == "active"]
    waiting = sum(progress[key]["waiting"] for key in webhooks if key in progress)
    behind = [max(0, position - progress[key]["position"]) for key in active if key in progress]
    return WebhookHealth(
        active=len(active), paused=len(webhooks) - len(active), waiting_orders=waiting, behind=max(behind, default=0)
    )
