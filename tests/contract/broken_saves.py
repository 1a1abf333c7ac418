"""Stores that lose or mix up what they are given: each has one fault that the contract must find."""

import asyncio
import struct
from bisect import insort
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.personal_rows import PersonalRow
from orderkeep.infrastructure.serialization import Commit, commit_of, mark_saved


class AltersOrders(InMemoryOrderRepository):
    """Keeps something else than it was given."""

    def altered(self, order: OrderDTO) -> OrderDTO:
        raise NotImplementedError

    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        for order in orders:
            kept = self._orders[order.id]
            document = msgspec.json.encode(self.altered(msgspec.json.decode(kept.document, type=OrderDTO)))
            self._orders[order.id] = replace(kept, document=document)
        return saved


class SwapsTwoAmounts(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        return replace(order, shipping=order.tax, tax=order.shipping)


class ForgetsCancellations(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        return replace(order, cancellation=None)


class KeepsAsciiOnly(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        return replace(order, user_id=order.user_id.encode("ascii", "replace").decode())


class CutsLongNotes(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        if order.cancellation is None or order.cancellation.note is None:
            return order
        return replace(order, cancellation=replace(order.cancellation, note=order.cancellation.note[:255]))


class FloatTotals(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        (total,) = struct.unpack("f", struct.pack("f", order.total))
        return replace(order, total=int(total))


class KeepsMilliseconds(AltersOrders):
    def altered(self, order: OrderDTO) -> OrderDTO:
        return replace(order, created_at=order.created_at.replace(microsecond=order.created_at.microsecond // 1000))


class LosesRequestKeys(InMemoryOrderRepository):
    async def get_by_id(self, order_id: str) -> Order | None:
        order = await super().get_by_id(order_id)
        if order is not None:
            order.idempotency_keys.clear()
        return order


class IgnoresCase(InMemoryOrderRepository):
    async def get_by_id(self, order_id: str) -> Order | None:
        return await super().get_by_id(order_id) or await super().get_by_id(order_id.lower())


class TakesIdsForNumbers(InMemoryOrderRepository):
    async def get_by_id(self, order_id: str) -> Order | None:
        return await super().get_by_id(str(int(order_id)) if order_id.isdecimal() else order_id)


class LiveObjects(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        self.live = getattr(self, "live", {}) | {order.id: order for order in orders}
        return saved

    async def get_by_id(self, order_id: str) -> Order | None:
        live: dict[str, Order] = getattr(self, "live", {})
        return live.get(order_id)


class ForgetsToCount(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        versions = [order.version for order in orders]
        saved = super()._commit(orders)
        for order, version in zip(orders, versions, strict=True):
            order.version = version
        return saved


class SkipsWhatDidNotChange(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        return super()._commit(tuple(order for order in orders if order.events))


class RepeatsTheLastSave(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        if not orders:
            self._feed.extend(self._feed[-1:])
        return saved


class ChecksLess(InMemoryOrderRepository):
    """Checks versions in a way of its own."""

    def accepts(self, kept: int, loaded: int) -> bool:
        return True

    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        for order in orders:
            kept = self._orders.get(order.id)
            if not self.accepts(kept.version if kept else 0, order.version):
                raise ConcurrentUpdate(order.id)
        saved: list[OrderSnapshot] = []
        for order in orders:
            commit = commit_of(order)
            if order.id not in self._orders:
                insort(self._by_time, (order.created_at, order.id))
            self._orders[order.id] = commit.order
            self._changes.setdefault(order.id, []).append(commit.change)
            self._feed.append(commit.change)
            saved += mark_saved([order], [commit])
        return tuple(saved)


class BlindWrites(ChecksLess):
    pass


class Upserts(ChecksLess):
    def accepts(self, kept: int, loaded: int) -> bool:
        return loaded in (0, kept)


class InsertsWhatIsMissing(ChecksLess):
    def accepts(self, kept: int, loaded: int) -> bool:
        return kept in (0, loaded)


class TakesLaterVersions(ChecksLess):
    def accepts(self, kept: int, loaded: int) -> bool:
        return loaded >= kept


class TakesOneOrderTwice(ChecksLess):
    def accepts(self, kept: int, loaded: int) -> bool:
        return loaded == kept


class ChecksThenWrites(ChecksLess):
    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        for order in orders:
            kept = self._orders.get(order.id)
            if (kept.version if kept else 0) != order.version:
                raise ConcurrentUpdate(order.id)
        await asyncio.sleep(0)
        return self._commit(orders)


class SavesTheFirstOnly(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        return super()._commit(orders[:1])


class SavesOneByOne(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        return tuple(saved for order in orders for saved in super(SavesOneByOne, self)._commit((order,)))


class SpoilsRefusedOrders(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        try:
            return super()._commit(orders)
        except ConcurrentUpdate:
            for order in orders:
                order.events = []
            raise


class FeedsBeforeItCommits(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        fed = [commit_of(order).change for order in orders]
        self._feed.extend(fed)
        saved = super()._commit(orders)
        del self._feed[-2 * len(fed) : -len(fed) or None]
        return saved


class ReturnsSnapshotsInAnyOrder(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        return super()._commit(orders)[::-1]


class ReturnsOtherBytesThanItStores(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        return tuple(saved._replace(json=saved.json + b" ") for saved in super()._commit(orders))


class SavesEachTogether(InMemoryOrderRepository):
    """Rejects all orders of a batch with one of them."""

    async def save_each(self, orders: Sequence[Order]) -> list[bool]:
        try:
            await self.save(*orders)
        except ConcurrentUpdate:
            return [False] * len(orders)
        return [True] * len(orders)


class StoresTagsAlone(InMemoryOrderRepository):
    """Stores no labels."""

    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        for order in orders:
            self._orders[order.id] = replace(self._orders[order.id], tags=order.tags)
        return saved


class KeepsTwentyTagsAndLabels(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        saved = super()._commit(orders)
        for order in orders:
            kept = self._orders[order.id]
            self._orders[order.id] = replace(kept, tags=kept.tags[:20])
        return saved


class KeepsTheFirstTags(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        first = dict(self._orders)
        saved = super()._commit(orders)
        for order in orders:
            if order.id in first:
                self._orders[order.id] = replace(self._orders[order.id], tags=first[order.id].tags)
        return saved


class RemovesNoTags(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        first = dict(self._orders)
        saved = super()._commit(orders)
        for order in orders:
            kept = self._orders[order.id]
            tags = (*first[order.id].tags, *kept.tags) if order.id in first else kept.tags
            self._orders[order.id] = replace(kept, tags=tuple(dict.fromkeys(tags)))
        return saved


class KeepsTheFirstReference(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        first = dict(self._orders)
        saved = super()._commit(orders)
        for order in orders:
            if order.id in first:
                self._orders[order.id] = replace(self._orders[order.id], external_ref=first[order.id].external_ref)
        return saved


class WritesTagsBeforeItChecks(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        for order in orders:
            if order.id in self._orders:
                record = commit_of(order).order
                self._orders[order.id] = replace(self._orders[order.id], tags=record.tags)
        return super()._commit(orders)


class AddsTagsInASecondStep(InMemoryOrderRepository):
    """Commits the order without its tags, and then these."""

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        saved = await super().save(*orders)
        then = {order.id: self._orders[order.id].tags for order in orders}
        for order_id in then:
            self._orders[order_id] = replace(self._orders[order_id], tags=())
        await asyncio.sleep(0)
        for order_id, tags in then.items():
            self._orders[order_id] = replace(self._orders[order_id], tags=tags)
        return saved


class AltersPersonalRows(InMemoryOrderRepository):
    """Keeps other personal data than it was given."""

    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        raise NotImplementedError

    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        before, commits = dict(self._personal) if hasattr(self, "_personal") else {}, list(map(commit_of, orders))
        saved = super()._commit(orders)
        for commit in commits:
            self.altered(before, commit)
        return saved


class StoresNoPersonalData(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        self._personal.clear()


class AltersPersonalData(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        if row := self._personal.get(commit.order.id):
            self._personal[row.order_id] = replace(row, record=row.record.lower())


class ReturnsAllPersonalData(InMemoryOrderRepository):
    async def get_personal_data(self, order_ids: Sequence[str]) -> dict[str, PersonalRecord]:
        return await super().get_personal_data([*self._personal])


class KeepsTheFirstPersonalData(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        self._personal |= {key: row for key, row in before.items() if key == commit.order.id and commit.personal}


class ForgetsPersonalDataAtTheNextSave(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        if not commit.sets_personal:
            self._personal.pop(commit.order.id, None)


class KeepsOldEmailLabels(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        row, old = self._personal.get(commit.order.id), before.get(commit.order.id)
        if row and old:
            self._personal[row.order_id] = replace(row, label=old.label)


class AddsNoEmailLabels(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        row = self._personal.get(commit.order.id)
        if row and commit.expected_version and commit.order.id not in before:
            self._personal[row.order_id] = replace(row, label=None)


class ErasesNothing(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        if commit.order.id in before and commit.personal is None:
            self._personal[commit.order.id] = before[commit.order.id]


class ErasesTheSameAddressEverywhere(AltersPersonalRows):
    def altered(self, before: dict[str, PersonalRow], commit: Commit) -> None:
        if commit.sets_personal and commit.personal is None and commit.order.id in before:
            label = before[commit.order.id].label
            self._personal = {key: row for key, row in self._personal.items() if row.label != label}


class WritesPersonalDataBeforeItChecks(InMemoryOrderRepository):
    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        for commit in map(commit_of, orders):
            if commit.personal is not None and commit.order.id in self._orders:
                self._personal[commit.order.id] = commit.personal
        return super()._commit(orders)


class WritesPersonalDataInASecondStep(InMemoryOrderRepository):
    """Commits the order without its new personal data, and then this: after an erasure that came later."""

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        commits = list(map(commit_of, orders))
        saved = await super().save(*orders)
        for commit in commits:
            if commit.personal is not None and commit.expected_version:
                self._personal.pop(commit.order.id, None)
                for _ in range(20):
                    await asyncio.sleep(0)
                self._personal[commit.order.id] = commit.personal
        return saved
