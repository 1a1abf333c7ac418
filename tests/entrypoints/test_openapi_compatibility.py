"""Programs for the previous release work with this one: its OpenAPI document promises nothing less.

`openapi_0_1_0.json` is the document of the previous release without its texts. Replace it after a release, and remove
the exceptions.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.http_calls import document

PREVIOUS = json.loads(Path(__file__).with_name("openapi_0_1_0.json").read_text("utf-8"))
TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}

EXCEPTIONS = {
    # A dry run responds as its operation does, marked by a header.
    "POST /orders responds 200",
    "DryRun",
    "DryRun.dry_run",
    "DryRun.order",
    "DryRun.events",
    # A new order has no entity tag: `If-Match` was documented, and every value failed.
    "POST /orders responds 412",
    "POST /orders header If-Match",
}
"""What the previous release promises and this one does not. The changelog names each reason."""


def promises(document: dict[str, Any]) -> Iterator[str]:
    """Yield what programs can rely on: what the service accepts, and what they find in its responses."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            yield f"{name} is {operation['operationId']}"
            body = operation.get("requestBody", {"required": False})
            yield from [] if body.get("required") else [f"{name} needs no body"]
            for parameter in operation["parameters"]:
                of_parameter = f"{name} {parameter['in']} {parameter['name']}"
                yield from _accepted(
                    of_parameter, parameter["schema"], schemas, required=parameter.get("required", False)
                )
            for status, response in operation["responses"].items():
                yield f"{name} responds {status}"
                yield from (f"{name} responds {status} with {header}" for header in response.get("headers", ()))
                for media_type, content in response.get("content", {}).items():
                    yield f"{name} responds {status} with {media_type}"
                    if schema := content["schema"].get("$ref"):
                        yield f"{name} responds {status} with {schema}"
    for name, schema in schemas.items():
        yield name
        for field, described in schema.get("properties", {}).items():
            is_required = field in schema.get("required", ())
            if name.endswith("Body"):
                yield from _accepted(f"{name}.{field}", described, schemas, required=is_required)
            else:
                yield f"{name}.{field}"
                yield from [f"{name}.{field} is present"] if is_required else []
                yield from (f"{name}.{field} is never {kind}" for kind in TYPES - _types(described, schemas))


def _accepted(name: str, schema: dict[str, Any], schemas: dict[str, Any], *, required: bool) -> Iterator[str]:
    yield name
    yield from [] if required else [f"{name} may be omitted"]
    yield from (f"{name} may be {kind}" for kind in _types(schema, schemas))


def _types(schema: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Return the types of a value, and the schemas that it refers to: a schema may get a name, and not lose it."""
    if "anyOf" in schema:
        return set().union(*(_types(each, schemas) for each in schema["anyOf"]))
    if "$ref" in schema:
        return {schema["$ref"], *_types(schemas[schema["$ref"].rpartition("/")[2]], schemas)}
    return {schema["type"]}


def broken(now: dict[str, Any]) -> set[str]:
    """Return the promises that are not kept, of operations and schemas that remain."""
    missing = set(promises(PREVIOUS)) - set(promises(now))
    return {each for each in missing if not _is_excepted(each)}


def _is_excepted(promise: str) -> bool:
    return any(promise == each or promise.startswith(f"{each} ") for each in EXCEPTIONS)


def test_keeps_the_promises_of_the_previous_release() -> None:
    assert broken(document()) == set()


def test_every_exception_is_needed() -> None:
    assert set(promises(PREVIOUS)) - set(promises(document())) >= EXCEPTIONS


def _without(*path: str) -> Callable[[Any], None]:
    def remove(document: Any) -> None:
        for name in path[:-1]:
            document = document[name]
        document.pop(path[-1])

    return remove


SCHEMAS = ("components", "schemas")
PLANTED: dict[str, Callable[[Any], None]] = {
    "DELETE /orders/{order_id} is delete_order": _without("paths", "/orders/{order_id}", "delete"),
    "GET /orders query tag": lambda planted: planted["paths"]["/orders"]["get"]["parameters"].pop(2),
    "POST /orders responds 201": _without("paths", "/orders", "post", "responses", "201"),
    "POST /orders responds 201 with ETag": _without("paths", "/orders", "post", "responses", "201", "headers", "ETag"),
    "Order.tax": _without(*SCHEMAS, "Order", "properties", "tax"),
    "Order.tax is present": lambda planted: planted["components"]["schemas"]["Order"]["required"].remove("tax"),
    "Order.tax is never null": lambda planted: planted["components"]["schemas"]["Order"]["properties"].update(
        tax={"anyOf": [{"type": "integer"}, {"type": "null"}]}
    ),
    "PlaceOrderBody.tax may be omitted": lambda planted: planted["components"]["schemas"]["PlaceOrderBody"][
        "required"
    ].append("tax"),
    "PlaceOrderBody.tags may be array": lambda planted: planted["components"]["schemas"]["PlaceOrderBody"][
        "properties"
    ].update(tags={"type": "string"}),
}


@pytest.mark.parametrize("promise", PLANTED)
def test_finds_a_broken_promise(promise: str) -> None:
    planted = copy.deepcopy(document())
    PLANTED[promise](planted)
    assert promise in broken(planted)
