"""One order's story in examples, for the OpenAPI document: each fits its schema, which the linter checks."""

from __future__ import annotations

from typing import Any

import msgspec

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.status import OrderStatus

ORDER_ID = "0199f6b2-3c00-7a61-9d1f-5a0f6c1f7b11"
REQUEST_ID = "b2f1a3c04d5e4f60a1b2c3d4e5f60718"
DOCUMENT_ID = "4b1d6f0a9c2e5378a1f4d6029be7c35d88f0416e2a97cb3d5e10f2847a6b9c0d"
PLACED_AT, SHIPPED_AT = "2026-11-22T10:00:00Z", "2026-11-22T16:30:00Z"
CURSOR = "WyI5ZjJjMWU3YTVkM2I0YzZhIiwiMjAyNi0xMS0yMlQxMDowMDowMCswMDowMCIsIjEiXQ"

PLACE: dict[str, Any] = {
    "user_id": "user-42",
    "total": 9900,
    "currency": "EUR",
    "lines": [{"sku": "A1", "name": "Lamp", "quantity": 2, "unit_price": 4750}],
    "shipping": 500,
    "discount": 100,
    "external_ref": "web-7781",
    "tags": ["gift"],
    "metadata": {"channel": "web"},
}
RECEIPT = {"format": "html", "version": 1}
DOCUMENT: dict[str, Any] = {
    "id": DOCUMENT_ID,
    "kind": "receipt",
    "media_type": "text/html",
    "size": 3120,
    "order_version": 1,
    "since_version": 2,
    "created_at": SHIPPED_AT,
}
CANCEL = {"reason": "changed_mind", "note": "The customer called."}


def order(status: str = OrderStatus.PENDING, version: int = 1, **changed: Any) -> dict[str, Any]:
    """Return the example's order, as it is answered: with every field that an order has."""
    known = {"id": ORDER_ID, "status": str(status), "version": version, "created_at": PLACED_AT}
    changed_at = PLACED_AT if version == 1 else SHIPPED_AT
    order = msgspec.convert({**PLACE, **known, "updated_at": changed_at, **changed}, OrderDTO)
    answered: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(order))
    return answered


CANCELLED = order(OrderStatus.CANCELLED, 2, cancellation={**CANCEL, "at": SHIPPED_AT})
DELETED = {"status": "cancelled"}
WITH_RECEIPT = order(version=2, documents=[DOCUMENT])
ISSUING = {
    "type": "DocumentAttached",
    "data": {"document_id": DOCUMENT_ID, "kind": "receipt", "media_type": "text/html"},
}
DOCUMENTS = {"data": [DOCUMENT], "has_more": False, "next_cursor": None}
FILES = {"text/html": "<!doctype html>\n<html>…</html>\n", "application/pdf": "%PDF-1.7 …"}
ORDERS = {"data": [order()], "has_more": True, "next_cursor": CURSOR}
DRY_RUN = {"dry_run": True, "order": order(), "events": [{"type": "OrderPlaced", "data": {}}]}
DRY_RECEIPT = {"dry_run": True, "order": WITH_RECEIPT, "events": [ISSUING]}
HISTORY = {
    "data": [
        {
            "version": 1,
            "at": PLACED_AT,
            "actor": "staff:local",
            "request_id": REQUEST_ID,
            "events": [{"type": "OrderPlaced", "data": {}}],
            "order": order(),
            "previous_hash": "",
            "hash": "9f2c1e7a5d3b4c6a8e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f",
        }
    ],
    "has_more": False,
    "next_cursor": None,
}
LIFECYCLE = {
    "statuses": [{"name": "pending", "commands": ["confirm", "cancel"]}, {"name": "delivered", "commands": []}],
    "transitions": [{"from": "pending", "command": "confirm", "to": "processing"}],
}
METRICS = 'orderkeep_http_requests_total{method="GET",route="/orders/{order_id}",status="200"} 1024.0\n'
