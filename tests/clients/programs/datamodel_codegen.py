"""Place, list and cancel orders with the models of datamodel-codegen and httpx; print what came of it."""

import json
import sys

import httpx
from client import CancelBody, LineBody, Order, OrderPage, PlaceOrderBody, Problem

url, key = sys.argv[1:]
http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
# Models send null for what is not given.
three = PlaceOrderBody(user_id="user-42", total=9900, currency="EUR")
with_lines = PlaceOrderBody(
    user_id="user-42",
    total=10_000,
    currency="EUR",
    lines=[LineBody(sku="A1", name="Lamp", quantity=2, unit_price=4750)],
    shipping=500,
    tags=["gift"],
    metadata={"channel": "web"},
)

placed = http.post("/orders", content=three.model_dump_json())
order = Order.model_validate_json(placed.content)
full = Order.model_validate_json(http.post("/orders", content=with_lines.model_dump_json()).content)
dry_run = http.post("/orders?dry_run=true", content=three.model_dump_json())
tried = Order.model_validate_json(dry_run.content)
listed = http.get("/orders", params={"status": ["pending", "cancelled"], "limit": 1})
page = OrderPage.model_validate_json(listed.content)
path = f"/orders/{order.id}/cancel"
stale = http.post(path, content=CancelBody().model_dump_json(), headers={"If-Match": '"7"'})
cancelled = Order.model_validate_json(http.post(path, content=CancelBody(reason="late").model_dump_json()).content)
again = http.post(path, content=CancelBody().model_dump_json())
wrong = three.model_copy(update={"currency": "ABC"})
invalid = http.post("/orders", content=wrong.model_dump_json())
problem = Problem.model_validate_json(invalid.content)
assert cancelled.cancellation is not None
assert problem.errors

print(
    json.dumps(
        {
            "placed": [placed.status_code, order.status.value, order.total, len(order.lines)],
            "full": [full.lines[0].name, full.shipping, [tag.root for tag in full.tags], full.metadata.root["channel"]],
            "dry_run": [dry_run.status_code, tried.user_id, dry_run.headers["Dry-Run"]],
            "page": [len(page.data), page.data[0].external_ref, page.has_more],
            "stale": [stale.status_code, Problem.model_validate_json(stale.content).code],
            "cancelled": [cancelled.status.value, cancelled.cancellation.reason, cancelled.version],
            "again": [again.status_code, Problem.model_validate_json(again.content).code],
            "invalid": [invalid.status_code, problem.errors[0].pointer],
        }
    )
)
