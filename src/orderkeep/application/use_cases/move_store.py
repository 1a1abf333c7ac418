"""Move everything in a store to another one while services use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.store_copy import SWITCH_SECONDS, CannotMove, Fence, WholeStore
from orderkeep.application.use_cases.compare_stores import CompareStoresUseCase, ComparisonReport
from orderkeep.application.use_cases.copy_store import CopyStoreUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.domain.exceptions import StoreUnavailable

LAG_SECONDS = 1.0
"""The source is fenced once a round of copying takes less."""

MOST_ROUNDS = 1_000
"""Rounds of copying before the source is fenced: more mean that it is written faster than it is copied."""

SETTLE_SECONDS = 30.0
"""How long to wait, once the source is fenced, for changes that its feed does not contain yet."""

PAUSE_SECONDS = 0.05
MOST_CHANGED = 1_000
"""Orders that are remembered before they are compared."""

FINISHED = "the orders of the target were moved for good: use an empty store"
NOT_MOVED = "the orders are still in this store: move them first"
ALREADY_MOVED = "the orders were moved, and the other store accepts writes: move them back instead"


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What was moved. `has_moved` is false if the stores differ, which `compared` lists: the source is used as before.
    `was_moved`: an earlier run has moved it, and this one did nothing. `pause_seconds`: for how long neither store
    accepted writes.
    """

    has_moved: bool = True
    was_moved: bool = False
    position: int = 0
    api_keys: int = 0
    records: int = 0
    documents: int = 0
    pause_seconds: float = 0.0
    compared: ComparisonReport = field(default_factory=ComparisonReport)


class MoveStoreUseCase:
    """Fence the target, copy to it and follow the feed of the source, fence the source, copy and compare the rest, and
    open the target. So at most one of the stores accepts writes at any time.

    To continue a move that was interrupted anywhere, run it again. To return, move in the other direction.
    """

    def __init__(
        self,
        source: WholeStore,
        target: WholeStore,
        statistics: UpdateStatisticsUseCase | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.source, self.target, self.statistics = source, target, statistics
        self.copy, self.compare = CopyStoreUseCase(source, target), CompareStoresUseCase(source, target)
        self._sleep, self._clock = sleep, clock

    async def execute(self, on_progress: Progress = ignore_progress, *, actor: Actor = SYSTEM) -> MoveReport:
        """Move the orders and return the report; `on_progress` counts changes. `statistics` are those of the target:
        if there are any, they are counted before the source is fenced.

        Raises `NotAllowed`, `CannotCopy`, `NotACopy`, `CannotMove`, `StoreUnavailable`. After any of them the source
        is used as before, unless the target could not be opened at the very end: then run the move again.
        """
        actor.require(Scope.ADMIN)
        source, target = self.source.fence, self.target.fence
        is_fenced, of_target = await source.fenced() is not None, await target.fenced()
        if of_target is Fence.FINISHED:
            raise CannotMove(FINISHED)
        if is_fenced and of_target is None:
            return MoveReport(was_moved=True)
        moving = _Moving(position=await self.copy.check_target())
        await target.fence()
        if not is_fenced:
            await self._follow(moving, on_progress)
        if moving.compared.differences:
            return MoveReport(has_moved=False, position=moving.position, compared=moving.compared)
        try:
            await source.fence()
            fenced_at = self._clock()
            await self._copy_last(moving, on_progress)
            if moving.compared.differences:
                await source.lift_fence()
                return self._report(moving, fenced_at, has_moved=False)
            await self._sleep(max(fenced_at + SWITCH_SECONDS - self._clock(), 0))
        except BaseException:
            await asyncio.shield(source.lift_fence())
            raise
        await target.lift_fence()
        return self._report(moving, fenced_at)

    async def cancel(self, *, actor: Actor = SYSTEM) -> None:
        """Let the source accept writes again after a move that was interrupted. Raises `NotAllowed`, `CannotMove`,
        `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        if await self.target.fence.fenced() is None:
            raise CannotMove(ALREADY_MOVED if await self.source.fence.fenced() else NOT_MOVED)
        await self.source.fence.lift_fence()

    async def finish(self, *, actor: Actor = SYSTEM) -> None:
        """Make a move final: orders cannot be moved to the source again. Raises `NotAllowed`, `CannotMove`,
        `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        if await self.source.fence.fenced() is None or await self.target.fence.fenced() is not None:
            raise CannotMove(NOT_MOVED)
        await self.source.fence.fence(Fence.FINISHED)

    async def _follow(self, moving: _Moving, on_progress: Progress) -> None:
        """Copy and compare while the source is written, until a round takes less than `LAG_SECONDS`."""
        for _ in range(MOST_ROUNDS):
            start = self._clock()
            await self._copy(moving, on_progress)
            await self.copy.copy_rest()
            while self.statistics is not None and await self.statistics.execute():
                pass
            if self._clock() - start < LAG_SECONDS:
                return
        raise CannotMove("the source is written faster than it can be copied: move at a quieter time")

    async def _copy(self, moving: _Moving, on_progress: Progress) -> None:
        moving.position, documents = await self.copy.copy_changes(moving.position, on_progress)
        moving.documents += documents
        async for change in self.compare.equal_changes(moving.compared, moving.compared.changes, moving.position):
            if change.version == 1:
                moving.compared.orders += 1
            moving.changed.add(change.order_id)
            if len(moving.changed) >= MOST_CHANGED:
                await self._compare_changed(moving)
        await self._compare_changed(moving)

    async def _compare_changed(self, moving: _Moving) -> None:
        for order_id in sorted(moving.changed):
            found = ComparisonReport()
            await self.compare.compare_order(order_id, found)
            if not found.differences:  # or it was changed meanwhile
                moving.changed.discard(order_id)

    async def _copy_last(self, moving: _Moving, on_progress: Progress) -> None:
        """Copy what is left in the fenced source, and compare what was not equal when it was compared."""
        wanted, deadline = await self.source.fence.count_changes(), self._clock() + SETTLE_SECONDS
        while True:
            await self._copy(moving, on_progress)
            if moving.position >= wanted:
                break
            if self._clock() >= deadline:
                raise StoreUnavailable(
                    "the feed of the source does not contain all changes yet: end long transactions in its database, "
                    "then try again"
                )
            await self._sleep(PAUSE_SECONDS)
        moving.api_keys, moving.records = await self.copy.copy_rest()
        for order_id in sorted(moving.changed):
            await self.compare.compare_order(order_id, moving.compared)
        copied = await self.target.fence.count_changes()
        if copied != wanted:
            moving.compared.add(f"the source has {wanted:,} changes, the target {copied:,}")
        await self.compare.compare_rest(moving.compared)

    def _report(self, moving: _Moving, fenced_at: float, *, has_moved: bool = True) -> MoveReport:
        return MoveReport(
            has_moved=has_moved,
            position=moving.position,
            api_keys=moving.api_keys,
            records=moving.records,
            documents=moving.documents,
            pause_seconds=self._clock() - fenced_at,
            compared=moving.compared,
        )


@dataclass(slots=True)
class _Moving:
    """What was done so far. `changed` are the orders that were not equal when they were compared."""

    position: int
    api_keys: int = 0
    records: int = 0
    documents: int = 0
    changed: set[str] = field(default_factory=set)
    compared: ComparisonReport = field(default_factory=ComparisonReport)
