"""Place, cancel and list orders, and read their events. `python python_client.py http://127.0.0.1:8000 [API_KEY]`."""

import sys

from orderkeep_client import (
    CancelBody,
    CommandRejected,
    InvalidFields,
    Orderkeep,
    PlaceOrderBody,
    VersionMismatch,
    etag_of,
    iterate,
    pages,
)

with Orderkeep(*sys.argv[1:]) as orderkeep:
    for number in (1, 2, 3):  # with keys of their own: run this again, and there are still three orders
        body = PlaceOrderBody(user_id="user-python", total=9900, currency="EUR", external_ref=f"python-{number}")
        order = orderkeep.place_order(body, idempotency_key=f"python-{number}")
    print("placed:", order.external_ref, order.status)

    cancelled = orderkeep.cancel_order(order.id, CancelBody(reason="changed_mind"), idempotency_key="cancel-python-3")
    print("cancelled, version", cancelled.version)
    try:
        orderkeep.confirm_order(order.id, if_match=etag_of(order))
    except VersionMismatch as error:
        print(error.code, "- another client has changed the order: read it again")
    try:
        orderkeep.confirm_order(order.id)
    except CommandRejected as error:
        print(error.code, "-", error.detail)
    try:
        orderkeep.place_order(PlaceOrderBody(user_id="user-python", total=9900, currency="ABC"))
    except InvalidFields as error:
        print(error.code, "-", error.errors[0].pointer, error.errors[0].code)

    for order in iterate(orderkeep.list_orders, user_id="user-python", limit=2):  # one request for each two orders
        print(order.external_ref, order.status)
    for page in pages(orderkeep.list_events, limit=200):
        print("events:", ", ".join(event.type_ for event in page.data if event.order_id == order.id))
