"""Move everything in a store to another one while services use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from uuid import uuid4

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.store_copy import SWITCH_SECONDS, CannotMove, Fence, NotACopy, WholeStore
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
INCOMING = "an interrupted move has brought a part of the orders here: continue or cancel that one first"
ELSEWHERE = "the orders were moved from this store, but not to the other one: correct the URLs"
TAKEN_OVER = "another run of the move has taken over: wait until it ends, then run the move again to see its state"
OPEN = "this store accepts writes already"
NOT_LOST = (
    "the other store is not lost, it accepts writes: move the orders back instead, with the stores exchanged; or "
    "remove it first, if it must not be used any more"
)
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
        of_source, of_target = await source.fenced(), await target.fenced()
        if await self._was_moved(of_source, of_target):
            return MoveReport(was_moved=True)
        moving = _Moving(position=await self.copy.check_target())
        if (await source.fenced(), await target.fenced()) != (of_source, of_target):
            raise CannotMove(TAKEN_OVER)
        if not await self._close_target(moving):
            return MoveReport(was_moved=True)
        if of_source is None:
            await self._follow(moving, on_progress)
        if moving.compared.differences:
            return MoveReport(has_moved=False, position=moving.position, compared=moving.compared)
        await self._check_owned(moving)
        try:
            moving.was_closed = True
            moving.was_closed = await source.fence(Fence.MOVED, moving.run) is not None
            fenced_at = self._clock()
            await self._copy_last(moving, on_progress)
            if moving.compared.differences:
                await self._reopen(moving)
                return self._report(moving, fenced_at, has_moved=False)
            await self._sleep(max(fenced_at + SWITCH_SECONDS - self._clock(), 0))
        except BaseException:
            await asyncio.shield(self._reopen(moving))
            raise
        if not await target.lift_fence(moving.run):
            raise CannotMove(TAKEN_OVER)
        return self._report(moving, fenced_at)

    async def cancel(self, *, actor: Actor = SYSTEM) -> None:
        """Let the source accept writes again after a move that was interrupted. Raises `NotAllowed`, `CannotMove`,
        `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        run, source, target = uuid4().hex, self.source.fence, self.target.fence
        of_target = await target.fenced()
        if of_target is not Fence.INCOMING:
            await self._check_moved(await source.fenced(), of_target)
            raise CannotMove(ALREADY_MOVED)
        if await target.fence(Fence.INCOMING, run) is None:  # another run opened the target meanwhile
            await target.lift_fence(run)
            raise CannotMove(ALREADY_MOVED)
        await self._open_source(run)

    async def reopen(self, *, is_lost: bool = False, actor: Actor = SYSTEM) -> None:
        """Let the source accept writes again, because the target `is_lost`, cannot be reached, or is empty. Raises
        `NotAllowed`, `CannotMove`, also if the target accepts writes, and `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        if await self.source.fence.fenced() is None:
            raise CannotMove(OPEN)
        if not is_lost:
            await self._check_lost()
        await self._open_source(uuid4().hex)

    async def _check_lost(self) -> None:
        try:
            of_target, changes = await self.target.fence.fenced(), await self.target.fence.count_changes()
        except StoreUnavailable:
            return
        if of_target in (Fence.MOVED, Fence.FINISHED):
            raise CannotMove(ELSEWHERE)
        if of_target is None and changes:
            raise CannotMove(NOT_LOST)

    async def finish(self, *, actor: Actor = SYSTEM) -> None:
        """Make a move final: orders cannot be moved to the source again. Raises `NotAllowed`, `CannotMove`,
        `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        run, source = uuid4().hex, self.source.fence
        await self._check_moved(await source.fenced(), await self.target.fence.fenced())
        if await source.fence(Fence.FINISHED, run) is None:  # a move back has opened it
            await source.lift_fence(run)
            raise CannotMove(NOT_MOVED)

    async def _open_source(self, run: str) -> None:
        """Lift the fence of the source, whichever run owns it."""
        await self.source.fence.fence(Fence.MOVED, run)
        await self.source.fence.lift_fence(run)

    async def _was_moved(self, of_source: Fence | None, of_target: Fence | None) -> bool:
        """Return whether an earlier run has completed the move. Raises `CannotMove` if it can be neither begun nor
        continued.
        """
        if of_target is Fence.FINISHED:
            raise CannotMove(FINISHED)
        if of_source is Fence.INCOMING:
            raise CannotMove(INCOMING)
        if of_source is None or (of_source, of_target) == (Fence.MOVED, Fence.INCOMING):
            return False
        await self._check_moved(of_source, of_target)
        return True

    async def _check_moved(self, of_source: Fence | None, of_target: Fence | None) -> None:
        """Raise `CannotMove` unless the orders of the source were moved to the target."""
        if of_source is None or of_target is Fence.INCOMING:
            raise CannotMove(NOT_MOVED)
        try:
            await CopyStoreUseCase(self.target, self.source).check_target()
        except NotACopy:
            raise CannotMove(ELSEWHERE) from None
        if of_target is not None:
            raise CannotMove(ELSEWHERE)

    async def _close_target(self, moving: _Moving) -> bool:
        """Fence the target. Return False if another run has completed the move at that moment: the target is open."""
        was_open = await self.target.fence.fence(Fence.INCOMING, moving.run) is None
        if was_open and await self.source.fence.fenced() is not None:
            if not await self.target.fence.lift_fence(moving.run):
                raise CannotMove(TAKEN_OVER)
            return False
        return True

    async def _check_owned(self, moving: _Moving) -> None:
        """Raise `CannotMove` if another run has continued the move: one that was suspended must not end it."""
        if not await self.target.fence.is_fenced_by(moving.run):
            raise CannotMove(TAKEN_OVER)

    async def _reopen(self, moving: _Moving) -> None:
        """Let the source accept writes again, unless another run has continued the move: then the target may be open.
        That run fences the source before it opens the target, and then the fence is no longer ours.
        """
        if not moving.was_closed or await self.target.fence.is_fenced_by(moving.run):
            await self.source.fence.lift_fence(moving.run)

    async def _follow(self, moving: _Moving, on_progress: Progress) -> None:
        """Copy and compare while the source is written, until a round takes less than `LAG_SECONDS`."""
        for _ in range(MOST_ROUNDS):
            start = self._clock()
            await self._copy(moving, on_progress)
            await self.copy.copy_rest(partial(self._check_owned, moving))
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
        moving.api_keys, moving.records = await self.copy.copy_rest(partial(self._check_owned, moving))
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
    """What this run did so far. `changed` are the orders that were not equal when they were compared."""

    position: int
    run: str = field(default_factory=lambda: uuid4().hex)
    """Owns the fences."""

    was_closed: bool = False
    """Whether the source was fenced before this run fenced it."""

    api_keys: int = 0
    records: int = 0
    documents: int = 0
    changed: set[str] = field(default_factory=set)
    compared: ComparisonReport = field(default_factory=ComparisonReport)
