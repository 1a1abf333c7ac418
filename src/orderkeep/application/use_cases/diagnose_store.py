"""Find what needs action: orders that break a rule or are stuck, money that is owed, statistics that differ from the
orders, and consumers of the feed that are behind.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import Clock, ListPosition, OrderFilter, OrderStore, Progress, ignore_progress, utc_now
from orderkeep.application.projections import Counters, Projector, Reading
from orderkeep.application.records import KeepsRecords, RecordStore
from orderkeep.application.statistics import OrderStatistics, amounts_of, hour_of, money_of, owed_counters, quarter_of
from orderkeep.application.store_copy import CanBeFenced, Fence
from orderkeep.application.use_cases.publish_events import BUS, PUBLISHER
from orderkeep.domain.consistency import check_parts
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput, ServiceUnavailable, StoreUnusable
from orderkeep.domain.lifecycle import OrderStatus

STUCK_AFTER_DAYS = {
    OrderStatus.PENDING: 7,
    OrderStatus.PROCESSING: 7,
    OrderStatus.PARTIALLY_SHIPPED: 14,
    OrderStatus.SHIPPED: 30,
}
"""After how many days without a change an order in this status is stuck."""

OVERDUE_DAYS = 7
"""After how many days without a change a refund or a void is overdue."""

BEHIND_MINUTES = 10
"""How old a change may be that a consumer of the feed has not processed."""

EXAMPLES = 5
"""How many orders a finding names."""

_PAGE = 200
_AT_ONCE = 8
_DERIVED = (
    *("payment_status", "shipping_status", "return_status", "on_hold", "current_total", "authorized", "captured"),
    *("refunded", "refund_pending", "refund_due", "void_due"),
)
_COUNTED = ("captured", "refunded", "failed", *OrderStatus)
"""The counters of an hour that follow from the orders as they are now."""


_BUG = "run `orderkeep verify`; if it finds no problem, report this as a bug"


class Level(StrEnum):
    """How urgent a finding is. A note needs no action."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do. `code` is stable. `orders` are the IDs of some of the `count` orders."""

    level: Level
    code: str
    message: str
    action: str
    count: int = 0
    orders: tuple[str, ...] = ()


_ABOUT_ORDERS = {
    "order_unreadable": (Level.ERROR, "{orders} cannot be read", "run `orderkeep verify`, then restore a backup"),
    "order_inconsistent": (Level.ERROR, "{orders} with parts that do not fit together: {detail}", _BUG),
    "order_derived": (Level.ERROR, "{orders} with a stored value that does not follow from the rest: {detail}", _BUG),
    "orders_stuck": (
        Level.WARNING,
        "{orders} {status} without a change for more than {days} days, the oldest since {oldest}",
        "continue or cancel them: `orderkeep list --status {name}`",
    ),
    "orders_on_hold": (
        Level.WARNING,
        "{orders} on hold without a change for a long time, the oldest since {oldest}",
        "release or cancel them: `orderkeep list --on-hold`",
    ),
    "refund_overdue": (
        Level.WARNING,
        "{orders} of which money has to be paid back for more than {days} days, the oldest since {oldest}",
        "refund it and record it with `orderkeep refunds add`: `orderkeep list --refund-due`",
    ),
    "void_overdue": (
        Level.WARNING,
        "{orders} with an authorization to be voided for more than {days} days, the oldest since {oldest}",
        "void it and record it with `orderkeep payments record`: `orderkeep list --void-due`",
    ),
}
"""What is found about orders: the message and what to do."""


_FENCED = {
    Fence.INCOMING: (
        "this store rejects writes: orders are being moved to it",
        "if the move was interrupted, run `orderkeep move` again, or with --cancel",
    ),
    Fence.MOVED: (
        "this store rejects writes: its orders are being moved to another store, or were moved",
        "use the other store, by its URL in ORDERKEEP_STORE or ORDERKEEP_MOVED_TO; or run `orderkeep move` again",
    ),
    Fence.FINISHED: (
        "this store rejects writes: its orders were moved to another store for good",
        "use the other store, with its URL in ORDERKEEP_STORE",
    ),
}
"""What is found about a store that is closed, and what to do."""


@dataclass(slots=True)
class Diagnosis:
    """The numbers of what was checked, and the findings, most urgent first."""

    orders: int = 0
    position: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def needs_action(self) -> bool:
        """Whether a finding is more than a note."""
        return any(each.level is not Level.NOTE for each in self.findings)

    def add(self, found: Sequence[Finding]) -> None:
        """Add findings."""
        self.findings = sorted([*self.findings, *found], key=lambda each: [*Level].index(each.level))


@dataclass(slots=True)
class _Group:
    count: int = 0
    oldest: datetime | None = None
    orders: list[str] = field(default_factory=list)
    detail: str = ""

    def add(self, order: Order, detail: str = "") -> None:
        self.count += 1
        self.oldest = min(self.oldest or order.updated_at, order.updated_at)
        self.detail = self.detail or detail
        if len(self.orders) < EXAMPLES:
            self.orders.append(order.id)


class DiagnoseStoreUseCase:
    """Check the store while it is in use. Nothing is written."""

    def __init__(self, store: OrderStore, clock: Clock = utc_now) -> None:
        self.store, self.clock = store, clock

    async def execute(
        self, on_progress: Progress = ignore_progress, *, newest: int | None = None, actor: Actor = SYSTEM
    ) -> Diagnosis:
        """Return what was found in all orders, or in the `newest` ones; then the statistics are not compared with the
        orders. Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        report = Diagnosis(position=await end_of_feed(self.store))
        records = self.store.records() if isinstance(self.store, KeepsRecords) else None
        reading, findings = await self._statistics(records, report.position) if records else (None, [])
        groups = defaultdict[str, _Group](_Group)
        expected = defaultdict[str, Counters](dict)
        async for page in self._pages(newest):
            for start in range(0, len(page), _AT_ONCE):
                part = page[start : start + _AT_ONCE]
                orders = await asyncio.gather(*(self._load(each, groups) for each in part))
                for document, order in zip(part, orders, strict=True):
                    if order is not None:
                        self._check(document, order, groups)
                        if reading is not None and newest is None:
                            _count(await self._as_of(order, reading.position), expected)
            report.orders += len(page)
            on_progress(len(page))
        report.add([*findings, *_order_findings(groups)])
        if isinstance(self.store, CanBeFenced) and (fence := await self.store.fenced()) is not None:
            report.add([Finding(Level.ERROR, "store_moved", *_FENCED[fence])])
        if reading is not None and newest is None:
            report.add(_differences(reading, expected))
        if records is not None:
            report.add(await self._webhooks(records, report.position))
        if await self.store.last_checkpoint() is None:
            action = "store one elsewhere regularly: `orderkeep checkpoint --file FILE`"
            report.add(
                [Finding(Level.NOTE, "no_checkpoint", "a loss of the last orders could not be detected", action)]
            )
        return report

    async def _pages(self, newest: int | None) -> AsyncIterator[list[dict[str, Any]]]:
        after: ListPosition | None = None
        left = newest
        while left is None or left > 0:
            page = await self.store.list_page(OrderFilter(), after, _PAGE if left is None else min(left, _PAGE))
            documents = [json.loads(each) for each in page.documents]
            yield documents
            left, after = None if left is None else left - len(documents), page.next
            if after is None:
                return

    async def _load(self, document: Mapping[str, Any], groups: Mapping[str, _Group]) -> Order | None:
        """Return the order; None if it cannot be read."""
        order_id = str(document["id"])
        try:
            order = await self.store.get_by_id(order_id)
        except StoreUnusable:
            order = None
        if order is None:
            group = groups["order_unreadable"]
            group.count += 1
            group.orders += [order_id][: EXAMPLES - len(group.orders)]
        return order

    def _check(self, document: Mapping[str, Any], order: Order, groups: Mapping[str, _Group]) -> None:
        try:
            order.check()
            check_parts(order)
        except InvalidInput as error:
            groups["order_inconsistent"].add(order, f"{error.field} {error}")
        now = OrderDTO.of(order)
        if document["version"] == order.version:
            for name in _DERIVED:
                if document[name] != getattr(now, name):
                    groups["order_derived"].add(order, f"{name} is {document[name]} instead of {getattr(now, name)}")
                    break
        age = self.clock() - order.updated_at
        days = STUCK_AFTER_DAYS.get(OrderStatus(order.status))
        if days is not None and age > timedelta(days=days):
            groups["orders_on_hold" if order.on_hold else f"orders_stuck {order.status}"].add(order)
        if (now.refund_due or now.void_due) and age > timedelta(days=OVERDUE_DAYS):
            groups["refund_overdue" if now.refund_due else "void_overdue"].add(order)

    async def _as_of(self, order: Order, position: int) -> OrderDTO | None:
        """Return the order as it was at a position of the feed."""
        for version in range(order.version, 0, -1):
            found = await self.store.position_of_change(order.id, version)
            if found is not None and found <= position:
                if version == order.version:
                    return OrderDTO.of(order)
                change = await self.store.get_change(order.id, version)
                return change.order if change else None
        return None

    async def _statistics(self, records: RecordStore, end: int) -> tuple[Reading | None, list[Finding]]:
        projector = Projector(self.store, records, OrderStatistics(self.store), self.clock)
        progress, rebuild = await projector.progress()
        if progress is None:
            return None, []
        found = await self._behind("statistics", "the statistics", progress.position, end)
        if rebuild is not None and rebuild.until < self.clock().timestamp() - 60:
            message = f"a rebuild of the statistics stopped at position {rebuild.position}"
            found.append(Finding(Level.WARNING, "rebuild_stopped", message, "run `orderkeep stats --rebuild` again"))
        try:
            return await projector.read([("", "~")]), found
        except ServiceUnavailable as error:
            found.append(Finding(Level.WARNING, "statistics_unavailable", str(error), "run `orderkeep stats`"))
            return None, found

    async def _webhooks(self, records: RecordStore, end: int) -> list[Finding]:
        found: list[Finding] = []
        progress = {each.id: json.loads(each.content) for each in await records.list_records("webhook-progress")}
        for record in await records.list_records("webhook"):
            webhook, of_it = json.loads(record.content), progress.get(record.id, {})
            if webhook["status"] == "paused":
                is_requested = webhook["paused_reason"] == "requested"
                at = datetime.fromisoformat(webhook["paused_at"])
                why = "this was requested" if is_requested else webhook["paused_detail"]
                message = f"the webhook {record.id} was paused at {at:%Y-%m-%d %H:%M}Z: {why}"
                repair = "" if is_requested else "repair the receiver, then "
                action = f"{repair}run `orderkeep webhooks resume {record.id}`: nothing was dropped"
                level = Level.NOTE if is_requested else Level.ERROR
                found.append(Finding(level, "webhook_paused", message, action))
                continue
            if waiting := of_it.get("waiting", 0):
                message = f"events of {waiting} orders wait for a retry of the webhook {record.id}"
                action = f"see why with `orderkeep webhooks deliveries {record.id}`"
                found.append(Finding(Level.WARNING, "webhook_failing", message, action, waiting))
            found += await self._behind("webhook", f"the webhook {record.id}", of_it.get("position", end), end)
        for record in await records.get_records(PUBLISHER, [BUS]):
            position = json.loads(record.content)["position"]
            found += await self._behind("publisher", "the publication of events", position, end)
        return found

    async def _behind(self, code: str, what: str, position: int, end: int) -> list[Finding]:
        """Report a consumer of the feed that has not processed a change for too long."""
        verb = "are" if code == "statistics" else "is"
        if position > end:
            action = "was a backup restored in part? run `orderkeep stats --rebuild`, or create the webhook again"
            return [Finding(Level.ERROR, f"{code}_ahead", f"{what} {verb} beyond the end of the feed", action)]
        changes = (await self.store.read_changes(position, 1)).changes if position < end else ()
        age = self.clock() - changes[0].at if changes else timedelta()
        if age < timedelta(minutes=BEHIND_MINUTES):
            return []
        many = f"{end - position} change{'s' if end - position > 1 else ''} behind"
        message = f"{what} {verb} {many}: the oldest is of {changes[0].at:%Y-%m-%d %H:%M}Z"
        action = "keep `orderkeep serve` or `orderkeep relay` running, and look for errors in its log"
        return [Finding(Level.WARNING, f"{code}_behind", message, action, end - position)]


def _count(order: OrderDTO | None, expected: Mapping[str, Counters]) -> None:
    if order is None:
        return

    def put(record_id: str, name: str, number: int) -> None:
        expected[record_id][name] = expected[record_id].get(name, 0) + number

    for name, number in (amounts_of(order) | owed_counters(order)).items():
        put(f"total {order.currency}", name, number)
    for at, numbers in [(order.created_at, amounts_of(order)), *money_of(order)]:
        for name, number in numbers.items():
            put(f"{hour_of(at)} {order.currency}", f"{quarter_of(at)} {name}", number)


def _differences(reading: Reading, expected: Mapping[str, Counters]) -> list[Finding]:
    """Compare the counters that follow from the orders as they are."""
    different = []
    for record_id in sorted(reading.records.keys() | expected.keys()):
        counted = reading.records.get(record_id, {})
        if not record_id.startswith("total"):
            counted = {name: n for name, n in counted.items() if name.split(" ")[1] in _COUNTED}
        if counted != {name: n for name, n in expected.get(record_id, {}).items() if n}:
            different.append(record_id)
    if different:
        message = f"the statistics differ from the orders, first in {different[0]}"
        action = "run `orderkeep verify`; if it finds no problem, `orderkeep stats --rebuild`"
        return [Finding(Level.ERROR, "statistics_differ", message, action, len(different))]
    return []


def _order_findings(groups: Mapping[str, _Group]) -> Iterator[Finding]:
    for name, group in groups.items():
        code, _, status = name.partition(" ")
        level, message, action = _ABOUT_ORDERS[code]
        values = {
            "orders": f"{group.count} {'order' if group.count == 1 else 'orders'}",
            "status": status.replace("_", " "),
            "name": status,
            "days": str(STUCK_AFTER_DAYS[OrderStatus(status)] if status else OVERDUE_DAYS),
            "oldest": f"{group.oldest:%Y-%m-%d}" if group.oldest else "",
            "detail": group.detail,
        }
        yield Finding(level, code, _filled(message, values), _filled(action, values), group.count, tuple(group.orders))


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
