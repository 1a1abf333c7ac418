"""The statistics, computed from the history of each order in the simplest way, to be compared with the projection."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.use_cases.get_statistics import Statistics

STAGES = {
    "confirmed": ("processing", "partially_shipped", "shipped", "delivered"),
    "first_shipment": ("partially_shipped", "shipped", "delivered"),
    "shipped": ("shipped", "delivered"),
    "delivered": ("delivered",),
    "cancelled": ("cancelled",),
}
CANCELLATIONS = ("OrderCancelled", "LinesCancelled")


class _Recomputation:
    def __init__(self, start: date, end: date, zone: ZoneInfo) -> None:
        self.start, self.end, self.zone = start, end, zone
        self.days: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
        self.reasons: dict[tuple[str | None, str], Counter[str]] = defaultdict(Counter)
        self.current: dict[str, Counter[str]] = defaultdict(Counter)
        self.durations: dict[str, list[float]] = defaultdict(list)
        self.funnel: Counter[str] = Counter()

    def day(self, at: datetime, currency: str) -> Counter[str]:
        return self.days[at.astimezone(self.zone).date(), currency]

    def is_within(self, at: datetime) -> bool:
        return self.start <= at.astimezone(self.zone).date() < self.end

    def add_order(self, order: OrderDTO) -> None:
        current = self.current[order.currency]
        for counter in (self.day(order.created_at, order.currency), current):
            counter[f"is {order.status} orders"] += 1
            counter[f"is {order.status} value"] += order.total
            counter[f"is {order.status} current_value"] += order.current_total
        for name in ("refund_due", "void_due", "refund_pending"):
            current[f"{name} count"] += bool(getattr(order, name))
            current[f"{name} value"] += getattr(order, name)
        for payment in order.payments:
            if payment.kind == "captured":
                paid = {"captured count": 1, "captured value": payment.amount}
                self.day(payment.occurred_at, order.currency).update(paid)
        for refund in order.refunds:
            if refund.closed_at is not None:
                name = {"succeeded": "refunded", "failed": "failed_refunds"}[refund.status]
                closed = {f"{name} count": 1, f"{name} value": refund.amount}
                self.day(refund.closed_at, order.currency).update(closed)

    def add_history(self, history: Sequence[ChangeDTO]) -> None:
        order = history[-1].order
        if self.is_within(order.created_at):
            self.funnel["placed"] += 1
            for stage, statuses in STAGES.items():
                self.funnel[stage] += any(change.order.status in statuses for change in history)
        for at, reason, is_whole, value in cancellations_of(history):
            if self.is_within(at):
                row = {"orders" if is_whole else "partial": 1, "value": value}
                self.reasons[reason, order.currency].update(row)
                named = {f"cancelled {name}": number for name, number in row.items()}
                self.day(at, order.currency).update(named)
        for status, at, seconds in durations_of(history):
            if self.is_within(at):
                self.durations[status].append(seconds)


def recomputed(feed: Sequence[ChangeDTO], start: date, end: date, zone: ZoneInfo) -> dict[str, Any]:
    """Return the statistics by day that follow from the changes, except for percentiles: all durations instead."""
    histories: dict[str, list[ChangeDTO]] = defaultdict(list)
    for change in feed:
        histories[change.order_id].append(change)
    found = _Recomputation(start, end, zone)
    for history in histories.values():
        found.add_order(history[-1].order)
        found.add_history(history)
    return {
        "days": {key: +counter for key, counter in found.days.items() if start <= key[0] < end and +counter},
        "reasons": {key: +counter for key, counter in found.reasons.items()},
        "funnel": +found.funnel,
        "current": {key: +counter for key, counter in found.current.items()},
        "durations": {status: sorted(each) for status, each in found.durations.items()},
    }


def cancellations_of(history: Sequence[ChangeDTO]) -> Iterator[tuple[datetime, str | None, bool, int]]:
    """Yield the time, the reason, whether it was the whole order, and the value of each cancellation."""
    first = history[0].order
    if first.status == "cancelled":
        cancellation = first.cancellation
        at, reason = (cancellation.at, cancellation.reason) if cancellation else (first.created_at, None)
        yield at, reason, True, first.total
    for number in range(1, len(history)):
        before, after = history[number - 1].order, history[number].order
        for event in history[number].events:
            if event.type in CANCELLATIONS:
                is_whole = after.status == "cancelled"
                yield after.updated_at, event.data["reason"], is_whole, before.current_total - after.current_total
                break


def durations_of(history: Sequence[ChangeDTO]) -> Iterator[tuple[str, datetime, float]]:
    """Yield each status that the order left, when it did, and how long it was in it. Those of an import are unknown."""
    first = history[0]
    entered: datetime | None = first.order.updated_at
    if first.events[0].type == "OrderImported":
        entered = first.order.created_at if first.order.status == "pending" else None
    status = first.order.status
    for change in history[1:]:
        if change.order.status != status:
            if entered is not None:
                yield status, change.order.updated_at, (change.order.updated_at - entered).total_seconds()
            status, entered = change.order.status, change.order.updated_at


def assert_equal(found: Statistics, expected: dict[str, Any]) -> None:
    """Check the statistics by day."""
    days: dict[tuple[date, str], Counter[str]] = {}
    for period in found.periods:
        for each in period.currencies:
            days[period.start.date(), each.currency] = +_counter(each)
    assert days == expected["days"]
    assert {
        (each.reason, each.currency): +Counter(orders=each.orders, partial=each.partial, value=each.value)
        for each in found.cancellations
    } == expected["reasons"]
    assert +Counter(msgspec.to_builtins(found.funnel)) == expected["funnel"]
    assert {each.currency: +_counter(each) for each in found.current} == expected["current"]
    assert {each.status: each.count for each in found.time_in_status} == {
        status: len(durations) for status, durations in expected["durations"].items()
    }
    for stay in found.time_in_status:
        durations = expected["durations"][stay.status]
        for percent, value in ((50, stay.p50), (95, stay.p95)):
            exact = durations[ceil(len(durations) * percent / 100) - 1]
            assert abs(value - exact) <= exact * 0.1 + 1, f"p{percent} of {stay.status}: {value}, exactly {exact}"


def _counter(figures: Any) -> Counter[str]:
    counter: Counter[str] = Counter()
    for status in figures.statuses:
        for name in ("orders", "value", "current_value"):
            counter[f"is {status.status} {name}"] = getattr(status, name)
    for name in ("captured", "refunded", "failed_refunds", "cancelled", "refund_due", "void_due", "refund_pending"):
        for part, number in msgspec.to_builtins(getattr(figures, name, {})).items():
            counter[f"{name} {part}"] = number
    return counter
