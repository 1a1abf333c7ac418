"""Place, list and cancel orders with the Python client of openapi-generator; print what came of it."""

import json
import sys
from typing import Any

from openapi_client import (
    ApiClient,
    ApiException,
    CancelBody,
    Configuration,
    LineBody,
    OrdersApi,
    OrderStatus,
    PlaceOrderBody,
)

url, key = sys.argv[1:]
api = OrdersApi(ApiClient(Configuration(host=url, access_token=key)))
three = PlaceOrderBody(user_id="user-42", total=9900, currency="EUR")
with_lines = PlaceOrderBody(
    user_id="user-42",
    total=10_000,
    currency="EUR",
    lines=[LineBody(sku="A1", name="Lamp", quantity=2, unit_price=4750)],
    shipping=500,
    tax=None,
    tags=["gift"],
    metadata={"channel": "web"},
)


def rejected(call: Any, *args: Any, **options: Any) -> tuple[int, Any]:
    """Return the status of a rejected request, and its problem document."""
    try:
        call(*args, **options)
    except ApiException as error:
        return error.status, json.loads(error.body)
    raise AssertionError("the request was accepted")


placed = api.place_order_with_http_info(three)
full = api.place_order(with_lines, idempotency_key="full")
dry_run = api.place_order_with_http_info(three, dry_run=True)
page = api.list_orders(status=[OrderStatus.PENDING, OrderStatus.CANCELLED], limit=1)
stale_status, stale = rejected(api.cancel_order, placed.data.id, if_match='"7"')
cancelled = api.cancel_order(placed.data.id, cancel_body=CancelBody(reason="late"))
again_status, again = rejected(api.delete_order, placed.data.id)
invalid_status, invalid = rejected(api.place_order, three.model_copy(update={"currency": "ABC"}))

print(
    json.dumps(
        {
            "placed": [placed.status_code, placed.data.status, placed.data.total, len(placed.data.lines)],
            "full": [full.lines[0].name, full.shipping, full.tags, full.metadata["channel"]],
            "dry_run": [dry_run.status_code, dry_run.data.user_id, dry_run.headers["dry-run"]],
            "page": [len(page.data), page.data[0].external_ref, page.has_more],
            "stale": [stale_status, stale["code"]],
            "cancelled": [cancelled.status, cancelled.cancellation.reason, cancelled.version],
            "again": [again_status, again["code"]],
            "invalid": [invalid_status, invalid["errors"][0]["pointer"]],
        }
    )
)
