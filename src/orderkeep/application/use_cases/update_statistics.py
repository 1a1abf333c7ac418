"""Keep the statistics up to date."""

from __future__ import annotations

from collections.abc import Callable

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Clock, OrderStore, Progress, ignore_progress, utc_now
from orderkeep.application.projections import Projector
from orderkeep.application.records import RecordStore
from orderkeep.application.statistics import OrderStatistics


class UpdateStatisticsUseCase:
    """Count the changes that were made since the last round."""

    def __init__(self, store: OrderStore, open_records: Callable[[], RecordStore], clock: Clock = utc_now) -> None:
        self.store, self.open_records, self.clock = store, open_records, clock
        self._projector: Projector | None = None

    @property
    def projector(self) -> Projector:
        """The projection. Raises `StoreUnusable` if the store keeps no records."""
        if self._projector is None:
            self._projector = Projector(self.store, self.open_records(), OrderStatistics(self.store), self.clock)
        return self._projector

    def start(self) -> None:
        """Do nothing: a relay may call `execute` at any time."""

    async def stop(self, seconds: float) -> None:
        """Do nothing: a page that is cancelled is either counted or not."""

    async def execute(self, actor: Actor = SYSTEM) -> bool:
        """Count a page of changes if the statistics were ever read, and return whether more may follow. Raises
        `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        return await self.projector.follow()

    async def rebuild(self, on_progress: Progress = ignore_progress, *, actor: Actor = SYSTEM) -> int:
        """Count all changes again and return the position, while the statistics can be read and orders be written.
        Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        return await self.projector.rebuild(on_progress)
