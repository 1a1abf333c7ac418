"""Compare a store with its copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.store_copy import CopiedChange, WholeStore, all_keys, all_records

PAGE = 200
MOST_DIFFERENCES = 100
"""How many differences are listed at most."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: of an order ("" of none), or of the store as a whole."""

    order_id: str
    message: str


@dataclass(slots=True)
class ComparisonReport:
    """The numbers of what was compared, and the differences, of which at most `MOST_DIFFERENCES` are listed."""

    orders: int = 0
    changes: int = 0
    api_keys: int = 0
    records: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether no further difference is listed."""
        return len(self.differences) >= MOST_DIFFERENCES

    def add(self, message: str, order_id: str = "") -> None:
        """Add a difference."""
        if not self.is_full:
            self.differences.append(Difference(order_id, message))


class CompareStoresUseCase:
    """Compare the feeds change by change, each order as it is now, the API keys, the webhooks and the sessions."""

    def __init__(self, source: WholeStore, target: WholeStore) -> None:
        self.source, self.target = source, target

    async def execute(
        self, on_progress: Progress = ignore_progress, *, every: int = 1, actor: Actor = SYSTEM
    ) -> ComparisonReport:
        """Return the report. Of the orders, one of `every` is read in both stores; of the changes, all are. Nothing may
        write to the stores meanwhile. Raises `NotAllowed`, `CannotCopy`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        report = ComparisonReport()
        ends = [await end_of_feed(side.orders) for side in (self.source, self.target)]
        if ends[0] != ends[1]:
            report.add(f"the source has {ends[0]:,} changes, the target {ends[1]:,}")
        async for change in self.equal_changes(report, 0, min(ends), on_progress):
            if change.version == 1:
                report.orders += 1
                if report.orders % every == 0:
                    await self.compare_order(change.order_id, report)
        await self.compare_rest(report)
        return report

    async def equal_changes(
        self, report: ComparisonReport, after: int, end: int, on_progress: Progress = ignore_progress
    ) -> AsyncIterator[CopiedChange]:
        """Compare the changes after one position up to another one, and yield those that are equal."""
        position = after
        while position < end and not report.is_full:
            source = await self.source.changes.read_copies(position, min(PAGE, end - position))
            target = await self._page_of_target(position, len(source))
            for ours, theirs in zip(source, target, strict=True):
                position += 1
                if (ours.order_id, ours.version, ours.hash) != (theirs.order_id, theirs.version, theirs.hash):
                    message = f"position {position:,} has version {ours.version}, and in the target {_name(theirs)}"
                    report.add(message, ours.order_id)
                else:
                    yield ours
            report.changes = position
            on_progress(len(source))

    async def _page_of_target(self, after: int, length: int) -> list[CopiedChange]:
        """Return as many changes as the page of the source has: one store may end a page earlier than another."""
        found: list[CopiedChange] = []
        while len(found) < length:
            found += await self.target.changes.read_copies(after + len(found), length - len(found))
        return found

    async def compare_order(self, order_id: str, report: ComparisonReport) -> None:
        """Compare an order as it is now, with its keys, tags and personal data."""
        sides = (self.source.orders, self.target.orders)
        ours, theirs = [await side.get_by_id(order_id) for side in sides]
        if ours is None or theirs is None:
            report.add(f"is missing in the {'source' if ours is None else 'target'}", order_id)
            return
        if ours != theirs or (ours.version, ours.last_hash) != (theirs.version, theirs.last_hash):
            report.add("differs", order_id)
        if ours.idempotency_keys != theirs.idempotency_keys:
            report.add("the idempotency keys differ", order_id)
        if (sorted(ours.saved_tags), ours.saved_ref) != (sorted(theirs.saved_tags), theirs.saved_ref):
            report.add("the tags or the external reference differ", order_id)
        personal = [await side.get_personal_data([order_id]) for side in sides] if ours.personal_data else []
        if personal and personal[0] != personal[1]:
            report.add("the personal data differs", order_id)

    async def compare_rest(self, report: ComparisonReport) -> None:
        """Compare the API keys, the webhooks and the sessions."""
        await self._compare_keys(report)
        await self._compare_records(report)

    async def _compare_keys(self, report: ComparisonReport) -> None:
        ours, theirs = await all_keys(self.source), await all_keys(self.target)
        report.api_keys = len(ours)
        for key_id in sorted(ours.keys() | theirs.keys()):
            if ours.get(key_id) != theirs.get(key_id):
                report.add(f"the API key {key_id} differs")

    async def _compare_records(self, report: ComparisonReport) -> None:
        ours, theirs = [
            {(each.kind, each.id): replace(each, version=0) async for each in all_records(side)}
            for side in (self.source, self.target)
        ]
        report.records = len(ours)
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                report.add(f"the record {' '.join(name)} differs")


def _name(change: CopiedChange) -> str:
    return f"version {change.version} of order {change.order_id}"
