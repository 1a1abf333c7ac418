"""Place, list and cancel orders with the client of openapi-python-client; print what came of it."""

import json
import sys

from client import AuthenticatedClient
from client.api.orders import cancel_order, delete_order, list_orders, place_order
from client.models import (
    CancelBody,
    LineBody,
    Metadata,
    Order,
    OrderPage,
    OrderStatus,
    PlaceOrderBody,
    Problem,
)

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
three = PlaceOrderBody(user_id="user-42", total=9900, currency="EUR")
metadata = Metadata.from_dict({"channel": "web"})
lines = [LineBody(sku="A1", name="Lamp", quantity=2, unit_price=4750)]
with_lines = PlaceOrderBody(
    user_id="user-42",
    total=10_000,
    currency="EUR",
    lines=lines,
    shipping=500,
    tax=None,
    tags=["gift"],
    metadata=metadata,
)

placed = place_order.sync_detailed(client=client, body=three)
full = place_order.sync(client=client, body=with_lines, idempotency_key="full")
dry_run = place_order.sync_detailed(client=client, body=three, dry_run=True)
statuses = [OrderStatus.PENDING, OrderStatus.CANCELLED]
page = list_orders.sync(client=client, status=statuses, limit=1)
assert isinstance(placed.parsed, Order)
assert isinstance(full, Order)
assert isinstance(dry_run.parsed, Order)
assert isinstance(page, OrderPage)
order_id = placed.parsed.id
stale = cancel_order.sync_detailed(order_id, client=client, if_match='"7"')
cancelled = cancel_order.sync(order_id, client=client, body=CancelBody(reason="late"))
again = delete_order.sync_detailed(order_id, client=client)
invalid = place_order.sync_detailed(client=client, body=PlaceOrderBody(user_id="user-42", total=9900, currency="ABC"))
assert isinstance(cancelled, Order)
assert cancelled.cancellation is not None
assert isinstance(stale.parsed, Problem)
assert isinstance(again.parsed, Problem)
assert isinstance(invalid.parsed, Problem)
assert invalid.parsed.errors

print(
    json.dumps(
        {
            "placed": [placed.status_code, placed.parsed.status, placed.parsed.total, len(placed.parsed.lines)],
            "full": [full.lines[0].name, full.shipping, full.tags, full.metadata["channel"]],
            "dry_run": [dry_run.status_code, dry_run.parsed.user_id, dry_run.headers["Dry-Run"]],
            "page": [len(page.data), page.data[0].external_ref, page.has_more],
            "stale": [stale.status_code, stale.parsed.code],
            "cancelled": [cancelled.status, cancelled.cancellation.reason, cancelled.version],
            "again": [again.status_code, again.parsed.code],
            "invalid": [invalid.status_code, invalid.parsed.errors[0].pointer],
        }
    )
)
