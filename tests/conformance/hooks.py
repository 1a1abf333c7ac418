"""What Schemathesis cannot read from the document: which rejections are not about the form, and that lines add up."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from orderkeep.application.periods import MAX_DAYS, MAX_PERIODS
from orderkeep.domain.value_objects import CURRENCIES

OF_STATE = {
    "cannot_confirm_order", "cannot_ship_order", "cannot_deliver_order", "cannot_cancel_order", "too_many_documents",
    "idempotency_key_reused", "version_mismatch", "invalid_cursor",
    "order_not_confirmed", "nothing_to_ship", "nothing_to_cancel", "nothing_to_return", "order_on_hold",
    "cannot_hold_order", "cannot_release_order", "quantity_not_available", "refund_exceeds_payments",
    "refund_already_failed", "return_already_closed", "too_many_records", "external_ref_is_set", "unknown_line",
    "too_many_metadata_keys", "invalid_time", "payment_required", "unknown_position",
    "position_out_of_range", "replay_in_progress", "too_many_webhooks",
}  # fmt: skip
"""Codes of refusals that hang on what is kept: the order, its keys, the list that a cursor is of."""

OF_SEVERAL_FIELDS = {
    "total_mismatch",
    "discount_exceeds_line",
    "amount_out_of_range",
    "unsupported_filter",
    "duplicate_line",
}
"""Codes of rules on several fields at once, which no schema can say."""

OF_SEVERAL_PARAMETERS = (
    "cannot be combined with version",
    "must not be before created_from",
    "must be after from: it is the day after the last one",
    f"must be at most {MAX_DAYS} days after from",
    f"must be a longer period: the range has more than {MAX_PERIODS} of them",
)


WEBHOOK_URL = "https://[3ffe::1]:8443/hook"
"""A public address, which every mode accepts, of a network that was returned: nothing is reached there."""


@schemathesis.check
def what_fits_the_document_is_not_refused_for_its_form(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Fail where a request that the document allows is called malformed."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 415, 422):
        return
    problem = response.json()
    messages = [error["message"] for error in problem.get("errors", ())]
    of_parameters = messages and all(message in OF_SEVERAL_PARAMETERS for message in messages)
    if problem["code"] not in OF_STATE | OF_SEVERAL_FIELDS and not of_parameters:
        raise AssertionError(f"the document allows it, and it is refused: {problem['code']} {problem['detail']}")


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Let what fits the document be meant so: orders add up, in a currency that exists, and entity tags have quotes."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in ("If-Match", "If-None-Match"):
        if case.headers and (tag := case.headers.get(name, "*")).isalnum():  # all that its coverage phase writes there
            case.headers[name] = f'"{tag}"'
    if case.query and "timezone" in case.query:
        case.query["timezone"] = "Europe/Berlin"
    if isinstance(case.body, dict):
        case.body = _meant(case.operation.definition.raw.get("operationId"), dict(case.body))


def _meant(operation: str | None, body: dict[str, Any]) -> dict[str, Any]:
    if operation == "place_order":
        body["currency"] = body["currency"] if body["currency"] in CURRENCIES else "EUR"
        body |= {"total": _sum(body)} if body.get("lines") else {}
    body |= {"url": WEBHOOK_URL} if "url" in body else {}
    if operation == "erase_personal_data" and not body.get("orders"):
        body = {"user_id": body.get("user_id") or "user-1"}
    elif body.get("orders"):
        body.pop("user_id", None)
    for part in ("shipping_address", "billing_address"):
        if (address := body.get(part)) and address.get("country"):
            body[part] = {**address, "country": "DE"}
    return body | ({"tags": list(dict.fromkeys(body["tags"]))} if body.get("tags") else {})


def _sum(order: dict[str, Any]) -> int:
    lines = sum(
        line["quantity"] * line["unit_price"] - (line.get("discount") or 0) + (line.get("tax") or 0)
        for line in order["lines"]
    )
    total = int(lines + (order.get("shipping") or 0) + (order.get("tax") or 0) - (order.get("discount") or 0))
    return total if 0 <= total < 10**15 else order["total"]
