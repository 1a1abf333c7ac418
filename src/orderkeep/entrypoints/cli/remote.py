"""The use cases on a server instead of a store: each calls an operation of the HTTP API."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext
from orderkeep.application.documents import digest_of, file_name_of
from orderkeep.application.dtos import ChangeDTO, CommandResult, OrderDTO, PlaceOrder, dto
from orderkeep.application.errors import NoOrderMatches
from orderkeep.application.event_feed import EventPage
from orderkeep.application.events import EventView
from orderkeep.application.ports import (
    SEPARATOR,
    ListPosition,
    OrderFilter,
    OrderQueries,
    Progress,
    SnapshotPage,
    ignore_progress,
    utc_now,
)
from orderkeep.application.use_cases.erase_personal_data import Erasure
from orderkeep.application.use_cases.find_order import FindOrderUseCase
from orderkeep.application.use_cases.get_document import FoundDocument
from orderkeep.application.use_cases.get_order_actions import OrderActions
from orderkeep.application.use_cases.get_order_history import HistoryPage
from orderkeep.application.use_cases.get_statistics import Statistics
from orderkeep.application.use_cases.issue_receipt import IssuedReceipt
from orderkeep.application.use_cases.list_orders import (
    DEFAULT_PAGE,
    EVERYTHING,
    FLAGS,
    OrderPage,
    check_filter,
    check_limit,
)
from orderkeep.application.use_cases.search_orders import check_search
from orderkeep.bootstrap import UseCases
from orderkeep.domain.entities import OrderChanges
from orderkeep.domain.exceptions import (
    DocumentNotFound,
    InvalidInput,
    OrderNotFound,
    ServiceUnavailable,
    VersionMismatch,
)
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.domain.value_objects import SAFE_ID, Document
from orderkeep.entrypoints.cli.remote_webhooks import RemoteWebhooks
from orderkeep.entrypoints.cli.server_connection import RETRY, Response, ServerConnection, key_header

PARAMETER = re.compile(r"\{(\w+)\}")
NO_PREFIX = "a server cannot find orders by the beginning of an ID: enter the whole ID"

T = TypeVar("T")


class _Page(msgspec.Struct, Generic[T]):
    data: tuple[T, ...]
    next_cursor: str | None


class _Events(msgspec.Struct):
    data: tuple[EventView, ...]
    has_more: bool
    next_after: int


@dto(kw_only=True)
class _Change(ChangeDTO):
    order_id: str = ""
    key: str | None = None
    actor_name: str | None = None  # an older server sends none


def open_remote(url: str, key: str | None) -> UseCases:
    """Return the use cases that the HTTP API offers, on the server at a URL. Raises `click.UsageError`."""
    orders = RemoteOrders(ServerConnection(url, key))
    names = [each.name for each in fields(UseCases) if each.name != "close" and hasattr(orders, each.name)]
    use_cases = {name: SimpleNamespace(execute=getattr(orders, name)) for name in names}
    return cast("UseCases", SimpleNamespace(close=orders.close, send_command=orders.send_command, **use_cases))


class RemoteOrders(RemoteWebhooks, OrderQueries):
    """The orders of a server. A method that is named like a use case has its parameters, results and errors; the
    server takes the actor from the API key, not from the call.
    """

    def __init__(self, server: ServerConnection) -> None:
        self.server = server

    async def close(self) -> None:
        self.server.pool.clear()

    async def send_command(self, request: str, context: CommandContext, **values: Any) -> CommandResult:
        """Send a request such as `POST /orders/{order_id}/cancel`. Its path and its body contain the values."""
        return self._result(self._send(request, context, values), context)

    async def place_order(self, command: PlaceOrder, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        given = {name: value for name, value in asdict(command).items() if value or name == "total"}
        given |= _given(given.pop("personal", {}))
        for line in given.get("lines", ()):
            for name in [name for name, value in line.items() if not value and name != "unit_price"]:
                del line[name]
        try:  # without fields that are not given, which an older server may not know
            return await self.send_command("POST /orders", context, **given)
        except InvalidInput as error:
            command.to_order("new", utc_now())  # raises the error with its values, unless the server's rules differ
            raise InvalidInput(str(error), error.field) from None

    async def erase_personal_data(
        self,
        order_ids: Sequence[str] = (),
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        user_id: str | None = None,
        on_progress: Progress = ignore_progress,
    ) -> Erasure:
        values = {"user_id": user_id} if user_id is not None else {"orders": list(order_ids)}
        erased = self.server.decode(self._send("POST /erasures", context, values), Erasure)
        on_progress(erased.orders)
        return erased

    async def edit_order(
        self, order_id: str, changes: OrderChanges, context: CommandContext = SYSTEM_CONTEXT
    ) -> CommandResult:
        return await self.send_command("PATCH /orders/{order_id}", context, order_id=order_id, **changes)

    async def issue_receipt(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        file_format: str = "html",
        version: int | None = None,
    ) -> IssuedReceipt:
        """Issue a receipt. The result has no order, because the API returns the document alone."""
        values = {"order_id": order_id, "format": file_format, "version": version}
        response = self._send("POST /orders/{order_id}/documents/receipt", context, values)
        document = self.server.decode(response, Document)
        marks, no_order = _marks(response, context), cast("OrderDTO", None)
        return IssuedReceipt(document, CommandResult(order_id, document.since_version, (), no_order, None, **marks))

    async def find_order(self, text: str, actor: Actor = SYSTEM) -> str:
        try:
            return await FindOrderUseCase(self).execute(text, actor)
        except NoOrderMatches:
            raise NoOrderMatches(text, NO_PREFIX) from None

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        try:
            return await self.get_order(order_id) if SAFE_ID.fullmatch(order_id) else None
        except OrderNotFound:
            return None

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        """Return the first page, which is what finding an order needs."""
        return SnapshotPage((await self.list_orders(where, limit=limit)).json, None)

    async def get_order(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        response = self.server.send("GET", _path(order_id))
        order = self.server.decode(response, OrderDTO)
        return OrderSnapshot(order.id, order.user_id, order.created_at, order.version, response.data)

    async def get_order_actions(self, order_id: str, actor: Actor = SYSTEM) -> OrderActions:
        return self.server.decode(self.server.send("GET", f"{_path(order_id)}/actions", {}), OrderActions)

    async def get_order_at(self, order_id: str, at: int | datetime, actor: Actor = SYSTEM) -> OrderDTO:
        query = {"at": at.isoformat()} if isinstance(at, datetime) else {"version": at}
        return self.server.decode(self.server.send("GET", _path(order_id), query), OrderDTO)

    async def get_order_history(
        self, order_id: str, *, limit: int = DEFAULT_PAGE, cursor: str | None = None, actor: Actor = SYSTEM
    ) -> HistoryPage:
        check_limit(limit)
        path = f"{_path(order_id)}/history"
        page = self.server.decode(self.server.send("GET", path, {"limit": limit, "cursor": cursor}), _Page[_Change])
        key_names = {change.actor: change.actor_name for change in page.data if change.actor_name}
        return HistoryPage(page.data, page.next_cursor, key_names)

    async def list_events(
        self, *, after: int = 0, limit: int = DEFAULT_PAGE, full: bool = False, wait: int = 0, actor: Actor = SYSTEM
    ) -> EventPage:
        check_limit(limit)
        query = {"after": after, "limit": limit, "wait": wait or None, "data": "full" if full else None}
        page = self.server.decode(self.server.send("GET", "/events", query), _Events)
        return EventPage(page.data, page.has_more, page.next_after)

    async def list_orders(
        self,
        where: OrderFilter = EVERYTHING,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        actor: Actor = SYSTEM,
    ) -> OrderPage:
        check_limit(limit)
        check_filter(where)
        query = asdict(where) | {"limit": limit, "cursor": cursor}
        query["status"] = query.pop("statuses")
        query |= {name: "true" for name in FLAGS if query[name]}
        for name in ("created_from", "created_to"):
            query[name] = query[name] and query[name].isoformat()
        return self._orders(query)

    async def search_orders(
        self,
        text: str,
        where: OrderFilter = EVERYTHING,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        actor: Actor = SYSTEM,
    ) -> OrderPage:
        check_limit(limit)
        check_search(text, where)
        return self._orders({"q": text, "limit": limit, "cursor": cursor})

    async def get_statistics(
        self,
        start: date | None = None,
        end: date | None = None,
        *,
        timezone: str = "UTC",
        by: str = "day",
        actor: Actor = SYSTEM,
    ) -> Statistics:
        days = {"from": start and start.isoformat(), "to": end and end.isoformat()}
        return self.server.decode(
            self.server.send("GET", "/stats", {**days, "timezone": timezone, "by": by}), Statistics
        )

    async def list_documents(self, order_id: str, actor: Actor = SYSTEM) -> tuple[Document, ...]:
        response = self.server.send("GET", f"{_path(order_id)}/documents")
        return self.server.decode(response, _Page[Document]).data

    async def get_document(
        self, order_id: str, document_id: str, actor: Actor = SYSTEM, *, prefer_link: bool = False
    ) -> FoundDocument:
        document = next((each for each in await self.list_documents(order_id) if each.id == document_id), None)
        if document is None:
            raise DocumentNotFound(order_id)
        content = self.server.download(f"{_path(order_id)}/documents/{document_id}")
        if digest_of(content) != document_id:
            raise ServiceUnavailable(f"the download of document {document_id} is not this document")
        return FoundDocument(document, file_name_of(order_id, document), content)

    def _orders(self, query: dict[str, Any]) -> OrderPage:
        page = self.server.decode(self.server.send("GET", "/orders", query), _Page[msgspec.Raw])
        return OrderPage(SEPARATOR.join(map(bytes, page.data)), page.next_cursor)

    def _send(self, request: str, context: CommandContext, values: dict[str, Any]) -> Response:
        """Send a request with the values that its path names there, and the others in its body."""
        key, expected = context.key or str(uuid4()), context.expected_version
        headers = key_header(key)
        versions = expected if isinstance(expected, tuple) else () if expected is None else (expected,)
        if versions:
            headers["If-Match"] = ", ".join(f'"{version}"' for version in versions)
        method, _, template = request.partition(" ")
        path = PARAMETER.sub(lambda found: quote(str(values.pop(found[1])), safe=""), template)
        query = {"dry_run": "true"} if context.dry_run else {}
        try:
            return self.server.send(method, path, query, values or None, headers)
        except VersionMismatch as error:
            raise VersionMismatch(versions[0], error.actual) from None
        except ServiceUnavailable as error:
            if not context.dry_run:
                error.__notes__ = [f"{RETRY} with --key {shlex.quote(key)}, so that it takes effect only once"]
            raise

    def _result(self, response: Response, context: CommandContext) -> CommandResult:
        """Return the result of a command. It has no events, because the API returns the order alone."""
        order = self.server.decode(response, OrderDTO)
        return CommandResult(order.id, order.version, (), order, response.data, **_marks(response, context))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return personal data without the values that are not given."""
    parts = {part: {name: each for name, each in (found or {}).items() if each} for part, found in values.items()}
    return {part: found for part, found in parts.items() if found}


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _marks(response: Response, context: CommandContext) -> dict[str, Any]:
    """Return what the headers report of a command. A key that was generated is repeated by retries only."""
    return {
        "replayed": context.key is not None and "Idempotency-Replayed" in response.headers,
        "unchanged": "Unchanged" in response.headers,
        "dry_run": "Dry-Run" in response.headers,
    }
