"""What goes out: the bytes that a store keeps, as they are, or what a command left, encoded once."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.dtos import CommandResult, OrderDTO
from orderkeep.application.use_cases import HistoryPage, OrderPage
from orderkeep.entrypoints.answer_forms import change_form, dry_run_form, more_form, page_form
from orderkeep.entrypoints.api.conditions import etag_of, none_match

JSON = "application/json"

_encode = msgspec.json.Encoder().encode


def answer(content: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return plain values as JSON."""
    return Response(_encode(content), status, headers, JSON)


def order_answer(request: Request, version: int, order: bytes | OrderDTO) -> Response:
    """Return an order that was looked up, or 304 where the caller has it already."""
    headers = {"ETag": etag_of(version)}
    if not none_match(request.headers, headers["ETag"]):
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    return Response(order if isinstance(order, bytes) else _encode(order), HTTPStatus.OK, headers, JSON)


def result_answer(result: CommandResult, *, dry_run: bool, status: int = HTTPStatus.OK) -> Response:
    """Return the order as a command left it; of a dry run, what it would become and why."""
    if dry_run:
        return answer(dry_run_form(result), headers=result_headers(result) if result.replayed else None)
    content = _encode(result.order) if result.json is None else result.json
    return Response(content, status, result_headers(result), JSON)


def placed_answer(request: Request, result: CommandResult, *, dry_run: bool) -> Response:
    """Return the order that was placed, and where it is from now on."""
    response = result_answer(result, dry_run=dry_run, status=HTTPStatus.CREATED)
    if not dry_run:
        response.headers["Location"] = f"{request.scope['root_path']}/orders/{quote(result.order_id)}"
    return response


def cancelled_answer(result: CommandResult, *, dry_run: bool) -> Response:
    """Return what DELETE answers, and nothing but that."""
    if dry_run:
        return result_answer(result, dry_run=True)
    return answer({"status": "cancelled"}, headers=result_headers(result))


def orders_answer(request: Request, page: OrderPage) -> Response:
    """Return a page of orders: the stored texts, joined."""
    content = b'{"data":[%b],%b}' % (page.json, _encode(more_form(page.next_cursor))[1:-1])
    return Response(content, HTTPStatus.OK, _link(request, page.next_cursor), JSON)


def history_answer(request: Request, page: HistoryPage) -> Response:
    """Return a page of what was done to an order."""
    content = page_form([change_form(change) for change in page.changes], page.next_cursor)
    return answer(content, headers=_link(request, page.next_cursor))


def result_headers(result: CommandResult) -> dict[str, str]:
    """Return the version that a command left the order at, and whether its key had been used before."""
    headers = {"ETag": etag_of(result.version)}
    if result.replayed:
        headers["Idempotency-Replayed"] = "true"
    return headers


def _link(request: Request, next_cursor: str | None) -> dict[str, str] | None:
    if next_cursor is None:
        return None
    asked = parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True)
    query = [(name, value) for name, value in asked if name != "cursor"]
    root = request.scope["root_path"]
    path = quote(root + request.scope["path"].removeprefix(root))
    return {"Link": f'<{path}?{urlencode([*query, ("cursor", next_cursor)])}>; rel="next"'}
