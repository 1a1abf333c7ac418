"""Calls to the HTTP app in this process. Every response is checked against the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.config import Settings
from orderkeep.domain.personal_data import PARTS
from orderkeep.entrypoints.api.app import create_app

ORDER: dict[str, Any] = {
    "user_id": "user-42",
    "total": 10_260,
    "currency": "EUR",
    "lines": [
        {"sku": "A1", "name": "Lamp", "quantity": 2, "unit_price": 4_750, "discount": 40, "tax": 190},
        {"sku": "B2", "name": "Bulb", "quantity": 3, "unit_price": 110, "discount": 7, "tax": 11},
    ],
    "shipping": 490,
    "discount": 301,
    "tax": 87,
    "external_ref": "web-7781",
    "tags": ["gift", "express"],
    "metadata": {"channel": "web", "note": "line\nbreak", "empty": ""},
    "customer": {"name": "Jo Doe", "email": "Jo@Example.com", "phone": "+44 113 496 0100"},
    "shipping_address": {
        "name": "J. Doe",
        "company": "Doe & Daughters",
        "line1": "12 Mill Lane",
        "line2": "Floor 2",
        "city": "Leeds",
        "region": "West Yorkshire",
        "postal_code": "LS1 4AB",
        "country": "GB",
    },
    "billing_address": {
        "name": "Accounts",
        "company": "Doe Holding",
        "line1": "Postfach 7",
        "line2": "Haus C",
        "city": "Zürich",
        "region": "ZH",
        "postal_code": "8001",
        "country": "CH",
    },
}
"""An order that uses every field, no two of them equal. Lines 9,650 + 334, + 490 + 87 - 301 = 10,260."""

PLAIN: dict[str, Any] = {"user_id": "user-7", "total": 9_900, "currency": "USD"}


@asynccontextmanager
async def http_client(use_cases: UseCases | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an app of its own, by default on an empty store in memory."""
    given = Settings(**{"auth": "", **settings})
    app = create_app(given, use_cases or bootstrap("memory://"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=given.root_path)
    hooks = {"response": [check_against_openapi]}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", event_hooks=hooks) as client:
        yield client


async def placed(client: httpx.AsyncClient, **changed: Any) -> Any:
    """Return an order that was placed."""
    answer = await client.post("/orders", json={**ORDER, **changed})
    assert answer.status_code == 201, answer.text
    return answer.json()


def without_personal_data(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order as its history has it."""
    assert order.keys() >= {*PARTS}
    return {name: value for name, value in order.items() if name not in PARTS}


def is_marked_as_dry_run(answer: httpx.Response) -> bool:
    """Return whether the response says that nothing was changed, and identifies nothing that could be fetched."""
    return answer.headers.get("dry-run") == "true" and not {"etag", "location"} & set(answer.headers)


def errors_of(answer: httpx.Response, status: int = 422) -> dict[str, str]:
    """Return the code of each error by its place."""
    assert answer.status_code == status, answer.text
    found = answer.json()["errors"]
    return {e.get("pointer", e.get("parameter", e.get("header"))): e["code"] for e in found}


async def check_against_openapi(answer: httpx.Response) -> None:
    """Fail where an answer has a status that its operation does not declare, or is an error in another form."""
    await answer.aread()
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["type"] == f"urn:orderkeep:problem:{problem['code']}"
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert isinstance(problem["detail"], str)
        assert problem["detail"]
        assert problem["title"]
    operation = _operation(answer.request.method, answer.request.url.path)
    if operation is not None:
        assert str(answer.status_code) in operation["responses"], answer.text
        declared = operation["responses"][str(answer.status_code)]
        assert "X-Request-Id" in declared["headers"]
        if answer.status_code >= 400 and answer.content:
            examples = declared["content"]["application/problem+json"]["examples"]
            assert answer.json()["code"] in examples, answer.text


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return create_app(Settings(), bootstrap("memory://")).openapi()


def _operation(method: str, path: str) -> dict[str, Any] | None:
    if path == "/events/stream":  # not in the document
        return None
    method = {"HEAD": "GET"}.get(method, method).lower()
    for template, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method in operations:
            found: dict[str, Any] = operations[method]
            return found
    return None
