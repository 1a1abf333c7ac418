"""From the table of operations to what FastAPI's routes take: the two cannot drift apart, as routes read it."""

from __future__ import annotations

import inspect
from typing import Any

from orderkeep.entrypoints.api.documented_errors import documented_errors
from orderkeep.entrypoints.api.operations import OPERATIONS, Good, Operation
from orderkeep.entrypoints.api.parameters import PARAMETERS

JSON = "application/json"
_FOR_ALL = ("host_not_allowed",)
_FOR_KNOWN = ("host_not_allowed", "not_authenticated", "too_many_requests")
"""Errors that any operation answers before it is asked."""

_TEXT, _BINARY = {"type": "string"}, {"type": "string", "format": "binary"}


def documented(operation_id: str) -> dict[str, Any]:
    """Return the arguments for the route of that operation."""
    operation = OPERATIONS[operation_id]
    return {
        "operation_id": operation_id,
        "summary": operation.summary or _first_line(inspect.getmodule(operation.use_case)),
        "status_code": int(operation.answers[0].status),
        "openapi_extra": {"parameters": _parameters(operation)},
    }


def completed(made: dict[str, Any], *, is_open: bool) -> dict[str, Any]:
    """Return what FastAPI made of an operation, with its use case's words, its body, and all that it answers; where it
    `is_open`, to everybody.
    """
    operation = OPERATIONS[made["operationId"]]
    described = [inspect.getdoc(operation.use_case) if operation.use_case else None, made.get("description")]
    made["description"] = "\n\n".join(text for text in described if text)
    if operation.body:
        made["requestBody"] = _body(*operation.body, required=operation.body_required)
    made["responses"] = {str(int(good.status)): _answer(good) for good in operation.answers}
    made["responses"] |= documented_errors((*operation.errors, *(_FOR_ALL if is_open else _FOR_KNOWN)))
    if is_open:
        made["security"] = []
    return made


def schema_of(name: str) -> dict[str, str]:
    """Return the reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def header_of(name: str) -> dict[str, str]:
    """Return the reference to a header that answers have."""
    return {"$ref": f"#/components/headers/{name}"}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0].rstrip(".")


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    query = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": PARAMETERS[name].description,
            "schema": PARAMETERS[name].schema,
            "example": PARAMETERS[name].example,
        }
        for name in operation.query
    ]
    headers = [{"$ref": f"#/components/parameters/{name}"} for name in (*operation.headers, "X-Request-Id")]
    return query + headers


def _body(schema: str, example: Any, *, required: bool) -> dict[str, Any]:
    content = {JSON: {"schema": schema_of(schema), "examples": {schema: {"value": example}}}}
    return {"required": required, "content": content}


def _answer(good: Good) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": good.description,
        "headers": {name: header_of(name) for name in (*good.headers, "X-Request-Id")},
    }
    if good.examples:
        schemas = [schema_of(name) for name in good.examples]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        shown = {name: {"value": example} for name, example in good.examples.items()}
        answer["content"] = {JSON: {"schema": schema, "examples": shown}}
    if good.files:
        answer["content"] = {
            media_type: {"schema": _TEXT if media_type.startswith("text/") else _BINARY, "example": example}
            for media_type, example in good.files.items()
        }
    if good.links:
        answer["links"] = {
            operation_id: {"operationId": operation_id, "parameters": parameters}
            for operation_id, parameters in good.links.items()
        }
    return answer
