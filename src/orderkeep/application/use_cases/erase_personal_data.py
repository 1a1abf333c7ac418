"""Erase personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orderkeep.application import documents
from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, change_order
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.personal_data import id_of
from orderkeep.application.ports import (
    Clock,
    DocumentStore,
    OrderFilter,
    OrderStore,
    Progress,
    ReceiptRenderer,
    ignore_progress,
    utc_now,
)
from orderkeep.application.use_cases.list_orders import LARGEST_PAGE
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound, StoreUnusable
from orderkeep.domain.limits import MAX_ERASED_ORDERS
from orderkeep.domain.value_objects import Document


@dataclass(frozen=True, slots=True)
class Erasure:
    """The number of orders that were asked for, and of those that contained personal data until now."""

    orders: int
    erased: int


class ErasePersonalDataUseCase:
    """Erase the personal data of orders, with their receipts that contain it. The orders themselves stay."""

    def __init__(
        self,
        store: OrderStore,
        documents: DocumentStore,
        renderers: Mapping[str, ReceiptRenderer],
        clock: Clock = utc_now,
    ) -> None:
        self.store, self.documents, self.clock = store, documents, clock
        self.renderers = {renderer.media_type: renderer for renderer in renderers.values()}

    async def execute(
        self,
        order_ids: Sequence[str] = (),
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        user_id: str | None = None,
        on_progress: Progress = ignore_progress,
    ) -> Erasure:
        """Erase that of up to `MAX_ERASED_ORDERS` orders, or of all orders of a user. A repeated erasure changes
        nothing, so it needs no idempotency key.

        Raises `NotAllowed`; `InvalidQuery` for too many orders, or unless either orders or a user are given;
        `OrderNotFound` before anything is erased; and like `change_order`, after which it can be repeated.
        """
        context.actor.require(Scope.ERASE)
        context = replace(context, key=None, expected_version=None)
        if bool(order_ids) == (user_id is not None):
            raise InvalidQuery("must be given, or user_id, but not both", "orders", "user_id")
        if len(order_ids) > MAX_ERASED_ORDERS:
            raise InvalidQuery(f"must have at most {MAX_ERASED_ORDERS} items", "orders")
        if user_id is None:
            for order_id in order_ids:
                if await self.store.get_snapshot(order_id) is None:
                    raise OrderNotFound(order_id)
            found = await self._erase(tuple(dict.fromkeys(order_ids)), context, on_progress)
        else:
            found = await self._erase_user(user_id, context, on_progress)
        if not context.dry_run:
            await self.store.purge()
        return found

    async def _erase_user(self, user_id: str, context: CommandContext, on_progress: Progress) -> Erasure:
        where, after, orders, erased = OrderFilter(user_id=user_id), None, 0, 0
        while True:
            page = await self.store.list_page(where, after, LARGEST_PAGE)
            done = await self._erase([id_of(each) for each in page.documents], context, on_progress)
            orders, erased, after = orders + done.orders, erased + done.erased, page.next
            if after is None:
                return Erasure(orders, erased)

    async def _erase(self, order_ids: Sequence[str], context: CommandContext, on_progress: Progress) -> Erasure:
        erased = 0
        for order_id in order_ids:
            erased += await self._erase_order(order_id, context)
            on_progress(1)
        return Erasure(len(order_ids), erased)

    async def _erase_order(self, order_id: str, context: CommandContext) -> bool:
        async def decide(order: Order | None) -> Order:
            if order is None:
                raise OrderNotFound(order_id)
            shown = [await self._without_personal_data(order, each, context) for each in order.documents]
            # An older version that was running during an upgrade may have dropped the commitment.
            is_stored = bool(await self.store.get_personal_data([order_id]))
            order.erase_personal_data(tuple(shown), at=self.clock(), is_stored=is_stored)
            return order

        command = ("erase_personal_data", None)
        result = await change_order(self.store, order_id, decide, context, command, self.store, scope=Scope.ERASE)
        return bool(result.events)

    async def _without_personal_data(self, order: Order, document: Document, context: CommandContext) -> Document:
        """Return the document, or if it contains personal data, the one that replaces it."""
        attached = await self.store.get_change(order.id, document.since_version)
        change = await self.store.get_change(order.id, document.order_version)
        if attached is None or change is None:
            return document
        if change.order.personal_data is None or change.order.personal_data != attached.order.personal_data:
            return document  # it was issued when the data had been erased or replaced
        renderer = self.renderers.get(document.media_type)
        if renderer is None:
            raise StoreUnusable(f"a receipt of order {order.id} cannot be rendered again: install its package")
        content = await renderer.render(change.order)
        new = replace(document, id=documents.digest_of(content), size=len(content), since_version=order.version + 1)
        if not context.dry_run:
            # Before the commit: a repeated erasure would find no document that is to be deleted.
            await self.documents.put(documents.document_key(order.id, new), content, new.media_type)
            if new.id != document.id:
                await self.documents.delete(documents.document_key(order.id, document))
        return new
