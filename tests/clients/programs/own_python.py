"""Uses the Python client as the first argument says, and prints what came of it."""

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

import httpx
from orderkeep_client import (
    AsyncOrderkeep,
    CancelBody,
    CannotCancelOrder,
    CommandRejected,
    ErasureBody,
    InvalidFields,
    InvalidWebhook,
    Metadata,
    NotModified,
    Orderkeep,
    OrderkeepError,
    OrderStatus,
    PaymentBody,
    PaymentKind,
    PlaceOrderBody,
    RecordedDifferently,
    Retries,
    ServiceError,
    VersionMismatch,
    aiterate,
    etag_of,
    follow,
    iterate,
    pages,
    verify_webhook,
)

USER = "user-python"
ORDER = PlaceOrderBody(user_id=USER, total=9900, currency="EUR", metadata=Metadata.from_dict({"channel": "web"}))


def use(url: str, token: str) -> dict[str, object]:
    with Orderkeep(url, token) as orderkeep:
        placed = orderkeep.place_order(ORDER, idempotency_key="python-1")
        replayed = orderkeep.place_order(ORDER, idempotency_key="python-1")
        for _ in range(4):
            orderkeep.place_order(ORDER)
        tried = orderkeep.place_order(ORDER, dry_run=True)
        found = list(iterate(orderkeep.list_orders, user_id=USER, status=[OrderStatus.PENDING], limit=2))
        sizes = [len(page.data) for page in pages(orderkeep.list_orders, user_id=USER, limit=2)]
        orderkeep.record_payment(placed.id, payment_of(9900))
        cancelled = orderkeep.cancel_order(placed.id, CancelBody(reason="late"))
        receipt = orderkeep.get_document(placed.id, orderkeep.issue_receipt(placed.id).id)
        events = [event for event in iterate(orderkeep.list_events, limit=1) if event.order_id == placed.id]
        [followed] = islice(follow(orderkeep.list_events, after=events[0].position), 1)
        invalid = PlaceOrderBody(user_id=USER, total=9900, currency="ABC")
        return {
            "placed": [
                placed.status,
                placed.total,
                placed.metadata["channel"],
                replayed.id == placed.id,
                tried.version,
            ],
            "listed": [len(found), len({order.id for order in found}), sizes],
            "cancelled": [cancelled.status, cancelled.version],
            "stale": error_of(VersionMismatch, lambda: orderkeep.confirm_order(placed.id, if_match=etag_of(placed))),
            "conflict": error_of(RecordedDifferently, lambda: orderkeep.record_payment(placed.id, payment_of(100))),
            "again": error_of(CannotCancelOrder, lambda: orderkeep.cancel_order(placed.id)),
            "group": error_of(CommandRejected, lambda: orderkeep.cancel_order(placed.id)),
            "invalid": error_of(InvalidFields, lambda: orderkeep.place_order(invalid)),
            "not_modified": error_of(NotModified, lambda: orderkeep.get_order(placed.id, if_none_match='"4"')),
            "events": [event.type_ for event in events],
            "followed": len(followed.data) > len(events),
            "receipt": receipt.payload.read(15).decode(),
            "listed_by_asyncio": asyncio.run(count(url, token)),
        }


def payment_of(amount: int) -> PaymentBody:
    return PaymentBody(reference="python-1", kind=PaymentKind.CAPTURED, amount=amount)


def error_of(kind: type[OrderkeepError], call: Callable[[], object]) -> list[object]:
    try:
        call()
    except kind as error:
        if not isinstance(error, ServiceError):
            return []
        return [error.status, error.code, error.errors[0].pointer if error.errors else None]
    return ["no error"]


async def count(url: str, token: str) -> int:
    async with AsyncOrderkeep(url, token) as orderkeep:
        return len([order async for order in aiterate(orderkeep.list_orders, user_id=USER, limit=2)])


def place(url: str, token: str, external_ref: str) -> str:
    """Place an order over a connection that loses a response."""
    with Orderkeep(url, token) as orderkeep:
        body = PlaceOrderBody(user_id="user-lost", total=100, currency="EUR", external_ref=external_ref)
        order_id: str = orderkeep.place_order(body).id
        return order_id


class Unreachable(httpx.HTTPTransport):
    """Sends the first request to a port that is closed."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not hasattr(self, "was_used"):
            self.was_used = True
            raise httpx.ConnectError("closed")
        return super().handle_request(request)


def repeat(url: str, *cases: str) -> dict[str, list[bool]]:
    """Return, for each case, whether a read, a write with a key and one without succeed."""
    return {case: [succeeds(url, case, number) for number in range(3)] for case in cases}


def succeeds(url: str, case: str, number: int) -> bool:
    transport = Unreachable() if case == "unreachable" else None
    with Orderkeep(f"{url}/{case}", retries=Retries(first_delay=0), transport=transport) as orderkeep:
        calls: list[Callable[[], object]] = [
            orderkeep.get_lifecycle,
            lambda: orderkeep.place_order(ORDER),
            lambda: orderkeep.erase_personal_data(ErasureBody(user_id=USER)),
        ]
        return error_of(OrderkeepError, calls[number]) == ["no error"]


def verify() -> list[str | None]:
    """Return the IDs of the valid events among the requests on stdin."""
    return [id_of(**each) for each in json.load(sys.stdin)]


def id_of(secret: str, headers: dict[str, str], body: str) -> str | None:
    try:
        event_id: Any = verify_webhook(secret, headers, body.encode())["id"]
    except InvalidWebhook:
        return None
    return str(event_id)


PROGRAMS: dict[str, Callable[..., object]] = {"use": use, "place": place, "repeat": repeat, "verify": verify}
print(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])))
