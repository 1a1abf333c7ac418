"""Stores that store correctly and return something wrong: each has one fault that the contract must find."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import (
    SEPARATOR,
    FeedEntry,
    FeedPage,
    ListPosition,
    OrderFilter,
    SnapshotPage,
    StoredOrder,
)
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, _snapshot
from orderkeep.infrastructure.serialization import ChangeRecord, OrderRecord, change_of

TICK = timedelta(microseconds=1)


class AltersHistory(InMemoryOrderRepository):
    """Tells another history than it keeps."""

    def altered(self, change: ChangeDTO) -> ChangeDTO:
        raise NotImplementedError

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return [self.altered(change) for change in await super().list_changes(order_id, after_version, limit)]


class ForgetsWhoAsked(AltersHistory):
    def altered(self, change: ChangeDTO) -> ChangeDTO:
        return replace(change, actor="system")


class LosesRequestIds(AltersHistory):
    def altered(self, change: ChangeDTO) -> ChangeDTO:
        return replace(change, request_id=None)


class LosesKeysOfChanges(AltersHistory):
    def altered(self, change: ChangeDTO) -> ChangeDTO:
        return replace(change, key=None)


class TellsNoChain(AltersHistory):
    def altered(self, change: ChangeDTO) -> ChangeDTO:
        return replace(change, previous_hash="")


class LosesSizesOfOrders(AltersHistory):
    def altered(self, change: ChangeDTO) -> ChangeDTO:
        return replace(change, order_bytes=0)


class GivesHistoriesOfAnySize(InMemoryOrderRepository):
    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        changes = self._changes.get(order_id, [])
        return [change_of(change) for change in changes[max(after_version, 0) :][:limit]]


class GivesFeedsOfAnySize(InMemoryOrderRepository):
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        changes = tuple(map(change_of, self._feed[after : after + limit]))
        return FeedPage(changes, after + len(changes))


class GivesPagesOfAnySize(InMemoryOrderRepository):
    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        found = self._find(where, after, limit + 1)
        position = ListPosition(found[limit - 1].created_at, found[limit - 1].id) if len(found) > limit else None
        return SnapshotPage(SEPARATOR.join(record.document for record in found[:limit]), position)


class EndsWithAFullPage(InMemoryOrderRepository):
    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        page = await super().list_page(where, after, limit)
        return page if len(page.documents) == limit else replace(page, next=None)


class GivesPagesThatAreNotFull(InMemoryOrderRepository):
    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        page = await super().list_page(where, after, limit)
        return page if len(page.json) < 500_000 else await super().list_page(where, after, 2)


class GivesTheLatestChange(InMemoryOrderRepository):
    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        changes = await self.list_changes(order_id, 0, 1_000)
        return changes[-1] if changes else None


class CountsVersionsFromTheEnd(InMemoryOrderRepository):
    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        changes = await self.list_changes(order_id, 0, 1_000)
        return changes[version - 1] if 0 <= version <= len(changes) and changes else None


class ExcludesTheInstant(InMemoryOrderRepository):
    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return await super().get_change_at(
            order_id, max(instant, instant.min.replace(tzinfo=instant.tzinfo) + TICK) - TICK
        )


class GivesTheFirstOfAnInstant(InMemoryOrderRepository):
    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        found = await super().get_change_at(order_id, instant)
        changes = await self.list_changes(order_id, 0, 1_000)
        return next((change for change in changes if found and change.at == found.at), None)


class RepeatsAVersionInHistory(InMemoryOrderRepository):
    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return await super().list_changes(order_id, max(after_version - 1, 0), limit)


class AltersLists(InMemoryOrderRepository):
    """Lists something else than what was asked for."""

    def everything(self, where: OrderFilter, after: ListPosition | None) -> list[OrderRecord]:
        return super()._find(where, after, 1_000_000)


class UnorderedTies(AltersLists):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        found = self.everything(where, after)
        found.sort(key=lambda snapshot: snapshot.id)
        return sorted(found, key=lambda snapshot: snapshot.created_at, reverse=True)[:limit]


class FindsTagsByTheirBeginning(AltersLists):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        tag = where.tag
        found = self.everything(replace(where, tag=None), after)
        tagged = [
            snapshot
            for snapshot in found
            if tag is None or any(kept.startswith(tag) for kept in self._orders[snapshot.id].tags)
        ]
        return tagged[:limit]


class IncludesTheLastInstant(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        if where.created_to is not None and where.created_to < datetime.max.replace(tzinfo=where.created_to.tzinfo):
            where = replace(where, created_to=where.created_to + TICK)
        return super()._find(where, after, limit)


class FiltersByTheFirstStatus(AltersLists):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        found = self.everything(replace(where, statuses=()), after)
        was = {record.id: change_of(self._changes[record.id][0]).order.status for record in found}
        return [record for record in found if not where.statuses or was[record.id] in where.statuses][:limit]


class ListsOneStatusOfSeveral(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        return super()._find(replace(where, statuses=where.statuses[-1:]), after, limit)


class ListsOneStatusAfterAnother(AltersLists):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        found = self.everything(where, after)
        return sorted(found, key=lambda record: record.status)[:limit] if where.statuses else found[:limit]


class TakesShippedForDelivered(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        statuses = (*where.statuses, "delivered") if "shipped" in where.statuses else where.statuses
        return super()._find(replace(where, statuses=statuses), after, limit)


class FindsOneOfAPrefix(InMemoryOrderRepository):
    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        return await super().find_by_id_prefix(prefix, 1)


class TakesPrefixesForPatterns(InMemoryOrderRepository):
    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        pattern = f"{prefix.replace('_', '?').replace('%', '*')}*"
        found = sorted(order_id for order_id in self._orders if fnmatchcase(order_id, pattern))
        return [_snapshot(self._orders[order_id]) for order_id in found[:limit]]


class IgnoresTheCaseOfPrefixes(InMemoryOrderRepository):
    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        found = sorted(order_id for order_id in self._orders if order_id.lower().startswith(prefix.lower()))
        return [_snapshot(self._orders[order_id]) for order_id in found[:limit]]


class PagesByTimeAlone(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        return super()._find(where, after and replace(after, id=""), limit)


class NeedsTheOrderItGoesOnFrom(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        if after is not None and after.id not in self._orders:
            return []
        return super()._find(where, after, limit)


class GivesSmallPages(InMemoryOrderRepository):
    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        return super()._find(where, after, min(limit, 30))


class PagesByOffset(AltersLists):
    def __init__(self) -> None:
        super().__init__()
        self.offsets: dict[ListPosition | None, int] = defaultdict(int)

    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        offset = self.offsets[after]
        page = (self.everything(where, None))[offset : offset + limit]
        if page:
            self.offsets[ListPosition(page[-1].created_at, page[-1].id)] = offset + len(page)
        return page


class SkipsEveryFifthChange(InMemoryOrderRepository):
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = await super().read_changes(after, limit)
        return replace(page, changes=tuple(c for n, c in enumerate(page.changes, after + 1) if n % 5))


class VerifiesEverySecondChange(InMemoryOrderRepository):
    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        async for entry in super().feed_entries(settled=settled):
            if entry.position[0] % 2:
                yield entry


class VerifiesNoOrder(InMemoryOrderRepository):
    async def stored_keys(self) -> AsyncIterator[str]:
        async for order_id in super().stored_keys():
            if not order_id:
                yield order_id


class CutsTheIdsOfVerifiedOrders(InMemoryOrderRepository):
    async def stored_order(self, key: str) -> StoredOrder:
        return replace(await super().stored_order(key), order_id=key[1:])


class ReturnsTheFirstCheckpoint(InMemoryOrderRepository):
    async def last_checkpoint(self) -> str | None:
        return self._checkpoints[min(self._checkpoints)] if self._checkpoints else None


class FeedsOneChangeACommit(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        del self._feed[len(self._feed) - len(orders) + 1 :]
        return saved


class RepeatsTheLastOfAPage(InMemoryOrderRepository):
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = await super().read_changes(after, limit)
        return replace(page, position=page.position - 1) if len(page.changes) > 1 else page


class GoesOnAtTheEnd(InMemoryOrderRepository):
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = await super().read_changes(min(after, len(self._feed)), limit)
        return page if page.changes else FeedPage((), after + 1)


class TakesAnyPosition(InMemoryOrderRepository):
    async def read_changes(self, after: int, limit: int) -> FeedPage:
        try:
            return await super().read_changes(after, limit)
        except InvalidCursor:
            return await super().read_changes(0, limit)


class CountsPositionsFromZero(InMemoryOrderRepository):
    async def position_of_change(self, order_id: str, version: int) -> int | None:
        position = await super().position_of_change(order_id, version)
        return None if position is None else position - 1


class GivesPositionsBeforeItCommits(InMemoryOrderRepository):
    """As a sequence does: a save that began earlier may commit later, and is then inserted before what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.places: dict[int, tuple[ChangeRecord, ...]] = {}

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        self.taken += 1
        place = self.taken
        for _ in range(place % 3):
            await asyncio.sleep(0)
        before = len(self._feed)
        saved = await super().save(*orders)
        self.places[place] = tuple(self._feed[before:])
        return saved

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        feed = InMemoryOrderRepository()
        feed._feed = [change for place in sorted(self.places) for change in self.places[place]]
        return await feed.read_changes(after, limit)


class AnswersNoPing(InMemoryOrderRepository):
    async def ping(self) -> None:
        raise StoreUnavailable("no answer")


class ClosesOnce(InMemoryOrderRepository):
    async def close(self) -> None:
        if self._closed:
            raise StoreUnavailable("closed already")
        await super().close()


class SavesWhenClosed(InMemoryOrderRepository):
    async def close(self) -> None:
        return None


class AnswersAPingWhenClosed(InMemoryOrderRepository):
    async def ping(self) -> None:
        return None
