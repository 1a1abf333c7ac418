"""The package for Lambda in a process of its own, over DynamoDB: nothing but the package and the standard library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from tests.deploy.on_lambda.container import Invoke
from tests.deploy.on_lambda.test_lambda_package import NOT_INSIDE
from tests.entrypoints.lambda_calls import KINDS, Event, Request, read_answer, with_key
from tests.servers import dynamodb as servers

RECORDED = Path(__file__).parents[2] / "entrypoints" / "lambda_events"


IAM_ASKED = [kind for kind in KINDS if kind != "load-balancer"]
"""Where a caller was let in by IAM, as the template has it unless somebody says otherwise."""


def unsigned(event: Event) -> Event:
    """Return the event as it is where nobody was asked before: the API's authorization is NONE."""
    return {**event, "requestContext": {**event["requestContext"], "authorizer": {}, "identity": {}}}


@pytest.mark.parametrize("kind", KINDS)
def test_built_package_responds_to_a_recorded_event_of_each_kind(kind: str, invoke: Invoke, key: str) -> None:
    recorded = json.loads((RECORDED / f"{kind}.json").read_bytes())
    event, parameters = (
        (recorded, {}) if kind in IAM_ASKED else (with_key(recorded, key), {"HttpAuthorization": "NONE"})
    )
    [first, again] = invoke("HttpFunction", [event, event], **parameters)["said"]
    placed, repeated = read_answer(first["answer"]), read_answer(again["answer"])
    assert (placed.status, placed.encoded, placed.json()["metadata"]) == (201, False, {"sent_through": kind})
    assert repeated.json() == placed.json()


@pytest.mark.parametrize("kind", KINDS)
def test_the_built_package_lets_in_whom_iam_let_in_or_who_has_a_key_as_the_template_says(
    kind: str, invoke: Invoke, key: str
) -> None:
    asked = KINDS[kind](Request("GET", "/orders"))
    events = [asked, unsigned(asked), with_key(unsigned(asked), key)]

    def statuses(authorization: str) -> list[int]:
        said = invoke("HttpFunction", events, HttpAuthorization=authorization)["said"]
        return [read_answer(each["answer"]).status for each in said]

    assert statuses("AWS_IAM") == [200 if kind in IAM_ASKED else 401, 401, 401]
    assert statuses("NONE") == [401, 401, 200]


def test_iam_caller_has_the_scopes_of_the_template_only(invoke: Invoke) -> None:
    place = Request.json("POST", "/orders", {"user_id": "user-42", "total": 9900, "currency": "EUR"})
    events = [KINDS["http-api"](request) for request in (place, Request("GET", "/orders"))]
    [refused, listed] = invoke("HttpFunction", events, IamScopes="read,ship")["said"]
    assert (read_answer(refused["answer"]).status, read_answer(listed["answer"]).status) == (403, 200)
    assert "orders:write" in read_answer(refused["answer"]).json()["detail"]


def test_the_built_package_keeps_an_order_through_all_kinds_of_events(invoke: Invoke, key: str) -> None:
    place = Request.json(
        "POST", "/orders", {"user_id": "user-42", "total": 9900, "currency": "EUR"}, Idempotency_Key="7781"
    )
    [placed] = invoke("HttpFunction", [with_key(KINDS["http-api"](place), key)], HttpAuthorization="NONE")["said"]
    order = read_answer(placed["answer"]).json()

    steps = [
        Request("DELETE", f"/orders/{order['id']}"),
        Request("GET", f"/orders/{order['id']}"),
        Request("GET", "/docs"),
    ]
    events = [with_key(KINDS[kind](step), key) for kind in KINDS for step in steps]
    said = invoke("HttpFunction", events, HttpAuthorization="NONE")["said"]
    answers = [read_answer(each["answer"]) for each in said]
    assert [answer.status for answer in answers] == [200, 200, 404, *[422, 200, 404] * 3]
    assert {answer.json()["status"] for answer in answers[1::3]} == {"cancelled"}


def test_the_built_package_describes_itself_as_the_source_does(invoke: Invoke) -> None:
    [said] = invoke("HttpFunction", [KINDS["function-url"](Request("GET", "/openapi.json"))])["said"]
    assert read_answer(said["answer"]).json() == json.loads(
        json.dumps(create_app(Settings(auth="authorizer")).openapi())
    )


def test_the_built_package_rejects_what_is_no_stream_event_and_takes_an_empty_one(invoke: Invoke) -> None:
    refused, taken = invoke("StreamFunction", [{"detail-type": "Scheduled Event"}, {"Records": []}])["said"]
    assert refused.keys() == {"error", "message"}
    assert taken == {"answer": {"batchItemFailures": []}}


def test_a_container_without_its_table_says_what_to_run(invoke: Invoke) -> None:
    died = invoke("HttpFunction", [], ORDERKEEP_STORE=f"dynamodb://nowhere?region={servers.REGION}")["died"]
    assert "CannotStart" in died
    assert "orderkeep table create" in died


@pytest.mark.parametrize("function", ["HttpFunction", "StreamFunction"])
def test_a_container_imports_from_the_package_and_the_standard_library_alone(
    function: str, invoke: Invoke, unpacked: Path
) -> None:
    found = invoke(function, [])
    own = Path(sys.executable).resolve().parents[1]
    strangers = [file for file in found["files"] if not _is_below(file, (unpacked, own, Path(__file__).parent))]
    assert strangers == []
    assert [file for file in found["files"] if "site-packages" in file] == []
    assert NOT_INSIDE.isdisjoint(found["modules"])
    assert ("fastapi" in found["modules"]) == (function == "HttpFunction")


def _is_below(file: str, folders: tuple[Path, ...]) -> bool:
    places = {Path(file), Path(file).resolve()}
    return any(
        place.is_relative_to(folder) for place in places for folder in (*folders, *(f.resolve() for f in folders))
    )


KEEPS = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from obstore.store import MemoryStore, S3Store
store = MemoryStore()
store.put("receipt", b"lamp")
print(bytes(store.get("receipt").bytes()).decode())
"""


def test_what_keeps_documents_can_be_loaded(unpacked: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", KEEPS, str(unpacked)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout == "lamp\n", ran.stderr
