"""Every operation in one table: what it is for, what it takes, what it answers, how it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from orderkeep.application import use_cases
from orderkeep.entrypoints.api import examples

ORDER_HEADERS = ("ETag", "Idempotency-Replayed")


@dataclass(frozen=True, slots=True)
class Good:
    """An answer as it was hoped for: an example for each schema that it may have, or for each media type of a file.
    `links` name the operations that go on from here, with what they take from this answer.
    """

    status: HTTPStatus
    description: str
    examples: dict[str, Any] = field(default_factory=dict)
    headers: Sequence[str] = ()
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an operation is for (its use case says so, where it has one), takes and answers. Errors stand there by
    their codes; a body as its schema and an example.
    """

    use_case: type | None = None
    summary: str = ""
    answers: Sequence[Good]
    query: Sequence[str] = ()
    headers: Sequence[str] = ()
    body: tuple[str, Any] | None = None
    body_required: bool = False
    errors: Sequence[str] = ()


_CONDITIONS = ("Idempotency-Key", "If-Match")
_BODY_ERRORS = ("malformed_json", "request_too_slow", "body_too_large", "unsupported_media_type", "invalid_fields")
_DOOR_ERRORS = ("origin_not_allowed", "not_allowed")
_STORE_ERRORS = ("store_unavailable", "store_unusable", "internal_error")
_SERVED_ERRORS = ("overloaded", *_STORE_ERRORS)
_LOOKUP_ERRORS = ("not_allowed", "order_not_found", "invalid_query", *_SERVED_ERRORS)


def _command(
    use_case: type, refusals: Sequence[str], answers: Sequence[Good], body: tuple[str, Any] | None = None
) -> Operation:
    return Operation(
        use_case=use_case,
        answers=answers,
        query=("dry_run",),
        headers=_CONDITIONS,
        body=body,
        errors=(
            *_BODY_ERRORS, *_DOOR_ERRORS, "order_not_found", *refusals, "invalid_query", "invalid_header",
            "idempotency_key_reused", "version_mismatch", "contention", *_SERVED_ERRORS,
        ),
    )  # fmt: skip


_TO_THE_DOCUMENT = {
    "get_document": {"order_id": "$request.path.order_id", "document_id": "$response.body#/id"},
    "list_documents": {"order_id": "$request.path.order_id"},
}


def _moved(description: str, order: dict[str, Any]) -> list[Good]:
    return [Good(HTTPStatus.OK, description, {"Order": order, "DryRun": examples.DRY_RUN}, ORDER_HEADERS)]


OPERATIONS: dict[str, Operation] = {
    "place_order": Operation(
        use_case=use_cases.PlaceOrderUseCase,
        answers=[
            Good(HTTPStatus.CREATED, "The order.", {"Order": examples.order()}, ("Location", *ORDER_HEADERS)),
            Good(HTTPStatus.OK, "A dry run: what would be placed.", {"DryRun": examples.DRY_RUN}),
        ],
        query=("dry_run",),
        headers=_CONDITIONS,
        body=("PlaceOrderBody", examples.PLACE),
        body_required=True,
        errors=(
            *_BODY_ERRORS, *_DOOR_ERRORS, "total_mismatch", "discount_exceeds_line", "amount_out_of_range",
            "invalid_query", "invalid_header", "idempotency_key_reused", "version_mismatch", "contention",
            *_SERVED_ERRORS,
        ),
    ),
    "list_orders": Operation(
        use_case=use_cases.ListOrdersUseCase,
        answers=[Good(HTTPStatus.OK, "A page of orders.", {"OrderPage": examples.ORDERS}, ("Link",))],
        query=("user_id", "status", "tag", "external_ref", "created_from", "created_to", "limit", "cursor"),
        errors=("not_allowed", "invalid_query", "invalid_cursor", "unsupported_filter", *_SERVED_ERRORS),
    ),
    "get_order": Operation(
        use_case=use_cases.GetOrderUseCase,
        answers=[
            Good(HTTPStatus.OK, "The order.", {"Order": examples.WITH_RECEIPT}, ("ETag",)),
            Good(HTTPStatus.NOT_MODIFIED, "The caller has it already.", headers=("ETag",)),
        ],
        query=("version", "at"),
        headers=("If-None-Match",),
        errors=(*_LOOKUP_ERRORS, "version_not_found", "invalid_header"),
    ),
    "get_order_history": Operation(
        use_case=use_cases.GetOrderHistoryUseCase,
        answers=[Good(HTTPStatus.OK, "A page of changes.", {"ChangePage": examples.HISTORY}, ("Link",))],
        query=("limit", "cursor"),
        errors=(*_LOOKUP_ERRORS, "invalid_cursor"),
    ),
    "confirm_order": _command(
        use_cases.ConfirmOrderUseCase, ("cannot_confirm_order",),
        _moved("The order, in processing.", examples.order("processing", 2)),
    ),
    "ship_order": _command(
        use_cases.ShipOrderUseCase, ("cannot_ship_order",),
        _moved("The order, shipped.", examples.order("shipped", 3)),
    ),
    "deliver_order": _command(
        use_cases.DeliverOrderUseCase, ("cannot_deliver_order",),
        _moved("The order, delivered.", examples.order("delivered", 4)),
    ),
    "cancel_order": _command(
        use_cases.CancelOrderUseCase, ("cannot_cancel_order",),
        _moved("The order, cancelled.", examples.CANCELLED), ("CancelBody", examples.CANCEL),
    ),
    "delete_order": _command(
        use_cases.CancelOrderUseCase, ("cannot_cancel_order",),
        [Good(HTTPStatus.OK, "Done.", {"Cancelled": examples.DELETED, "DryRun": examples.DRY_RUN}, ORDER_HEADERS)],
    ),
    "issue_receipt": _command(
        use_cases.IssueReceiptUseCase, ("version_not_found", "unknown_format", "too_many_documents"),
        [
            Good(
                HTTPStatus.CREATED, "The receipt.", {"Document": examples.DOCUMENT}, ("Location", *ORDER_HEADERS),
                links=_TO_THE_DOCUMENT,
            ),
            Good(
                HTTPStatus.OK, "The receipt, which had been issued before; or a dry run.",
                {"Document": examples.DOCUMENT, "DryRun": examples.DRY_RECEIPT}, ("Location", *ORDER_HEADERS),
                links=_TO_THE_DOCUMENT,
            ),
        ],
        ("ReceiptBody", examples.RECEIPT),
    ),
    "list_documents": Operation(
        use_case=use_cases.ListDocumentsUseCase,
        answers=[Good(HTTPStatus.OK, "All of them.", {"DocumentPage": examples.DOCUMENTS})],
        errors=_LOOKUP_ERRORS,
    ),
    "get_document": Operation(
        use_case=use_cases.GetDocumentUseCase,
        answers=[
            Good(HTTPStatus.OK, "The file.", files=examples.FILES, headers=("ETag", "Content-Disposition")),
            Good(
                HTTPStatus.TEMPORARY_REDIRECT, "The file is to be had there, for some minutes.", headers=("Location",),
            ),
            Good(HTTPStatus.NOT_MODIFIED, "The caller has it already.", headers=("ETag",)),
        ],
        headers=("If-None-Match",),
        errors=(*_LOOKUP_ERRORS, "document_not_found", "invalid_header"),
    ),
    "get_lifecycle": Operation(
        summary="Look up the lifecycle of orders",
        answers=[Good(HTTPStatus.OK, "All statuses, and all ways between them.", {"Lifecycle": examples.LIFECYCLE})],
        errors=("invalid_query", "overloaded", "internal_error"),
    ),
    "get_liveness": Operation(
        summary="Is the process alive?",
        answers=[Good(HTTPStatus.OK, "It is.", {"Health": {"status": "alive"}})],
        errors=("invalid_query", "internal_error"),
    ),
    "get_readiness": Operation(
        summary="Can it serve?",
        answers=[Good(HTTPStatus.OK, "It can.", {"Health": {"status": "ready"}})],
        errors=("invalid_query", "draining", *_STORE_ERRORS),
    ),
    "get_metrics": Operation(
        summary="What does it do?",
        answers=[Good(HTTPStatus.OK, "Metrics, in Prometheus' text format.", files={"text/plain": examples.METRICS})],
        errors=("invalid_query", "internal_error"),
    ),
}  # fmt: skip
