"""Events of an HTTP API and of a function URL, as AWS sends them, and what is returned for them."""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sample_service.application.errors import InvalidStoreURL
from sample_service.config import InvalidSettings

MODULE = "sample_service.entrypoints.lambda_handler"
EVENTS = Path(__file__).with_name("lambda_events")
KINDS = {"http-api": "/prod", "function-url": ""}
"""The kinds of events, and the stage that is in their paths."""


@dataclass(frozen=True)
class Returned:
    """What Lambda gets, after a journey as JSON."""

    status: int
    headers: dict[str, str]
    body: str
    cookies: list[str]
    encoded: bool

    def json(self) -> Any:
        return json.loads(self.body)


Call = Callable[..., Returned]


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as a new container imports it, on an empty memory store."""
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "memory://")
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    module = import_module(MODULE)
    yield module
    module._loop.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call(lambda_handler: ModuleType, kind: str) -> Call:
    """Send a request as an event of each kind."""

    def send(method: str, path: str, query: str = "", body: str | None = None, **headers: str) -> Returned:
        event = recorded(kind)
        del event["headers"]["idempotency-key"]
        event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        event |= {"rawPath": f"{KINDS[kind]}{path}", "rawQueryString": query, "body": body, "isBase64Encoded": False}
        event["requestContext"]["http"] |= {"method": method, "path": event["rawPath"]}
        return returned(lambda_handler, event)

    return send


def recorded(kind: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{kind}.json").read_text(encoding="utf-8"))
    return event


def returned(module: ModuleType, event: dict[str, Any]) -> Returned:
    found = json.loads(json.dumps(module.handler(event, None)))
    names = ("statusCode", "headers", "body", "cookies", "isBase64Encoded")
    return Returned(*(found[name] for name in names))


def test_recorded_event_places_a_sample_item(lambda_handler: ModuleType, kind: str) -> None:
    first, again = (returned(lambda_handler, recorded(kind)) for _ in range(2))
    assert (first.status, first.headers["etag"], first.headers["content-type"]) == (201, '"1"', "application/json")
    assert (first.json()["name"], first.encoded, first.cookies) == ("First", False, [])
    assert again.json() == first.json()  # the event has an idempotency key


def test_requests_of_a_container_share_a_store(call: Call) -> None:
    ids = [call("POST", "/sample-items", body=json.dumps({"name": name})).json()["id"] for name in ("One", "Two")]
    confirmed = call("POST", f"/sample-items/{ids[0]}/confirm", if_match='"1"')
    assert (confirmed.status, confirmed.json()["status"]) == (200, "confirmed")
    listed = call("GET", "/sample-items", query="status=confirmed&limit=1").json()
    assert [each["id"] for each in listed["data"]] == ids[:1]


def test_problems_are_those_of_the_http_api(call: Call) -> None:
    missing = call("GET", "/sample-items/unknown")
    assert (missing.status, missing.json()["code"]) == (404, "sample_item_not_found")
    assert (missing.headers["content-type"], missing.encoded) == ("application/problem+json", False)
    invalid = call("POST", "/sample-items", body='{"name": ""}')
    assert (invalid.status, [each["field"] for each in invalid.json()["errors"]]) == (422, ["body/name"])


def test_page_of_another_site_changes_nothing(call: Call) -> None:
    placed = call("POST", "/sample-items", body='{"name": "First"}').json()
    path = f"/sample-items/{placed['id']}"
    rejected = call("POST", f"{path}/confirm", origin="https://elsewhere.test")
    assert (rejected.status, rejected.json()["code"]) == (403, "forbidden")
    assert call("GET", path).json()["status"] == "pending"


@pytest.mark.parametrize("sent, status", [({}, 200), ({"stage": "dev"}, 404)])
def test_stage_is_not_part_of_the_route(lambda_handler: ModuleType, sent: dict[str, str], status: int) -> None:
    event = recorded("http-api")
    event["requestContext"] |= sent
    event["requestContext"]["http"]["method"] = "GET"
    assert returned(lambda_handler, event).status == status


def recorded_by(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *parts: bytes) -> list[dict[str, Any]]:
    """Let another application respond, with these parts of a body. Return the list of what it receives."""
    seen: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        seen.extend((scope, await receive()))
        headers = [(b"set-cookie", b"a=1"), (b"vary", b"Origin"), (b"set-cookie", b"b=2"), (b"vary", b"Cookie")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part})

    monkeypatch.setattr(module, "_app", app)
    return seen


def test_request_arrives_as_it_was_sent(
    lambda_handler: ModuleType,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = recorded(kind) | {"rawQueryString": "a=%2B&b=1+2"}
    # A function URL sends the path as the client did, an HTTP API decodes it.
    event["rawPath"] += {"http-api": "/%41 b", "function-url": "/%2541%20b"}[kind]
    seen = recorded_by(lambda_handler, monkeypatch, b"")
    returned(lambda_handler, event)
    scope, message = seen
    assert (scope["method"], scope["path"], scope["root_path"]) == (
        "POST",
        f"{KINDS[kind]}/sample-items/%41 b",
        KINDS[kind],
    )
    assert (scope["query_string"], scope["client"]) == (b"a=%2B&b=1+2", ("192.0.2.7", 0))
    assert {(b"cookie", b"theme=dark; lang=de"), (b"idempotency-key", b"key")} <= set(scope["headers"])
    assert message == {"type": "http.request", "body": b'{"name": "First"}', "more_body": False}


def test_cookies_and_bytes_are_returned(lambda_handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_by(lambda_handler, monkeypatch, b"\xff", b"\xfe")
    found = returned(lambda_handler, recorded("http-api"))
    assert (found.cookies, found.headers) == (["a=1", "b=2"], {"vary": "Origin, Cookie"})
    assert (found.encoded, base64.b64decode(found.body)) == (True, b"\xff\xfe")


def test_bug_is_logged_and_reported_without_its_details(
    lambda_handler: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(lambda_handler._app.state.use_cases.place_sample_item.repo, "save", fail)
    failed = returned(lambda_handler, recorded("http-api"))
    assert (failed.status, failed.json()["code"]) == (500, "internal_error")
    assert "secret" not in failed.body
    assert "RuntimeError: secret" in caplog.text


@pytest.mark.parametrize(
    "event",
    [{}, {"Records": []}, {"version": "1.0", "requestContext": {"httpMethod": "GET"}}],
)
def test_other_events_are_rejected(lambda_handler: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(lambda_handler.UnknownEvent, match="is not an HTTP request"):
        lambda_handler.handler(event, None)


@pytest.mark.parametrize("url, error", [("", InvalidSettings), ("unknown://", InvalidStoreURL)])
def test_invalid_setting_prevents_the_start(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    error: type[Exception],
) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", url)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(error):
        import_module(MODULE)


def test_unknown_variable_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STOER", "memory://")
    request.getfixturevalue("lambda_handler")
    assert "did you mean SAMPLE_SERVICE_STORE?" in caplog.text
