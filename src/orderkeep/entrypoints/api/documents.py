"""Routes of documents: issue receipts, list documents, download files. A downloaded file never runs in a browser."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Body, Path
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.use_cases.get_document import FoundDocument
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, CurrentActor, IfNoneMatch, OrderId, Services, is_modified
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import Document, DocumentPage
from orderkeep.entrypoints.api.responses import (
    EncodedResponse,
    encode,
    etag_of,
    not_modified,
    result_headers,
)
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.envelopes import page_form
from orderkeep.entrypoints.schemas import ReceiptBody

router = APIRouter(prefix="/orders/{order_id}/documents", tags=["documents"], route_class=CompiledRoute)

HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
"""Documents contain texts of customers: even if a program displays one, nothing in it is executed."""

DocumentId = Annotated[
    str, Path(description="Document ID: the SHA-256 of its content.", examples=[examples.DOCUMENT_ID])
]
DEFAULT_RECEIPT = ReceiptBody()

_TO_DOCUMENT = {
    "get_document": {
        "operationId": "get_document",
        "parameters": {"order_id": "$request.path.order_id", "document_id": "$response.body#/id"},
    },
    "list_documents": {"operationId": "list_documents", "parameters": {"order_id": "$request.path.order_id"}},
}
_RECEIPT_HEADERS = ("Location", "ETag", "Idempotency-Replayed", "Dry-Run")


@router.post(
    "/receipt",
    response_model=Document,
    status_code=201,
    summary="Issue a receipt",
    responses={
        **success(
            201, "The new receipt.", {"Document": examples.DOCUMENT}, headers=_RECEIPT_HEADERS, links=_TO_DOCUMENT
        ),
        **success(
            200,
            "The receipt that was issued before.",
            {"Document": examples.DOCUMENT},
            headers=(*_RECEIPT_HEADERS, "Unchanged"),
            links=_TO_DOCUMENT,
            model=Document,
        ),
        **failures(examples.RECEIPT_ERRORS),
    },
)
async def issue_receipt(
    order_id: OrderId,
    request: Request,
    context: Context,
    use_cases: Services,
    receipt: Annotated[
        ReceiptBody, Body(openapi_examples={"ReceiptBody": {"value": examples.RECEIPT}})
    ] = DEFAULT_RECEIPT,
) -> Response:
    """Issues the receipt of one version of the order in one format, once. Returns 201 for a new receipt, and 200 if it
    was issued before. By default, the receipt shows the order as it was last changed, in HTML.
    """
    issued = await use_cases.issue_receipt.execute(
        order_id, context, file_format=receipt.format or "html", version=receipt.version
    )
    is_new = bool(issued.result.events)  # also if this is a replay of the request that issued it
    location = f"{request.scope['root_path']}/orders/{quote(order_id)}/documents/{issued.document.id}"
    headers = result_headers(issued.result)
    if not issued.result.dry_run:
        headers.append((b"location", location.encode()))
    return EncodedResponse(encode(issued.document), HTTPStatus.CREATED if is_new else HTTPStatus.OK, headers)


@router.get(
    "",
    response_model=DocumentPage,
    summary="List the documents of an order",
    responses={
        **success(
            200,
            "The documents of the order.",
            {"DocumentPage": {"data": [examples.DOCUMENT], "has_more": False, "next_cursor": None}},
        ),
        **failures(examples.READ_ERRORS),
    },
)
async def list_documents(order_id: OrderId, actor: CurrentActor, use_cases: Services) -> Response:
    """Returns the metadata of all documents of the order, oldest first, in one page."""
    found = await use_cases.list_documents.execute(order_id, actor)
    return EncodedResponse(encode(page_form([*found], None)))


@router.get(
    "/{document_id}",
    response_class=Response,
    summary="Download a document",
    responses={
        200: {
            "description": "The file.",
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("ETag", "Content-Disposition")},
            "content": {
                "application/pdf": {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.7 …"},
                "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>\n<html>…</html>\n"},
            },
        },
        **success(307, "Redirect to a download link that expires after 5 minutes.", headers=("Location",)),
        **success(304, "Not modified.", headers=("ETag",)),
        **failures(examples.DOCUMENT_ERRORS),
    },
)
async def get_document(
    order_id: OrderId,
    document_id: DocumentId,
    actor: CurrentActor,
    use_cases: Services,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns the file as an attachment, or redirects with 307 to a download link that expires after 5 minutes.
    Documents never change: with `If-None-Match`, returns 304.
    """
    etag = etag_of(document_id)
    if not is_modified(if_none_match, etag):
        listed = await use_cases.list_documents.execute(order_id, actor)
        if any(document.id == document_id for document in listed):
            return not_modified(etag)
    return _file_response(await use_cases.get_document.execute(order_id, document_id, actor, prefer_link=True))


def _file_response(found: FoundDocument) -> Response:
    if found.link is not None:
        return Response(None, HTTPStatus.TEMPORARY_REDIRECT, {"Location": found.link})
    headers = {
        "ETag": etag_of(found.document.id),
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        **HARMLESS,
    }
    return Response(found.content, HTTPStatus.OK, headers, found.document.media_type)
