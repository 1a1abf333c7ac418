"""Prove that what is kept is what was committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import OrderStore, Progress, ignore_progress
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase

PAGE = 200


@dataclass(frozen=True, slots=True)
class VerifyProblem:
    """What does not fit, at which version of which order ("" and 0: of the store as a whole)."""

    order_id: str
    version: int
    message: str


@dataclass(slots=True)
class VerifyReport:
    """How much was looked at, and what does not fit."""

    orders: int = 0
    changes: int = 0
    problems: list[VerifyProblem] = field(default_factory=list)


class VerifyOrdersUseCase:
    """Walk every order's chain of changes, and the feed, and report whatever was altered, lost or added."""

    def __init__(self, store: OrderStore) -> None:
        self.store = store

    async def execute(self, on_progress: Progress = ignore_progress) -> VerifyReport:
        """Return what was found, on a store that nobody writes to meanwhile. Raises `StoreUnavailable`.

        The chain shows any later alteration inside an order's history. Somebody who rewrites a whole chain is
        caught only by a hash that was noted elsewhere.
        """
        report = VerifyReport()
        async for snapshot in ExportOrdersUseCase(self.store).execute():
            await self._verify_order(snapshot.id, report)
            report.orders += 1
            on_progress(1)
        in_feed = await self._count_feed()
        if in_feed != report.changes:
            message = f"the feed holds {in_feed} changes, the orders {report.changes}"
            report.problems.append(VerifyProblem("", 0, message))
        return report

    async def _verify_order(self, order_id: str, report: VerifyReport) -> None:
        def problem(version: int, message: str) -> None:
            report.problems.append(VerifyProblem(order_id, version, message))

        version, previous_hash, last = 0, "", None
        while changes := await self.store.list_changes(order_id, version, PAGE):
            for change in changes:
                if change.version != version + 1:
                    problem(version + 1, "this change is missing")
                if not change.intact:
                    problem(change.version, "this change does not fit its hash")
                if change.previous_hash != previous_hash:
                    problem(change.version, "this change does not follow the one before")
                version, previous_hash, last = change.version, change.hash, change.order
                report.changes += 1
        order = await self.store.get_by_id(order_id)
        if order is None or last is None or OrderDTO.of(order) != last or order.seal != previous_hash:
            problem(version, "the order is not as its last change left it")

    async def _count_feed(self) -> int:
        count, position = 0, None
        while True:
            page = await self.store.read_changes(position, PAGE)
            if not page.changes:
                return count
            count += len(page.changes)
            position = page.position
