"""The statistics of orders, a projection of the change feed.

There is a record for each hour and currency, `2026-11-30T15 EUR`, with the counters of its quarters of an hour, so that
days of every time zone add up exactly; one beside it for cancellations, `2026-11-30T15 EUR cancelled`; and one for
each currency, `total EUR`, with the orders as they are now. The name of a counter of an hour begins with the quarter,
0 to 3. `n` is a number of orders, payments or refunds, `v` their value, `c` what is left of the value after
cancellations, `p` a number of partial cancellations.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from math import ceil, log2

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import OrderHistory
from orderkeep.application.projections import Additions, Counters, Projection
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import Payment, PaymentKind, Refund, RefundStatus

MINUTES = 15
"""Length of a bucket: the offset of every time zone is a multiple of it."""

MAX_REASONS = 15
"""Cancellation reasons that are distinguished in one hour and currency. Further ones are counted as `OTHER`."""

OTHER = "other"
"""The reason of cancellations beyond the limit."""

MAX_DATED = 40
"""Payments of one order, and refunds, that are counted when they happened. Further ones are counted when the order was
created, so that one change touches few records.
"""

STAGES = ("confirmed", "first_shipment", "shipped", "delivered")
"""What an order reaches one after another, by rank from 1."""

_RANK = {
    status: rank
    for rank, status in enumerate(
        ("pending", "processing", OrderStatus.PARTIALLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.DELIVERED)
    )
}

_WITHOUT_EFFECT = frozenset(
    {
        *("ShipmentUpdated", "ShipmentDelivered", "NoteAdded", "NoteEdited", "DetailsChanged", "DocumentAttached"),
        *("PersonalDataChanged", "PersonalDataErased", "OrderHeld", "OrderReleased"),
        *("ReturnRequested", "ReturnReceived", "ReturnRejected", "ReturnCancelled"),
    }
)
"""Events that change nothing that is counted: the order as it was before is not read."""

_CANCELLATIONS = ("OrderCancelled", "LinesCancelled")
_STEPS = 4
_LAST_BUCKET = 1 + _STEPS * 29
MAX_REMEMBERED = 10_000
"""Orders of which it is remembered what was counted, so that it is not read again with their next change."""

_UNKNOWN = datetime.min.replace(tzinfo=UTC)
_AT_ONCE = 8
"""Orders that are read at the same time, of the store's connections."""


def duration_bucket(seconds: float) -> int:
    """Return the number of the bucket of a duration. The first is below one second. Each of the others ends at 1.19
    times its beginning, except for the last, which begins at 17 years.
    """
    return 0 if seconds < 1 else min(1 + int(_STEPS * log2(seconds)), _LAST_BUCKET)


def percentile(buckets: Mapping[int, int], percent: int) -> int:
    """Return the duration, in seconds, that so many percent do not exceed, at most 10 % too long or too short: the
    geometric middle of its bucket.
    """
    rank, ordered = ceil(sum(buckets.values()) * percent / 100), sorted(buckets)
    bucket = ordered[bisect_left(list(accumulate(buckets[each] for each in ordered)), rank)]
    return round(2 ** ((bucket - 0.5) / _STEPS)) if bucket else 0


class _Sheet:
    """What one change adds."""

    def __init__(self) -> None:
        self.added: dict[str, Counters] = {}

    def put(self, record_id: str, numbers: Mapping[str, int], sign: int = 1, prefix: str = "") -> None:
        counters = self.added.setdefault(record_id, {})
        for name, number in numbers.items():
            counters[prefix + name] = counters.get(prefix + name, 0) + sign * number

    def put_at(self, at: datetime, part: str, numbers: Mapping[str, int], sign: int = 1) -> None:
        moment = at if at.tzinfo is UTC else at.astimezone(UTC)
        self.put(f"{moment.isoformat()[:13]} {part}", numbers, sign, f"{moment.minute // MINUTES} ")

    def result(self) -> Additions:
        """Return the additions other than 0."""
        left = {key: {name: n for name, n in names.items() if n} for key, names in self.added.items()}
        return {key: names for key, names in left.items() if names}


@dataclass(frozen=True, slots=True)
class _Past:
    """What was counted of an order, at a version. `entered`: when it entered its status; None if it was imported in it,
    `_UNKNOWN` if that was not looked up.
    """

    version: int
    status: str
    total: int
    current_total: int
    refund_due: int
    void_due: int
    refund_pending: int
    created_at: datetime
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    entered: datetime | None

    @classmethod
    def of(cls, order: OrderDTO, version: int, entered: datetime | None) -> _Past:
        amounts = (order.status, order.total, order.current_total, order.refund_due, order.void_due)
        return cls(version, *amounts, order.refund_pending, order.created_at, order.payments, order.refunds, entered)


def hour_of(moment: datetime) -> str:
    """Return how the IDs of the records of an hour in UTC begin."""
    return moment.astimezone(UTC).isoformat()[:13]


def quarter_of(moment: datetime) -> int:
    """Return the quarter of the hour, from 0 to 3."""
    return moment.astimezone(UTC).minute // MINUTES


class OrderStatistics(Projection):
    """Counts orders, payments, refunds and cancellations. What an order was before is read from its history."""

    name, format = "statistics", 1

    def __init__(self, history: OrderHistory) -> None:
        self.history, self._pasts = history, dict[str, _Past]()

    async def additions(self, changes: Sequence[ChangeDTO]) -> list[Additions]:
        first = {change.order_id: change for change in reversed(changes) if not _has_no_effect(change)}
        missing = [change for change in first.values() if change.version > 1 and self._past(change) is None]
        waiting = iter(missing)  # shared: each is taken by one of the tasks

        async def load() -> None:
            for change in waiting:
                self._remember(change.order_id, await self._load(change))

        await asyncio.gather(*(load() for _ in missing[:_AT_ONCE]))
        return [await self._of(change) for change in changes]

    def add(self, counters: Counters, added: Mapping[str, int]) -> None:
        if any(name.startswith("reason ", 2) for name in added):
            known = set(_reasons(counters))
            allowed = {*known, *[each for each in dict.fromkeys(_reasons(added)) if each not in known][: _left(known)]}
            added = _with_other(added, allowed)
        super().add(counters, added)

    async def _of(self, change: ChangeDTO) -> Additions:
        past = self._past(change)
        if _has_no_effect(change):
            if past is not None:
                self._remember(change.order_id, replace(past, version=change.version))
            return {}
        if past is None and change.version > 1:
            past = await self._load(change)
        order, entered = change.order, None if past is None else past.entered
        if past is None:
            self._remember(change.order_id, _Past.of(order, change.version, _entered_first(change)))
            return additions_of(change, None, None)
        if order.status == past.status:
            self._remember(change.order_id, _Past.of(order, change.version, entered))
        else:
            if entered is _UNKNOWN:
                entered = await self._entered(change, past)
            self._remember(change.order_id, _Past.of(order, change.version, order.updated_at))
        return additions_of(change, past, entered)

    def _past(self, change: ChangeDTO) -> _Past | None:
        """Return what was counted of the order before the change, if it is remembered."""
        past = self._pasts.get(change.order_id)
        return past if past and past.version == change.version - 1 else None

    def _remember(self, order_id: str, past: _Past) -> None:
        self._pasts.pop(order_id, None)
        self._pasts[order_id] = past
        if len(self._pasts) > MAX_REMEMBERED:
            del self._pasts[next(iter(self._pasts))]

    async def _load(self, change: ChangeDTO) -> _Past:
        before = await self._change(change.order_id, change.version - 1)
        entered = before.order.created_at if before.order.status == OrderStatus.PENDING else _UNKNOWN
        return _Past.of(before.order, before.version, entered)

    async def _change(self, order_id: str, version: int) -> ChangeDTO:
        change = await self.history.get_change(order_id, version)
        if change is None:
            raise StoreUnusable(f"version {version} of the order {order_id} is missing: run `orderkeep verify`")
        return change

    async def _entered(self, change: ChangeDTO, past: _Past) -> datetime | None:
        """Return when the order entered the status that it had before the change; None if it was imported in it. No
        status returns, so the first change with it is found by bisection; it is usually one of the last.
        """
        found = await self._change(change.order_id, past.version)
        other, step = 0, 1  # the last version known to have another status
        while found.version - other > 1:
            middle = max(found.version - step, (found.version + other) // 2)
            earlier = await self._change(change.order_id, middle)
            if earlier.order.status == past.status:
                found, step = earlier, step * 2
            else:
                other = middle
        return _entered_first(found)


def _entered_first(change: ChangeDTO) -> datetime | None:
    """Return when the order entered the status that the change is the first with; None if it was imported in it."""
    if change.order.status == OrderStatus.PENDING:
        return change.order.created_at
    is_import = any(event.type == "OrderImported" for event in change.events)
    return None if is_import else change.order.updated_at


def _has_no_effect(change: ChangeDTO) -> bool:
    return all(event.type in _WITHOUT_EFFECT for event in change.events)


def additions_of(change: ChangeDTO, before: _Past | None, entered: datetime | None) -> Additions:
    """Return what a change adds to the statistics. `entered`: when the order entered its previous status."""
    sheet, after = _Sheet(), change.order
    created, currency = after.created_at, after.currency
    for order, sign in ((before, -1), (after, 1)):
        if order is not None:
            if _state_of(before) != _state_of(after):
                amounts = amounts_of(order)
                sheet.put(f"total {currency}", amounts, sign)
                sheet.put_at(created, currency, amounts, sign)
            if _owed_of(before) != _owed_of(after):
                sheet.put(f"total {currency}", owed_counters(order), sign)
            if before is None or before.payments != after.payments or before.refunds != after.refunds:
                for at, numbers in money_of(order):
                    sheet.put_at(at, currency, numbers, sign)
    if reached := _reached(before, after):
        sheet.put_at(created, currency, {f"reached {stage}": 1 for stage in reached})
    for at, numbers in _cancelled(change, before):
        sheet.put_at(at, f"{currency} cancelled", numbers)
    if before is not None and entered is not None and before.status != after.status:
        seconds = (after.updated_at - entered).total_seconds()
        sheet.put_at(after.updated_at, currency, {f"time {before.status} {duration_bucket(seconds)}": 1})
    return sheet.result()


def _state_of(order: OrderDTO | _Past | None) -> tuple[str, int, int] | None:
    return None if order is None else (order.status, order.total, order.current_total)


def _owed_of(order: OrderDTO | _Past | None) -> tuple[int, int, int]:
    return (0, 0, 0) if order is None else (order.refund_due, order.void_due, order.refund_pending)


def amounts_of(order: OrderDTO | _Past) -> Counters:
    """Return the number and the value of the order, by its status."""
    return {f"{order.status} n": 1, f"{order.status} v": order.total, f"{order.status} c": order.current_total}


def owed_counters(order: OrderDTO | _Past) -> Counters:
    """Return what is owed of the order."""
    counters: Counters = {}
    for name, amount in zip(("refund_due", "void_due", "refund_pending"), _owed_of(order), strict=True):
        if amount:
            counters |= {f"{name} n": 1, f"{name} v": amount}
    return counters


def money_of(order: OrderDTO | _Past) -> Iterator[tuple[datetime, Counters]]:
    """Yield the payments and refunds of the order, as times and counters."""
    for index, payment in enumerate(order.payments):
        if payment.kind == PaymentKind.CAPTURED:
            at = payment.occurred_at if index < MAX_DATED else order.created_at
            yield at, {"captured n": 1, "captured v": payment.amount}
    for index, refund in enumerate(order.refunds):
        if refund.status != RefundStatus.PENDING:
            name = "refunded" if refund.status == RefundStatus.SUCCEEDED else "failed"
            at = refund.closed_at if refund.closed_at and index < MAX_DATED else order.created_at
            yield at, {f"{name} n": 1, f"{name} v": refund.amount}


def _reached(before: _Past | None, after: OrderDTO) -> Sequence[str]:
    if after.status == OrderStatus.CANCELLED:
        return ("cancelled",) if before is None or before.status != after.status else ()
    return STAGES[_RANK[before.status] if before else 0 : _RANK[after.status]]


def _cancelled(change: ChangeDTO, before: _Past | None) -> Iterator[tuple[datetime, Counters]]:
    after, reason, at = change.order, None, change.order.updated_at
    is_cancelled = after.status == OrderStatus.CANCELLED and (before is None or before.status != after.status)
    value = (before.current_total if before else after.total) - after.current_total
    if before is not None:
        events = [event for event in change.events if event.type in _CANCELLATIONS]
        if not events:
            return
        reason = events[0].data["reason"]
    elif not (is_cancelled or value):
        return
    elif after.cancellation is None:  # an import, which does not say when
        at = after.created_at
    else:
        reason, at = after.cancellation.reason, after.cancellation.at
    yield at, {f"reason {'n' if is_cancelled else 'p'} {reason or ''}": 1, f"reason v {reason or ''}": value}


def _reasons(names: Mapping[str, int]) -> Iterator[str]:
    return (name.split(" ", 3)[3] for name in names if name.startswith("reason ", 2))


def _left(known: set[str]) -> int:
    """Return how many further reasons fit; `OTHER` always does."""
    return max(0, MAX_REASONS - len(known - {OTHER}))


def _with_other(added: Mapping[str, int], allowed: set[str]) -> Counters:
    found: Counters = {}
    for name, number in added.items():
        if name.startswith("reason ", 2) and name.split(" ", 3)[3] not in allowed:
            counted = " ".join([*name.split(" ", 3)[:3], OTHER])
        else:
            counted = name
        found[counted] = found.get(counted, 0) + number
    return found
