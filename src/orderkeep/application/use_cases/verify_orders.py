"""Verify the integrity of all orders: hash chains, change feed and documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.documents import digest_of, order_key
from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import DocumentStore, ListPosition, OrderFilter, OrderStore, Progress, ignore_progress
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.limits import MAX_REMEMBERED_KEYS
from orderkeep.domain.repositories import OrderSnapshot

PAGE = 200


@dataclass(frozen=True, slots=True)
class VerifyProblem:
    """A problem at one version of one order ("" and 0: of the store as a whole)."""

    order_id: str
    version: int
    message: str


@dataclass(slots=True)
class VerifyReport:
    """The numbers of what was checked, and the problems. `documents_read` of the `documents` were read."""

    orders: int = 0
    changes: int = 0
    documents: int = 0
    documents_read: int = 0
    problems: list[VerifyProblem] = field(default_factory=list)

    def add(self, order_id: str, version: int, message: str) -> None:
        """Add a problem."""
        self.problems.append(VerifyProblem(order_id, version, message))


class VerifyOrdersUseCase:
    """Check the hash chain of every order and the change feed for altered, missing and added changes."""

    def __init__(self, store: OrderStore, documents: DocumentStore | None = None) -> None:
        self.store, self.documents = store, documents

    async def execute(
        self, on_progress: Progress = ignore_progress, *, read_documents: bool = False, actor: Actor = SYSTEM
    ) -> VerifyReport:
        """Return the report; no other writer may change the store meanwhile. `read_documents` checks the content of
        every document as well. Raises `NotAllowed`, `StoreUnavailable`.

        A hash chain reveals an alteration of any change in it. A rewrite of a whole chain is revealed only by a hash
        that was recorded elsewhere.
        """
        actor.require(Scope.ADMIN)
        report = VerifyReport()
        async for document in ExportOrdersUseCase(self.store).execute():
            order_id = _id_in(document)
            try:
                order = await self._verify_order(order_id, document, report)
                if order is not None:
                    await self._verify_documents(order, report, read=read_documents)
            except StoreUnusable as error:
                report.add(order_id, 0, str(error))
            report.orders += 1
            on_progress(1)
        await self._verify_feed(report)
        return report

    async def _verify_order(self, order_id: str, document: bytes, report: VerifyReport) -> Order | None:
        changes = [change async for change in self._changes(order_id)]
        report.changes += len(changes)
        version, previous_hash = 0, ""
        for change in changes:
            if change.version != version + 1:
                report.add(order_id, version + 1, "the change is missing")
            if not change.intact:
                report.add(order_id, change.version, "the change does not match its hash")
            if change.previous_hash != previous_hash:
                report.add(order_id, change.version, "the change does not follow the previous one")
            version, previous_hash = change.version, change.hash
        order = await self.store.get_by_id(order_id)
        if order is None or not changes or order.last_hash != previous_hash or OrderDTO.of(order) != changes[-1].order:
            report.add(order_id, version, "the order differs from its last change")
            return None
        if order.idempotency_keys.keys() != _keys(changes):
            report.add(order_id, version, "the idempotency keys differ from those of its changes")
        await self._verify_listed(document, order, report)
        return order

    async def _verify_documents(self, order: Order, report: VerifyReport, *, read: bool) -> None:
        report.documents += len(order.documents)
        if not read or self.documents is None:
            return
        for document in order.documents:
            content = await self.documents.get(order_key(order.id, document))
            report.documents_read += 1
            if content is None:
                report.add(order.id, document.since_version, f"the {document.kind} {document.id} is missing")
            elif digest_of(content) != document.id:
                report.add(order.id, document.since_version, f"the {document.kind} {document.id} was altered")

    async def _verify_listed(self, document: bytes, order: Order, report: VerifyReport) -> None:
        """Check that the indexes match the order: each list must contain it at its position."""
        expected = OrderSnapshot(order.id, order.user_id, order.created_at, order.version, document)
        if await self.store.get_snapshot(order.id) != expected:
            report.add(order.id, order.version, "is indexed under another user, time or version")
        just_before = ListPosition(order.created_at, order.id + " ")  # sorts after this ID and before all others
        for name, where in _filters_of(order):
            page = await self.store.list_page(where, just_before, 1)
            if page.documents != (document,):
                report.add(order.id, order.version, f"is not found by its {name}")

    async def _verify_feed(self, report: VerifyReport) -> None:
        count, position = 0, None
        try:
            while (page := await self.store.read_changes(position, PAGE)).changes:
                count, position = count + len(page.changes), page.position
        except StoreUnusable as error:
            report.add("", 0, f"the feed cannot be read after {count} changes: {error}")
            return
        if count != report.changes:
            report.add("", 0, f"the feed contains {count} changes, the orders {report.changes}")

    async def _changes(self, order_id: str) -> AsyncIterator[ChangeDTO]:
        version = 0
        while changes := await self.store.list_changes(order_id, version, PAGE):
            for change in changes:
                yield change
            version = changes[-1].version


def _id_in(document: bytes) -> str:
    try:
        return str(json.loads(document)["id"])
    except (ValueError, LookupError, TypeError):
        return ""


def _keys(changes: list[ChangeDTO]) -> set[str]:
    keys = [change.key for change in changes if change.key is not None]
    return {*keys[:1], *keys[-MAX_REMEMBERED_KEYS + 1 :]}


def _filters_of(order: Order) -> Iterator[tuple[str, OrderFilter]]:
    for user_id in (None, order.user_id):
        if user_id:
            yield "user", OrderFilter(user_id)
        yield "status", OrderFilter(user_id, statuses=(order.status,))
        if order.external_ref:
            yield "external_ref", OrderFilter(user_id, external_ref=order.external_ref)
        for tag in order.tags:
            yield "tag", OrderFilter(user_id, tag=tag)
