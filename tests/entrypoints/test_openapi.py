"""The OpenAPI document passes the linter and matches the code."""

import dataclasses
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderkeep.application.dtos import EventDTO, LineDTO, OrderDTO
from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.domain.payments import Payment, Refund
from orderkeep.domain.personal_data import PARTS, Address, Customer
from orderkeep.domain.returns import Return
from orderkeep.domain.shipments import Shipment
from orderkeep.domain.value_objects import Cancellation, Document, Hold, Note
from orderkeep.entrypoints.api import models, statistics, webhook_models
from orderkeep.entrypoints.api.app import ROUTES, create_app
from orderkeep.entrypoints.api.authentication import OPEN_PATHS
from orderkeep.entrypoints.api.openapi import Problem
from orderkeep.entrypoints.schemas import Body, parse
from tests.entrypoints.http_calls import document, http_client

Spectral = Callable[[Path], subprocess.CompletedProcess[str]]

MODELS = (models, statistics, webhook_models)


def operations() -> Iterator[dict[str, Any]]:
    for path in document()["paths"].values():
        yield from path.values()


def contents(kind: str) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield operation, schema name and example of each response (or body) that is named in `examples`."""
    for operation in operations():
        found = operation["responses"].values() if kind == "responses" else [operation.get("requestBody", {})]
        for each in found:
            for content in each.get("content", {}).values():
                for name, example in content.get("examples", {}).items():
                    yield operation, name, example["value"]


def test_linter_finds_only_the_planted_example(spectral: Spectral, tmp_path: Path) -> None:
    planted = json.loads(json.dumps(document()))
    place_order = planted["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]
    place_order["examples"]["PlaceOrderBody"]["value"]["total"] = "9900"
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(planted), encoding="utf-8")
    found = spectral(path)
    assert found.returncode != 0
    assert "oas3-valid-media-example" in found.stdout
    assert "1 problem (" in found.stdout, found.stdout


def test_document_of_a_service_with_authentication_requires_credentials() -> None:
    found = create_app(Settings(auth="keys"), bootstrap("memory://")).openapi()
    assert (found["security"], set(found["components"]["securitySchemes"])) == ([{"bearer": []}], {"bearer"})
    paths = {path for path, operations in found["paths"].items() if operations.get("get", {}).get("security") == []}
    assert paths == OPEN_PATHS & found["paths"].keys()


async def test_document_is_returned(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.json() == document()
    assert answer.json()["openapi"].startswith("3.1")


def test_document_names_no_address_that_does_not_exist() -> None:
    assert "url" not in document()["info"]["contact"]


async def test_document_contains_the_root_path() -> None:
    async with http_client(root_path="/shop") as client:
        assert (await client.get("/openapi.json")).json()["servers"][0]["url"] == "/shop"


def test_every_operation_is_described_with_its_errors() -> None:
    ids = [operation["operationId"] for operation in operations()]
    assert sorted(ids) == sorted(route.name for route in ROUTES if route.include_in_schema)
    for operation in operations():
        assert operation["summary"]
        assert operation["description"]
        assert len(operation["tags"]) == 1, "Swagger UI would show it once for each tag"
        assert {"422", "500"} <= set(operation["responses"])
        assert any(status < "300" for status in operation["responses"])
        for status, answer in operation["responses"].items():
            assert answer["description"]
            assert (status >= "400") == ("application/problem+json" in answer.get("content", {}))
            for content in answer.get("content", {}).values():
                assert content.get("example") or content["examples"]


def test_every_parameter_and_header_is_described() -> None:
    for operation in operations():
        for parameter in operation["parameters"]:
            assert parameter["description"]
            assert "examples" in parameter["schema"]
            assert "anyOf" not in parameter["schema"], "a parameter cannot be null"
            assert "example" not in parameter, "Swagger UI would send the example of an optional parameter"
        for response in operation["responses"].values():
            for header in response["headers"].values():
                assert document()["components"]["headers"][header["$ref"].rpartition("/")[2]]["description"]


def test_enumerations_and_metadata_are_named_schemas() -> None:
    """Otherwise each generator invents names, such as WebhookBodyTypesType0Item."""
    schemas = document()["components"]["schemas"]
    parts = [document()["paths"], *(schema.get("properties") for schema in schemas.values())]
    assert [each for part in parts for each in _unnamed(part)] == []
    assert list(_unnamed([{"schema": {"enum": ["a", "b"]}}])) == [{"enum": ["a", "b"]}]


def _unnamed(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if isinstance(value.get("enum"), list) or "propertyNames" in value:
            yield value
        value = [each for key, each in value.items() if key not in ("example", "examples")]
    if isinstance(value, list):
        for each in value:
            yield from _unnamed(each)


def test_list_parameter_is_documented_as_repeated() -> None:
    parameters = document()["paths"]["/orders"]["get"]["parameters"]
    [status] = [parameter for parameter in parameters if parameter["schema"].get("type") == "array"]
    assert (status["name"], status["in"], status["style"], status["explode"]) == ("status", "query", "form", True)
    assert status["schema"]["items"] == {"$ref": "#/components/schemas/OrderStatus"}


def test_examples_of_responses_match_their_models() -> None:
    seen = set()
    for _, name, example in contents("responses"):
        model = next((found for each in MODELS if (found := getattr(each, name, None))), Problem)
        model.model_validate(example)
        assert set(example) <= {field.alias or name for name, field in model.model_fields.items()}
        seen.add(name)
    assert {"Order", "OrderPage", "ChangePage", "Document", "DocumentPage", "Cancelled", "invalid_fields"} <= seen


def body_models(kind: type[Body]) -> Iterator[type[Body]]:
    for each in kind.__subclasses__():
        yield each
        yield from body_models(each)


def test_examples_of_bodies_are_accepted() -> None:
    found = [(name, example) for _, name, example in contents("bodies")]
    bodies = {kind.__name__: kind for kind in body_models(Body)}
    for name, example in found:
        parse(bodies[name], example)
    assert len(found) == sum("requestBody" in operation for operation in operations())


async def test_example_of_an_order_is_the_result_of_the_example_body(client: httpx.AsyncClient) -> None:
    (body,) = [example for _, name, example in contents("bodies") if name == "PlaceOrderBody"]
    (example,) = [
        example
        for operation, name, example in contents("responses")
        if (operation["operationId"], name) == ("place_order", "Order")
    ]
    order = (await client.post("/orders", json=body)).json()
    changing = ("id", "created_at", "updated_at", "personal_data")
    assert {**order, **dict.fromkeys(changing)} == {**example, **dict.fromkeys(changing)}


def test_receipt_links_to_its_file() -> None:
    responses = document()["paths"]["/orders/{order_id}/documents/receipt"]["post"]["responses"]
    targets = {link["operationId"] for status in ("200", "201") for link in responses[status]["links"].values()}
    assert targets == {"get_document", "list_documents"}
    assert targets <= {operation["operationId"] for operation in operations()}


SCALARS = {"str": "string", "int": "integer", "bool": "boolean", "datetime": "string"}


@pytest.mark.parametrize(
    "name, dto",
    [
        ("Order", OrderDTO),
        ("OrderLine", LineDTO),
        ("Cancellation", Cancellation),
        ("Document", Document),
        ("Hold", Hold),
        ("Shipment", Shipment),
        ("Payment", Payment),
        ("Refund", Refund),
        ("Return", Return),
        ("Note", Note),
        ("Customer", Customer),
        ("Address", Address),
        ("Event", EventDTO),
    ],
)
def test_responses_are_described_as_they_are_encoded(name: str, dto: Any) -> None:
    schema = document()["components"]["schemas"][name]
    fields = {field.name: str(field.type) for field in dataclasses.fields(dto)}
    omitted = set(PARTS) if dto is OrderDTO else set()  # if the order has no personal data
    assert set(schema["properties"]) - omitted == set(schema["required"]) == set(fields)
    assert omitted <= set(schema["properties"])
    for field, annotation in fields.items():
        said = schema["properties"][field]
        said = document()["components"]["schemas"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
        kind, _, rest = annotation.partition(" | ")
        assert ("anyOf" in said) == (rest == "None"), field
        if kind in SCALARS:
            assert {"type": SCALARS[kind]}.items() <= (said["anyOf"][0] if rest else said).items(), field
        elif not rest:
            assert said["type"] == ("array" if kind.startswith("tuple") else "object"), field


async def test_errors_of_the_framework_are_problem_documents(client: httpx.AsyncClient) -> None:
    """The client checks each response: it rejects statuses that the document does not list."""
    for method, path in (("GET", "/nowhere"), ("PUT", "/orders"), ("GET", "/docs/nothing")):
        assert (await client.request(method, path)).headers["content-type"] == "application/problem+json"
