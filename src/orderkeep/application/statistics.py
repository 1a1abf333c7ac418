"""The statistics of orders, a projection of the change feed.

There is a record for each hour and currency, `2026-11-30T15 EUR`, with the counters of its quarters of an hour, so that
days of every time zone add up exactly; one beside it for cancellations, `2026-11-30T15 EUR cancelled`; and one for
each currency, `total EUR`, with the orders as they are now. The name of a counter of an hour begins with the quarter,
0 to 3. `n` is a number of orders, payments or refunds, `v` their value, `c` what is left of the value after
cancellations, `p` a number of partial cancellations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil, log2

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import OrderHistory
from orderkeep.application.projections import Additions, Counters, Projection
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.payments import PaymentKind, RefundStatus
from orderkeep.domain.status import OrderStatus

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
    rank, found = ceil(sum(buckets.values()) * percent / 100), 0
    for bucket in sorted(buckets):
        found += buckets[bucket]
        if found >= rank:
            break
    return round(2 ** ((bucket - 0.5) / _STEPS)) if bucket else 0


class _Sheet:
    """What one change adds."""

    def __init__(self) -> None:
        self.added: dict[str, Counters] = {}

    def put(self, record_id: str, name: str, number: int) -> None:
        counters = self.added.setdefault(record_id, {})
        counters[name] = counters.get(name, 0) + number

    def put_at(self, at: datetime, part: str, name: str, number: int) -> None:
        self.put(f"{hour_of(at)} {part}", f"{quarter_of(at)} {name}", number)

    def result(self) -> Additions:
        """Return the additions other than 0."""
        left = {key: {name: n for name, n in names.items() if n} for key, names in self.added.items()}
        return {key: names for key, names in left.items() if names}


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
        self.history = history

    async def additions(self, changes: Sequence[ChangeDTO]) -> list[Additions]:
        known = {(change.order_id, change.version): change for change in changes}
        found: list[Additions] = []
        for start in range(0, len(changes), _AT_ONCE):
            found += await asyncio.gather(*(self._of(each, known) for each in changes[start : start + _AT_ONCE]))
        return found

    def add(self, counters: Counters, added: Mapping[str, int]) -> None:
        if any(name.startswith("reason ", 2) for name in added):
            known = set(_reasons(counters))
            allowed = {*known, *[each for each in dict.fromkeys(_reasons(added)) if each not in known][: _left(known)]}
            added = _with_other(added, allowed)
        super().add(counters, added)

    async def _of(self, change: ChangeDTO, known: Mapping[tuple[str, int], ChangeDTO]) -> Additions:
        if all(event.type in _WITHOUT_EFFECT for event in change.events):
            return {}
        before = await self._change(change.order_id, change.version - 1, known) if change.version > 1 else None
        entered = None
        if before is not None and before.order.status != change.order.status:
            entered = await self._entered(before, known)
        return additions_of(change, before.order if before else None, entered)

    async def _change(self, order_id: str, version: int, known: Mapping[tuple[str, int], ChangeDTO]) -> ChangeDTO:
        change = known.get((order_id, version)) or await self.history.get_change(order_id, version)
        if change is None:
            raise StoreUnusable(f"version {version} of the order {order_id} is missing: run `orderkeep verify`")
        return change

    async def _entered(self, last: ChangeDTO, known: Mapping[tuple[str, int], ChangeDTO]) -> datetime | None:
        """Return when the order entered the status of the change; None if it was imported in it. No status returns, so
        the first change with it is found by bisection; it is usually one of the last.
        """
        status, earliest, step = last.order.status, last, 1
        if status == OrderStatus.PENDING:
            return last.order.created_at
        other = 0  # the last version known to have another status
        while earliest.version - other > 1:
            middle = max(earliest.version - step, (earliest.version + other) // 2)
            change = await self._change(last.order_id, middle, known)
            if change.order.status == status:
                earliest, step = change, step * 2
            else:
                other = middle
        is_import = any(event.type == "OrderImported" for event in earliest.events)
        return None if is_import else earliest.order.updated_at


def additions_of(change: ChangeDTO, before: OrderDTO | None, entered: datetime | None) -> Additions:
    """Return what a change adds to the statistics. `entered`: when the order entered its previous status."""
    sheet, after = _Sheet(), change.order
    created, currency = after.created_at, after.currency
    for order, sign in ((before, -1), (after, 1)):
        if order is not None:
            for name, number in now_counters(order).items():
                sheet.put(f"total {currency}", name, sign * number)
            for name, number in amounts_of(order).items():
                sheet.put_at(created, currency, name, sign * number)
            for at, name, number in money_of(order):
                sheet.put_at(at, currency, name, sign * number)
    for stage in _reached(before, after):
        sheet.put_at(created, currency, f"reached {stage}", 1)
    for at, name, number in _cancelled(change, before):
        sheet.put_at(at, f"{currency} cancelled", name, number)
    if before is not None and entered is not None:
        seconds = (after.updated_at - entered).total_seconds()
        sheet.put_at(after.updated_at, currency, f"time {before.status} {duration_bucket(seconds)}", 1)
    return sheet.result()


def amounts_of(order: OrderDTO) -> Counters:
    """Return the number and the value of the order, by its status."""
    return {f"{order.status} n": 1, f"{order.status} v": order.total, f"{order.status} c": order.current_total}


def now_counters(order: OrderDTO) -> Counters:
    """Return the counters of the order as it is now."""
    counters = amounts_of(order)
    for name in ("refund_due", "void_due", "refund_pending"):
        if amount := getattr(order, name):
            counters |= {f"{name} n": 1, f"{name} v": amount}
    return counters


def money_of(order: OrderDTO) -> Iterator[tuple[datetime, str, int]]:
    """Yield the payments and refunds of the order, as times and counters."""
    for index, payment in enumerate(order.payments):
        if payment.kind == PaymentKind.CAPTURED:
            at = payment.occurred_at if index < MAX_DATED else order.created_at
            yield from ((at, "captured n", 1), (at, "captured v", payment.amount))
    for index, refund in enumerate(order.refunds):
        if refund.status != RefundStatus.PENDING:
            name = "refunded" if refund.status == RefundStatus.SUCCEEDED else "failed"
            at = refund.closed_at if refund.closed_at and index < MAX_DATED else order.created_at
            yield from ((at, f"{name} n", 1), (at, f"{name} v", refund.amount))


def _reached(before: OrderDTO | None, after: OrderDTO) -> Sequence[str]:
    if after.status == OrderStatus.CANCELLED:
        return ("cancelled",) if before is None or before.status != after.status else ()
    return STAGES[_RANK[before.status] if before else 0 : _RANK[after.status]]


def _cancelled(change: ChangeDTO, before: OrderDTO | None) -> Iterator[tuple[datetime, str, int]]:
    after, reason, at = change.order, None, change.order.updated_at
    is_cancelled = after.status == OrderStatus.CANCELLED and (before is None or before.status != after.status)
    value = (before.current_total if before else after.total) - after.current_total
    if before is None:
        if after.cancellation is None:  # an import, which does not say when
            at = after.created_at
        else:
            reason, at = after.cancellation.reason, after.cancellation.at
        counted = is_cancelled or value
    else:
        events = [event for event in change.events if event.type in _CANCELLATIONS]
        counted = bool(events)
        reason = events[0].data["reason"] if events else None
    if counted:
        yield at, f"reason {'n' if is_cancelled else 'p'} {reason or ''}", 1
        yield at, f"reason v {reason or ''}", value


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
