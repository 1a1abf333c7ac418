"""Canaries: values that customers and their tools send, in every field, each identified by its mark.

A value that must not be repeated contains `VALUE`. The name of a field is returned to its sender, as is the pointer to
an invalid value, but gets no further: `NAME` may be in a response, and in no log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tests.entrypoints.lambda_calls import Request

VALUE, NAME = "c4n4ryv", "c4n4ryn"

EMAIL = f"jane.{VALUE}@example.com"
ADDRESS = f"12 {VALUE} Street, 10115 Berlin"
KEY = f"ok_live_{VALUE}"
TOKEN = f"eyJhbGciOiJIUzI1NiJ9.{VALUE}.c2ln"
LONG = f"{VALUE} " * 300
HOSTILE = f"{VALUE}\r\n\x1b[31m{VALUE}\u2028\u202e"

ADDRESS_FIELDS = ("name", "company", "line1", "line2", "city", "region", "postal_code")

ORDER: dict[str, Any] = {
    "user_id": EMAIL,
    "total": 10_350,
    "currency": "EUR",
    "lines": [
        {
            "sku": f"SKU-{VALUE}",
            "name": f"For {ADDRESS}",
            "quantity": 2,
            "unit_price": 4_750,
            "discount": 40,
            "tax": 190,
        },
        {
            "sku": f"B-{VALUE}",
            "name": f"Tel. +49 30 {VALUE}",
            "quantity": 1,
            "unit_price": 700,
            "discount": 0,
            "tax": 0,
        },
    ],
    "external_ref": f"web-{VALUE}",
    "tags": [f"gift for {VALUE}", EMAIL],
    "metadata": {f"{NAME}-address": ADDRESS, f"{NAME}-email": EMAIL, "token": TOKEN},
    "customer": {"name": f"Jane {VALUE}", "email": EMAIL, "phone": f"+49 30 {VALUE}"},
    "shipping_address": {name: f"{name} {VALUE}" for name in ADDRESS_FIELDS} | {"country": "DE"},
    "billing_address": {name: f"{VALUE} {name}" for name in ADDRESS_FIELDS} | {"country": "CH"},
}
"""An order with a canary wherever a text may stand. Lines 9,650 + 700 = 10,350."""

HEADERS = (
    ("Authorization", f"Bearer {KEY}"),
    ("Cookie", f"session={TOKEN}; cart={VALUE}"),
    ("User-Agent", f"Mozilla/5.0 ({VALUE})"),
    ("Referer", f"https://shop.example/?email={EMAIL}"),
    ("Origin", f"https://{VALUE}.example"),
    ("X-Forwarded-For", f"198.51.100.7, {VALUE}"),
    ("X-Real-IP", VALUE),
    ("Forwarded", f"for={VALUE}"),
    ("X-Request-Id", f"{EMAIL}"),
    ("X-Api-Key", KEY),
    ("traceparent", f"00-{VALUE}-00f067aa0ba902b7-01"),
    ("X-Amzn-Trace-Id", f"Root=1-{VALUE}"),
)
JSON = ("Content-Type", "application/json")
WRONG = (f"{VALUE}", [VALUE], {"x": VALUE}, LONG, HOSTILE, "\ud800" + VALUE, -1, None)


def good(order_id: str) -> Iterator[Request]:
    """Yield requests that are answered with what was asked for; the order is placed with `placed()`."""
    path = f"/orders/{order_id}"
    for target in (
        path,
        f"{path}?version=1",
        f"{path}/history?limit=5",
        f"{path}/documents",
        "/orders?limit=1",
        "/metrics",
        f"/orders?user_id={quote(EMAIL)}&limit=1",
        f"/orders?tag={quote(EMAIL)}",
        f"/orders?external_ref={quote(f'web-{VALUE}')}",
        f"/orders?q={quote(EMAIL)}",
    ):
        yield Request("GET", target, HEADERS)
    yield Request("POST", f"{path}/confirm", (*HEADERS, ("Idempotency-Key", f"confirm-{KEY}")))
    yield Request("POST", f"{path}/documents/receipt", HEADERS)
    person = json.dumps({"customer": {"name": f"{VALUE} Doe"}, "shipping_address": {"line2": VALUE}}).encode()
    yield Request("PATCH", path, (*HEADERS, JSON, ("Idempotency-Key", f"edit {KEY}")), person)
    cancelled = json.dumps({"reason": f"for {VALUE}", "note": f"call {EMAIL}\nat {ADDRESS}"}).encode()
    yield Request("POST", f"{path}/cancel", (*HEADERS, JSON, ("Idempotency-Key", f"cancel {KEY}")), cancelled)
    yield Request("POST", "/erasures", (*HEADERS, JSON), json.dumps({"orders": [order_id]}).encode())
    yield Request("POST", "/erasures", (*HEADERS, JSON), json.dumps({"user_id": EMAIL}).encode())


def without(request: Request, name: str) -> Request:
    """Return the request without a header."""
    return replace(request, headers=tuple(sent for sent in request.headers if sent[0] != name))


def placed() -> Request:
    """Return the request that places the order, with a key."""
    return Request("POST", "/orders", (*HEADERS, JSON, ("Idempotency-Key", f"place-{KEY}")), json.dumps(ORDER).encode())


def bad(order_id: str) -> Iterator[Request]:
    """Yield requests that are refused, one for each way to be wrong."""
    yield from _bad_bodies(order_id)
    yield from _bad_people(order_id)
    yield from _bad_targets(order_id)
    yield from _bad_conditions(order_id)


def _bad_bodies(order_id: str) -> Iterator[Request]:
    def order(body: bytes, *headers: tuple[str, str]) -> Request:
        return Request("POST", "/orders", (*HEADERS, *(headers or [JSON])), body)

    for name in ORDER:
        for value in WRONG:
            yield order(json.dumps({**ORDER, name: value}).encode())
    for name in ORDER["lines"][0]:
        for value in WRONG:
            yield order(json.dumps({**ORDER, "lines": [{**ORDER["lines"][0], name: value}]}).encode())
    for metadata in ({NAME: 5}, {NAME * 9: VALUE}, {f"{NAME}\n": VALUE}, {f"{NAME}{n}": VALUE for n in range(60)}):
        yield order(json.dumps({**ORDER, "metadata": metadata}).encode())
    yield order(json.dumps({**ORDER, NAME: VALUE}).encode())
    yield order(json.dumps({**ORDER, "tags": [VALUE, VALUE]}).encode())
    yield order(json.dumps({**ORDER, "total": 1}).encode())
    yield order(json.dumps(VALUE).encode())
    for text in (
        '{"user_id": "%s',
        f'{{"{NAME}": "%s", "{NAME}": "%s"}}',
        "%s",
        '["%s", NaN]',
        '"%s\\ud800"',
        '[1 "%s"]',
        "[" * 40 + "%s",
    ):
        yield order(text.replace("%s", VALUE).encode())
    yield order(VALUE.encode() + b"\xff")
    yield order(json.dumps({**ORDER, "user_id": VALUE * 10_000}).encode())
    for media_type in ("text/plain", f"application/{VALUE}", f"application/json; charset={VALUE}"):
        yield order(b"{}", ("Content-Type", media_type))
    yield order(b"{}", JSON, ("Content-Encoding", VALUE))
    for body in ({"reason": LONG}, {"note": HOSTILE + "\x00"}, {"reason": [VALUE]}, {NAME: VALUE}, VALUE):
        yield Request("POST", f"/orders/{order_id}/cancel", (*HEADERS, JSON), json.dumps(body).encode())
    yield Request("POST", f"/orders/{order_id}/ship", (*HEADERS, JSON), json.dumps({"note": VALUE}).encode())
    wanted = json.dumps({"format": VALUE, "version": VALUE}).encode()
    yield Request("POST", f"/orders/{order_id}/documents/receipt", (*HEADERS, JSON), wanted)


def _bad_people(order_id: str) -> Iterator[Request]:
    path = f"/orders/{order_id}"
    names = [
        (part, name) for part in ("customer", "shipping_address", "billing_address") for name in (*ORDER[part], NAME)
    ]
    for number, (part, name) in enumerate(names):
        person = {part: {**ORDER[part], name: WRONG[number % len(WRONG)]}}
        yield Request("POST", "/orders", (*HEADERS, JSON), json.dumps({**ORDER, **person}).encode())
        yield Request("PATCH", path, (*HEADERS, JSON), json.dumps({part: {name: LONG}}).encode())
    for wrong in ({"orders": [VALUE]}, {"user_id": VALUE, "orders": [VALUE]}, {"orders": VALUE}, {"user_id": LONG}):
        yield Request("POST", "/erasures", (*HEADERS, JSON), json.dumps(wrong).encode())


def _bad_targets(order_id: str) -> Iterator[Request]:
    ids = (VALUE, quote(EMAIL), quote(HOSTILE), quote(KEY), VALUE * 50)
    for each in ids:
        for method, target in (
            ("GET", f"/orders/{each}"),
            ("HEAD", f"/orders/{each}"),
            ("DELETE", f"/orders/{each}"),
            ("GET", f"/orders/{each}/history"),
            ("POST", f"/orders/{each}/confirm"),
            ("POST", f"/orders/{each}/documents/receipt"),
            ("GET", f"/orders/{order_id}/documents/{each}"),
            ("GET", f"/{each}"),
            ("PUT", f"/orders/{each}"),
            ("GET", f"/docs/{each}"),
        ):
            yield Request(method, target, HEADERS)
    yield Request(VALUE.upper(), "/orders", HEADERS)
    yield Request("OPTIONS", "/orders", (*HEADERS, ("Access-Control-Request-Method", VALUE)))
    for query in (
        "limit=", "cursor=", "status=", "created_from=", "created_to=", "user_id=a&user_id=", "dry_run=",
        "tag=a&external_ref=", "tag=a&q=", "q=a&limit=0&cursor=", f"q={'x' * 254}",
        "cursor=WyJ4Il0&user_id=", f"{NAME}=", f"{NAME}%20=", f"limit={NAME}&limit=",
    ):  # fmt: skip
        yield Request("GET", f"/orders?{query}{quote(EMAIL)}", HEADERS)
    for query in ("version=", "at=", "version=1&at="):
        yield Request("GET", f"/orders/{order_id}?{query}{VALUE}", HEADERS)
    yield Request("POST", f"/orders/{order_id}/ship?dry_run={VALUE}", HEADERS)


def _bad_conditions(order_id: str) -> Iterator[Request]:
    path = f"/orders/{order_id}"
    for name in ("If-Match", "If-None-Match"):
        for value in (VALUE, f'"{VALUE}', f'"{VALUE}"', f'W/"{VALUE}", "9"'):
            method = "GET" if name == "If-None-Match" else "POST"
            yield Request(method, path if method == "GET" else f"{path}/ship", (*HEADERS, (name, value)))
    for key in (VALUE * 40, f'"{VALUE}'):
        yield Request("POST", f"{path}/ship", (*HEADERS, ("Idempotency-Key", key)))
    other = json.dumps({**ORDER, "external_ref": f"other-{VALUE}"}).encode()
    yield Request("POST", "/orders", (*HEADERS, JSON, ("Idempotency-Key", f"place-{KEY}")), other)
    yield Request("POST", f"{path}/deliver", (*HEADERS, ("Idempotency-Key", f"confirm-{KEY}")))
    yield Request("POST", f"{path}/ship", (*HEADERS, ("If-Match", '"99"')))
    yield Request("POST", f"{path}/deliver", HEADERS)
