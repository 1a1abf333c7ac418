"""Responses: the bytes that a store committed, sent as they are, or plain values, encoded once."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.dtos import CommandResult
from orderkeep.application.use_cases.get_order_history import HistoryPage
from orderkeep.application.use_cases.list_orders import OrderPage
from orderkeep.entrypoints.envelopes import change_form, order_document, page_form
from orderkeep.entrypoints.envelopes import encode as encode

RawHeaders = Iterable[tuple[bytes, bytes]]


class EncodedResponse(Response):
    """A response with an encoded body and raw headers, which needs none of Starlette's conversions."""

    def __init__(
        self,
        body: bytes,
        status: int = HTTPStatus.OK,
        headers: RawHeaders = (),
        media_type: bytes = b"application/json",
    ) -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]


def etag_of(version: int | str) -> str:
    """Return the entity tag of an order at a version, or of a document by its ID."""
    return f'"{version}"'


def not_modified(etag: str) -> Response:
    """Return 304 with the entity tag that the client has already."""
    return Response(None, HTTPStatus.NOT_MODIFIED, {"ETag": etag})


def command_response(result: CommandResult, status: int = HTTPStatus.OK) -> Response:
    """Return the order as a command left it, or as a dry run would leave it."""
    return EncodedResponse(order_document(result), status, result_headers(result))


def placed_response(result: CommandResult, root_path: str) -> Response:
    """Return the new order, and its URL unless this is a dry run."""
    response = command_response(result, HTTPStatus.CREATED)
    if not result.dry_run:
        location = f"{root_path}/orders/{result.order_id}"  # a UUID
        response.raw_headers.append((b"location", location.encode()))
    return response


def cancelled_response(result: CommandResult) -> Response:
    """Return the new status alone, as the body of the response to DELETE."""
    return EncodedResponse(b'{"status":"cancelled"}', HTTPStatus.OK, result_headers(result))


def result_headers(result: CommandResult) -> list[tuple[bytes, bytes]]:
    """Return the entity tag after a command, and why nothing was written; of a dry run, only that it is one."""
    if result.dry_run:
        return [(b"dry-run", b"true")]
    headers = [(b"etag", etag_of(result.version).encode())]
    if result.replayed:
        headers.append((b"idempotency-replayed", b"true"))
    elif result.unchanged:
        headers.append((b"unchanged", b"true"))
    return headers


def orders_response(request: Request, page: OrderPage) -> Response:
    """Return a page of orders: the stored documents, joined."""
    more = encode({"has_more": page.next_cursor is not None, "next_cursor": page.next_cursor})
    body = b"".join((b'{"data":[', page.json, b"],", more[1:]))  # faster than % with a long text
    return EncodedResponse(body, HTTPStatus.OK, next_link(request, page.next_cursor))


def history_response(request: Request, page: HistoryPage) -> Response:
    """Return a page of changes."""
    content = page_form([change_form(change, page.key_names) for change in page.changes], page.next_cursor)
    return EncodedResponse(encode(content), HTTPStatus.OK, next_link(request, page.next_cursor))


def next_link(request: Request, next_cursor: str | None) -> RawHeaders:
    """Return the `Link` of the next page, if there is one."""
    if next_cursor is None:
        return ()
    scope = request.scope
    given = quote(scope["query_string"], safe="%&=+").split("&")
    query = [part for part in given if unquote(part.partition("=")[0]) not in ("", "cursor")]
    root_path = scope["root_path"]
    path = quote(root_path + scope["path"].removeprefix(root_path))
    return [(b"link", f'<{path}?{"&".join([*query, f"cursor={next_cursor}"])}>; rel="next"'.encode())]
