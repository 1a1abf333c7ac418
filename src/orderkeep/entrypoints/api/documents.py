"""Documents over HTTP: receipts are issued, and files handed out in a way that no browser runs them here."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.use_cases import FoundDocument, IssuedReceipt
from orderkeep.entrypoints.answer_forms import page_form
from orderkeep.entrypoints.api import answers
from orderkeep.entrypoints.api.bodies import receipt_in
from orderkeep.entrypoints.api.conditions import etag_of, none_match
from orderkeep.entrypoints.api.dependencies import Asker, Context, DocumentId, OrderId, Services
from orderkeep.entrypoints.api.documentation import documented
from orderkeep.entrypoints.api.routing import StrictRoute

router = APIRouter(prefix="/orders/{order_id}/documents", tags=["documents"], route_class=StrictRoute)

HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
"""What a customer wrote stands in a document. Should some program show it all the same, nothing in it is run."""


@router.post("/receipt", **documented("issue_receipt"))
async def issue_receipt(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """Answers 201 and where the receipt is, or 200 where it had been issued before."""
    wanted = await receipt_in(request)
    issued = await use_cases.issue_receipt.execute(order_id, context, file_format=wanted.format, version=wanted.version)
    return _receipt_answer(request, issued, dry_run=context.dry_run)


@router.get("", **documented("list_documents"))
async def list_documents(order_id: OrderId, use_cases: Services, asker: Asker) -> Response:
    """Each with its `id`, by which the file itself is asked for."""
    found = await use_cases.list_documents.execute(order_id, asker)
    return answers.answer(page_form([*found], None))


@router.get("/{document_id}", **documented("get_document"))
async def get_document(
    order_id: OrderId, document_id: DocumentId, request: Request, use_cases: Services, asker: Asker
) -> Response:
    """The file itself, to be saved; or 307 and a link to it, where documents are kept in a place that has such. With
    `If-None-Match`, 304: a document never changes."""
    if not none_match(request.headers, etag_of(document_id)):
        kept = await use_cases.list_documents.execute(order_id, asker)
        if any(document.id == document_id for document in kept):
            return Response(None, HTTPStatus.NOT_MODIFIED, {"ETag": etag_of(document_id)})
    return _file_answer(await use_cases.get_document.execute(order_id, document_id, asker, prefer_link=True))


def _receipt_answer(request: Request, issued: IssuedReceipt, *, dry_run: bool) -> Response:
    is_new = bool(issued.result.events)  # or was, when the same request came first
    if dry_run:
        return answers.result_answer(issued.result, dry_run=True)
    path = f"/orders/{quote(issued.result.order_id)}/documents/{issued.document.id}"
    headers = {**answers.result_headers(issued.result), "Location": request.scope["root_path"] + path}
    return answers.answer(issued.document, HTTPStatus.CREATED if is_new else HTTPStatus.OK, headers)


def _file_answer(found: FoundDocument) -> Response:
    if found.link is not None:
        return Response(None, HTTPStatus.TEMPORARY_REDIRECT, {"Location": found.link})
    headers = {
        "ETag": etag_of(found.document.id),
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        **HARMLESS,
    }
    return Response(found.content, HTTPStatus.OK, headers, found.document.media_type)
