"""The use cases that are called by name, without HTTP: what each takes, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.answer_forms import change_form, dry_run_form, page_form
from orderkeep.entrypoints.field_errors import FieldError, InvalidFields
from orderkeep.entrypoints.field_types import Instant, Version, finding
from orderkeep.entrypoints.order_files.writing import FORMATS
from orderkeep.entrypoints.schemas import Body, CancelBody, PlaceOrderBody, ReceiptBody, to_place_order


def _whole(text: str) -> str:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise finding("text_not_printable", "must not hold half a surrogate pair")  # which JSON can, and no store
    return text


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise finding("unknown_format", f"must be one of {', '.join(FORMATS)}")
    return name


Text = Annotated[str, AfterValidator(_whole)]


class NoInput(Body):
    """Takes nothing."""


class VerifyInput(Body):
    """Whether the files of documents are read as well."""

    documents: bool = False


class OrderInput(Body):
    """Which order."""

    order_id: Text


class CancelInput(CancelBody):
    """Which order, and why it is called off."""

    order_id: Text


class OrderAtInput(OrderInput):
    """Which order, and at which version or instant."""

    version: Version | None = None
    at: Instant | None = None


class HistoryInput(OrderInput):
    """Which order, and which page of its changes."""

    limit: int = DEFAULT_PAGE
    cursor: Text | None = None


class ReceiptInput(ReceiptBody):
    """Which order, and which receipt of it."""

    order_id: Text


class DocumentInput(OrderInput):
    """Which document of which order."""

    document_id: Text


class OrdersInput(Body):
    """Which orders."""

    user_id: Text | None = None
    status: Text | None = None
    tag: Text | None = None
    external_ref: Text | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None


class ListInput(OrdersInput):
    """Which orders, and which page of them."""

    limit: int = DEFAULT_PAGE
    cursor: Text | None = None


class ExportInput(OrdersInput):
    """Which orders, and how they are written."""

    format: Annotated[str, AfterValidator(_known_format)] = "jsonl"


@dataclass(frozen=True, slots=True)
class Call:
    """A use case by its name: `model` is its input, `work` returns what is answered. Commands change orders, and take
    an idempotency key, an expected version and a dry run.
    """

    model: type[Body]
    work: Callable[[UseCases, Any, CommandContext], Awaitable[object]]
    is_command: bool = False


async def _place_order(use_cases: UseCases, given: PlaceOrderBody, asked: CommandContext) -> object:
    return _result(await use_cases.place_order.execute(to_place_order(given), asked), asked)


async def _cancel_order(use_cases: UseCases, given: CancelInput, asked: CommandContext) -> object:
    result = await use_cases.cancel_order.execute(given.order_id, asked, reason=given.reason, note=given.note)
    return _result(result, asked)


async def _move(name: str, use_cases: UseCases, given: OrderInput, asked: CommandContext) -> object:
    return _result(await getattr(use_cases, name).execute(given.order_id, asked), asked)


async def _get_order(use_cases: UseCases, given: OrderInput, asked: CommandContext) -> object:
    return msgspec.Raw((await use_cases.get_order.execute(given.order_id, asked.actor)).json)


async def _get_order_at(use_cases: UseCases, given: OrderAtInput, asked: CommandContext) -> object:
    if (when := given.at or given.version) is None or (given.at and given.version):
        raise InvalidFields((FieldError("/at", "invalid_value", "must be given, or version in its place"),))
    return await use_cases.get_order_at.execute(given.order_id, when, asked.actor)


async def _get_order_history(use_cases: UseCases, given: HistoryInput, asked: CommandContext) -> object:
    page = await use_cases.get_order_history.execute(
        given.order_id, limit=given.limit, cursor=given.cursor, actor=asked.actor
    )
    return page_form([change_form(change) for change in page.changes], page.next_cursor)


async def _list_orders(use_cases: UseCases, given: ListInput, asked: CommandContext) -> object:
    filters = OrderFilter(**given.model_dump(exclude={"limit", "cursor"}))
    page = await use_cases.list_orders.execute(filters, limit=given.limit, cursor=given.cursor, actor=asked.actor)
    return page_form([msgspec.Raw(order) for order in page.orders], page.next_cursor)


async def _issue_receipt(use_cases: UseCases, given: ReceiptInput, asked: CommandContext) -> object:
    issued = await use_cases.issue_receipt.execute(
        given.order_id, asked, file_format=given.format, version=given.version
    )
    return dry_run_form(issued.result) if asked.dry_run else issued.document


async def _list_documents(use_cases: UseCases, given: OrderInput, asked: CommandContext) -> object:
    return page_form([*await use_cases.list_documents.execute(given.order_id, asked.actor)], None)


async def _get_document(use_cases: UseCases, given: DocumentInput, asked: CommandContext) -> object:
    return await use_cases.get_document.execute(given.order_id, given.document_id, asked.actor, prefer_link=True)


async def _export_to_document(use_cases: UseCases, given: ExportInput, asked: CommandContext) -> object:
    filters = OrderFilter(**given.model_dump(exclude={"format"}))
    return await use_cases.export_to_document.execute(FORMATS[given.format], filters, asked.actor)


async def _verify_orders(use_cases: UseCases, given: VerifyInput, asked: CommandContext) -> object:
    return await use_cases.verify_orders.execute(read_documents=given.documents, actor=asked.actor)


async def _check_store(use_cases: UseCases, _: NoInput, __: CommandContext) -> object:
    await use_cases.check_store()
    return {"status": "ready"}


def _result(result: CommandResult, asked: CommandContext) -> object:
    return dry_run_form(result) if asked.dry_run else result.order


CALLS: dict[str, Call] = {
    "place_order": Call(PlaceOrderBody, _place_order, is_command=True),
    "get_order": Call(OrderInput, _get_order),
    "get_order_at": Call(OrderAtInput, _get_order_at),
    "get_order_history": Call(HistoryInput, _get_order_history),
    "list_orders": Call(ListInput, _list_orders),
    "confirm_order": Call(OrderInput, partial(_move, "confirm_order"), is_command=True),
    "ship_order": Call(OrderInput, partial(_move, "ship_order"), is_command=True),
    "deliver_order": Call(OrderInput, partial(_move, "deliver_order"), is_command=True),
    "cancel_order": Call(CancelInput, _cancel_order, is_command=True),
    "issue_receipt": Call(ReceiptInput, _issue_receipt, is_command=True),
    "list_documents": Call(OrderInput, _list_documents),
    "get_document": Call(DocumentInput, _get_document),
    "export_to_document": Call(ExportInput, _export_to_document),
    "verify_orders": Call(VerifyInput, _verify_orders),
    "check_store": Call(NoInput, _check_store),
}
"""By the names of `UseCases`, all whose answer comes in one piece."""
