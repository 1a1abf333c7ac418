"""The OpenAPI document: FastAPI's, with the schemas, headers and parameters that operations refer to."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from orderkeep.entrypoints.api.answer_models import MODELS
from orderkeep.entrypoints.api.conditions import TAG_LIST
from orderkeep.entrypoints.api.documentation import completed
from orderkeep.entrypoints.api.examples import REQUEST_ID
from orderkeep.entrypoints.api.identity import OPEN_TO_ALL

DESCRIPTION = """\
The order record that a shop, a marketplace or a back office can trust. It keeps orders; catalogue, prices, payment and
carriers stay outside.

- **Amounts** are whole minor units of the order's one currency: `9900` with `EUR` is 99.00 EUR, `99` with `JPY` is
  99 yen.
- **Times** are RFC 3339: with their offset as they come in, in UTC as they go out.
- **Who asks** shows it by `Authorization: Bearer` with an API key or a token, unless the service is for its own machine
  alone. Customers see their own orders only; staff do what their scopes say.
- **Retries are safe** with an `Idempotency-Key`: the same request with the same key has one effect and one answer,
  and the repeated answer says `Idempotency-Replayed: true`.
- **Lost updates are refused** with `If-Match`: send the `ETag` that was answered, and an order that was changed
  meanwhile answers 412.
- **`dry_run=true`** on any command answers the order as it would become, and writes nothing.
- **Errors** are problem documents (RFC 9457). `code` is stable; `detail` is for people; `errors` has all that is wrong
  at once.
- What is not documented is refused: unknown fields and query parameters by name.
"""

TAGS = [
    {"name": "orders", "description": "Place orders, look them up, and move them along their lifecycle."},
    {"name": "documents", "description": "Issue receipts, and get the files that belong to orders."},
    {"name": "lifecycle", "description": "Which commands each status accepts."},
    {"name": "operations", "description": "For those who run the service: is it alive, is it ready, what does it do?"},
]

TAGS_OR_ANY = rf"^(?:[ \t]*\*[ \t]*|{TAG_LIST})$"
KEY = r'^[ \t]*(?:"[ !#-\[\]-~]{1,255}"|[!#-~][ -~]{0,254})[ \t]*$'
"""What headers must be, as routes read them."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "Makes the request safe to repeat: 1 to 255 printable ASCII characters of your choice, "
        "plain or in quotes. Two requests that differ cannot share a key.",
        "schema": {"type": "string", "pattern": KEY},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "If-Match": {
        "description": "Only if the order is at the version of one of these tags; `*` is any.",
        "schema": {"type": "string", "pattern": TAGS_OR_ANY},
        "example": '"1"',
    },
    "If-None-Match": {
        "description": "Only if the order is at none of the versions of these tags, or the document is none of them: "
        "304 if it is.",
        "schema": {"type": "string", "pattern": TAGS_OR_ANY},
        "example": '"1"',
    },
    "X-Request-Id": {
        "description": "What you call this request: up to 64 of A-Z a-z 0-9 . _ -. It is answered, logged, and kept "
        "with what the request changes. One is made where none fits.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "The order's version, or the id of the document that this is, in quotes.",
        "schema": {"type": "string"}, "example": '"1"',
    },
    "Content-Disposition": {
        "description": "What to save the file as.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="receipt-0199f6b2-3c00-7a61-9d1f-5a0f6c1f7b11-v1.html"',
    },
    "Location": {
        "description": "Where the order or the document is from now on; with 307, where the file can be read for 5 "
        "minutes, by anyone who knows this link.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/orders/0199f6b2-3c00-7a61-9d1f-5a0f6c1f7b11",
    },
    "Link": {
        "description": 'The next page, as `rel="next"` (RFC 8288), if there is one.',
        "schema": {"type": "string"},
        "example": '</orders?status=pending&cursor=WyI5ZjJjIl0>; rel="next"',
    },
    "Idempotency-Replayed": {
        "description": "`true` where the key was used before: this is the answer it got then.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "example": 1},
    "WWW-Authenticate": {
        "description": "How to show who asks (RFC 6750).",
        "schema": {"type": "string"}, "example": 'Bearer realm="orderkeep"',
    },
    "X-Request-Id": {
        "description": "What this request is known by.", "schema": {"type": "string"}, "example": REQUEST_ID,
    },
}  # fmt: skip


SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`ok_…`), or a token of the OpenID provider that the service trusts. A service "
        "without either answers its own machine alone, which needs none.",
    }
}


def document(app: FastAPI, root_path: str, *, is_open: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document of the app. `is_open`: nobody need show who they are."""
    made = get_openapi(
        title="orderkeep",
        version=version("orderkeep"),
        openapi_version="3.1.0",
        summary="Keeps orders.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": root_path or "/", "description": "This service."}],
        contact={"name": "The orderkeep contributors", "url": "https://orderkeep.example"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            methods[method] = completed(operation, is_open=path in OPEN_TO_ALL)
    made["components"] = components()
    made["security"] = [{"bearer": []}, *([{}] if is_open else [])]
    return made


def components() -> dict[str, Any]:
    """Return the schemas, parameters and headers that operations refer to."""
    _, schemas = models_json_schema([*MODELS], ref_template="#/components/schemas/{model}")
    parameters = {name: {"name": name, "in": "header", "required": False, **said} for name, said in PARAMETERS.items()}
    return {
        "schemas": schemas["$defs"],
        "parameters": parameters,
        "headers": HEADERS,
        "securitySchemes": SECURITY_SCHEMES,
    }
