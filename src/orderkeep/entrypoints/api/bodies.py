"""Request bodies: JSON that is declared as such, read strictly, of bounded size."""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.requests import Request

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.entrypoints.api.conditions import BLANK
from orderkeep.entrypoints.api.problems import Detail, Refused
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.schemas import CancelBody, ReceiptBody, read_cancel, read_place_order, read_receipt

_JSON = re.compile(r'application/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE)


async def new_order_in(request: Request) -> PlaceOrder:
    """Return the order to place that the body describes. Raises `Refused`."""
    data = _json(request, await request.body())
    try:
        return read_place_order(data)
    except InvalidFields as error:
        raise _refusal(error) from None


async def cancellation_in(request: Request) -> CancelBody:
    """Return the reason and the note of the body; it may be empty. Raises `Refused`."""
    data = await _json_or_nothing(request)
    try:
        return read_cancel(data)
    except InvalidFields as error:
        raise _refusal(error) from None


async def receipt_in(request: Request) -> ReceiptBody:
    """Return which receipt the body asks for; it may be empty. Raises `Refused`."""
    data = await _json_or_nothing(request)
    try:
        return read_receipt(data)
    except InvalidFields as error:
        raise _refusal(error) from None


async def expect_nothing_in(request: Request) -> None:
    """Refuse a body that says something where nothing can be said. `{}` says nothing."""
    body = await request.body()
    if body and _json(request, body) != {}:
        error = Detail("unexpected_body", "must be empty here", pointer="")
        raise Refused.for_errors("invalid_fields", [error])


async def _json_or_nothing(request: Request) -> object:
    body = await request.body()
    return _json(request, body) if body else {}


def _json(request: Request, body: bytes) -> object:
    types = request.headers.getlist("content-type")
    if body and not (len(types) == 1 and _JSON.fullmatch(types[0].strip(BLANK))):
        detail = "the body must be JSON: Content-Type: application/json"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        detail = "the body must not be compressed"
        headers = {"Accept-Encoding": "identity"}
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail, headers=headers)
    try:
        return read_json(body)
    except InvalidJSON as error:
        raise Refused(HTTPStatus.BAD_REQUEST, error.code, f"the body {error}", limit=error.limit) from None


def _refusal(error: InvalidFields) -> Refused:
    details = [Detail(found.code, found.message, pointer=found.pointer, limit=found.limit) for found in error.errors]
    return Refused.for_errors(error.code, details)
