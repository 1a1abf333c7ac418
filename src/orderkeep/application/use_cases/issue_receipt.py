"""Issue a receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from orderkeep.application import documents
from orderkeep.application.access.actor import Actor, Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, change_order
from orderkeep.application.dtos import CommandResult
from orderkeep.application.errors import Overloaded, TooManyRequests, UnknownFormat
from orderkeep.application.ports import Clock, DocumentStore, OrderHistory, OrderStore, ReceiptRenderer, utc_now
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound, VersionNotFound
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import Document


@dataclass(frozen=True, slots=True)
class IssuedReceipt:
    """A receipt, and the result of the command on its order."""

    document: Document
    result: CommandResult

    @property
    def issued_before(self) -> bool:
        """Whether the receipt is not new; if the result is a replay, an earlier request with the same key issued it."""
        return self.result.replayed or self.result.unchanged


MOST_OF_AN_ACTOR = 4
MOST_AT_ONCE = 12
"""Requests for receipts in progress: to render one of a large order takes seconds of a processor."""


class IssueReceiptUseCase:
    """Issue a receipt of one version of an order in one format, once."""

    def __init__(
        self,
        repo: OrderRepository,
        history: OrderHistory,
        store: DocumentStore,
        renderers: Mapping[str, ReceiptRenderer],
        clock: Clock = utc_now,
    ) -> None:
        self.repo, self.history, self.store, self.renderers, self.clock = repo, history, store, renderers, clock
        self._in_progress = Counter[Actor]()

    async def execute(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        file_format: str = "html",
        version: int | None = None,
    ) -> IssuedReceipt:
        """Return the receipt, new or as issued before. The default `version` is the last one that changed the order
        itself.

        Raises `VersionNotFound`, `UnknownFormat`, `TooManyDocuments`, and like `change_order`; `TooManyRequests` if
        `MOST_OF_AN_ACTOR` of the same actor are in progress, and `Overloaded` if `MOST_AT_ONCE` of all actors are.
        """
        with self._admitted(context.actor):
            return await self._issue(order_id, context, file_format, version)

    @contextmanager
    def _admitted(self, actor: Actor) -> Iterator[None]:
        if self._in_progress[actor] >= MOST_OF_AN_ACTOR:
            raise TooManyRequests(1, f"{MOST_OF_AN_ACTOR} receipts are in progress, which is the limit")
        if self._in_progress.total() >= MOST_AT_ONCE:
            raise Overloaded("receipts")
        self._in_progress[actor] += 1
        try:
            yield
        finally:
            self._in_progress[actor] -= 1
            self._in_progress += Counter()  # without those at zero

    async def _issue(
        self, order_id: str, context: CommandContext, file_format: str, version: int | None
    ) -> IssuedReceipt:
        renderer = self.renderers.get(file_format)
        if renderer is None:
            raise UnknownFormat(f"must be one of {', '.join(self.renderers)}", "format")
        chosen: list[Document] = []
        written: list[Document] = []

        async def decide(order: Order | None) -> Order:
            if order is None:
                raise OrderNotFound(order_id)
            shown = order.content_version if version is None else version
            wanted = (documents.RECEIPT, renderer.media_type, shown)
            document = next((d for d in order.documents if (d.kind, d.media_type, d.order_version) == wanted), None)
            if document is None:
                document = await self._attach(order, shown, renderer, written, keep=not context.dry_run)
            chosen[:] = [document]
            return order

        command = ("issue_receipt", [file_format, version])
        # Who may read an order may have its receipt: what is written shows nothing more, and only records its issue.
        try:
            result = await change_order(self.repo, order_id, decide, context, command, self.history, scope=Scope.READ)
        finally:  # an attempt that lost a race to an erasure has written what was erased
            for document in written:
                if document not in chosen:
                    await self.store.delete(documents.order_key(order_id, document))
        if result.replayed:  # the key was used before, perhaps after the last call of `decide`
            chosen = [each for each in result.order.documents if each.since_version == result.order.version]
        return IssuedReceipt(chosen[0], result)

    async def _attach(
        self, order: Order, version: int, renderer: ReceiptRenderer, written: list[Document], *, keep: bool
    ) -> Document:
        change = await self.history.get_change(order.id, version) if 1 <= version <= order.version else None
        if change is None:
            raise VersionNotFound(order.id, f"the order has no version {version}")
        personal = None
        shown = change.order.personal_data  # later data is not shown: it is not of this version
        if isinstance(self.repo, OrderStore) and shown is not None and shown == order.personal_data:
            personal = (await self.repo.get_personal_data([order.id])).get(order.id)
        content = await renderer.render(change.order, personal)
        now = self.clock()
        document = Document(
            id=documents.digest_of(content),
            kind=documents.RECEIPT,
            media_type=renderer.media_type,
            size=len(content),
            order_version=version,
            since_version=order.version + 1,
            created_at=now,
        )
        order.attach(document, at=now)
        if keep:  # stored before the order refers to it
            await self.store.put(documents.order_key(order.id, document), content, document.media_type)
            if personal is not None:
                written.append(document)
        return document
