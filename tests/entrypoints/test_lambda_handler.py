"""HTTP on Lambda: four kinds of events, one app, and the same responses as over HTTP."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orderkeep.entrypoints.api.operations import STATIC
from tests.entrypoints.http_calls import ORDER, PLAIN
from tests.entrypoints.lambda_calls import (
    KINDS,
    Event,
    EveryKind,
    Request,
    function_url,
    http_api,
    load_balancer,
    read_answer,
    rest_api,
)
from tests.entrypoints.lambda_containers import Context, call, container, let_in, see_scopes
from tests.entrypoints.log_reading import Logged

DOCUMENTED = sorted((Path(__file__).parent / "lambda_events").glob("*.json"))


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_MAX_BODY_BYTES="262144") as module:
        yield module


@EveryKind
def test_an_order_is_placed_found_and_cancelled(lambda_handler: ModuleType, event_of: Any) -> None:
    placed = call(lambda_handler, event_of(Request.json("POST", "/orders", ORDER, Idempotency_Key="k-1")))
    assert (placed.status, placed.headers["etag"], placed.encoded) == (201, '"1"', False)
    order = placed.json()
    again = call(lambda_handler, event_of(Request.json("POST", "/orders", ORDER, Idempotency_Key="k-1")))
    assert (again.json(), again.headers["idempotency-replayed"]) == (order, "true")
    path = f"/orders/{order['id']}"
    assert call(lambda_handler, event_of(Request("GET", path))).json() == order
    deleted = call(lambda_handler, event_of(Request("DELETE", path)))
    assert (deleted.status, deleted.json()) == (200, {"status": "cancelled"})
    assert call(lambda_handler, event_of(Request("GET", path))).json()["status"] == "cancelled"


@pytest.mark.parametrize("file", DOCUMENTED, ids=[file.stem for file in DOCUMENTED])
def test_an_event_with_all_that_aws_documents_places_its_order(lambda_handler: ModuleType, file: Path) -> None:
    placed = call(lambda_handler, json.loads(file.read_text(encoding="utf-8")))
    assert placed.status == 201, placed.body
    assert placed.json()["metadata"] == {"sent_through": file.stem}


def test_there_is_such_an_event_of_each_kind() -> None:
    assert {file.stem for file in DOCUMENTED} == KINDS.keys()


@EveryKind
def test_problems_arrive_as_text(lambda_handler: ModuleType, event_of: Any) -> None:
    refused = call(lambda_handler, event_of(Request("GET", "/orders/nobody-s")))
    assert (refused.status, refused.headers["content-type"]) == (404, "application/problem+json")
    assert not refused.encoded
    assert refused.json()["code"] == "order_not_found"


@EveryKind
@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/swagger-ui.css", "/lifecycle"])
def test_whatever_is_text_arrives_as_text(lambda_handler: ModuleType, event_of: Any, path: str) -> None:
    answer = call(lambda_handler, event_of(Request("GET", path)))
    assert (answer.status, answer.encoded) == (200, False)
    assert answer.body


@EveryKind
def test_what_is_not_text_arrives_byte_by_byte(lambda_handler: ModuleType, event_of: Any) -> None:
    answer = call(lambda_handler, event_of(Request("GET", "/docs/favicon-32x32.png")))
    assert (answer.status, answer.encoded) == (200, True)
    assert answer.body == (STATIC / "favicon-32x32.png").read_bytes()


@pytest.mark.parametrize("media_type", ["application/pdf", "application/octet-stream"])
def test_documents_leave_in_base64_whatever_their_bytes_look_like(lambda_handler: ModuleType, media_type: str) -> None:
    vars(lambda_handler)["_app"] = answering([(b"content-type", media_type.encode())], b"looks like text")
    answer = lambda_handler.handler(http_api(Request()), Context())
    assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, b"looks like text")


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "text/csv; charset=utf-8", "application/json"])
def test_documents_that_are_text_leave_as_text(lambda_handler: ModuleType, media_type: str) -> None:
    vars(lambda_handler)["_app"] = answering([(b"content-type", media_type.encode())], "größer".encode())
    answer = lambda_handler.handler(http_api(Request()), Context())
    assert (answer["isBase64Encoded"], answer["body"]) == (False, "größer")


@pytest.mark.parametrize(
    "event_of, cookies_of",
    [
        (http_api, lambda answer: answer["cookies"]),
        (function_url, lambda answer: answer["cookies"]),
        (rest_api, lambda answer: answer["multiValueHeaders"]["set-cookie"]),
        (load_balancer, lambda answer: answer["multiValueHeaders"]["set-cookie"]),
    ],
    ids=["http-api", "function-url", "rest-api", "load-balancer"],
)
def test_cookies_that_are_set_leave_one_by_one(lambda_handler: ModuleType, event_of: Any, cookies_of: Any) -> None:
    headers = [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2, and more"), (b"content-type", b"text/plain")]
    vars(lambda_handler)["_app"] = answering(headers, b"")
    assert cookies_of(lambda_handler.handler(event_of(Request()), Context())) == ["a=1; Path=/", "b=2, and more"]


@EveryKind
def test_bytes_that_are_no_text_are_rejected_as_http_rejects_them(lambda_handler: ModuleType, event_of: Any) -> None:
    headers = (("Content-Type", "application/json"),)
    answer = call(lambda_handler, event_of(Request("POST", "/orders", headers, b'{"user_id": "\xff"}')))
    assert (answer.status, answer.json()["code"]) == (400, "malformed_json")
    assert "byte 14" in answer.json()["detail"]


@EveryKind
def test_no_body_is_no_body(lambda_handler: ModuleType, event_of: Any) -> None:
    order = call(lambda_handler, event_of(Request.json("POST", "/orders", PLAIN))).json()
    cancelled = call(lambda_handler, event_of(Request("POST", f"/orders/{order['id']}/cancel")))
    assert (cancelled.status, cancelled.json()["cancellation"]["reason"]) == (200, None)


@EveryKind
def test_texts_in_all_the_world_s_letters_arrive_as_they_were_sent(lambda_handler: ModuleType, event_of: Any) -> None:
    body = json.dumps({**PLAIN, "user_id": "Ünï-私-🛒"}, ensure_ascii=False).encode()
    request = Request("POST", "/orders", (("Content-Type", "application/json"),), body)
    assert call(lambda_handler, event_of(request)).json()["user_id"] == "Ünï-私-🛒"


@EveryKind
def test_head_responds_like_get_without_the_body(lambda_handler: ModuleType, event_of: Any) -> None:
    head, get = (call(lambda_handler, event_of(Request(method, "/lifecycle"))) for method in ("HEAD", "GET"))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", get.headers["content-length"])


@EveryKind
def test_nothing_is_started_or_ended_for_a_request(lambda_handler: ModuleType, event_of: Any) -> None:
    seen = see_scopes(lambda_handler)
    call(lambda_handler, event_of(Request()))
    assert [scope["type"] for scope in seen] == ["http"]


@EveryKind
def test_a_request_without_an_id_has_its_invocation_s(lambda_handler: ModuleType, event_of: Any) -> None:
    placed = call(lambda_handler, event_of(Request.json("POST", "/orders", PLAIN)), Context("invocation-7"))
    assert placed.headers["x-request-id"] == "invocation-7"
    history = call(lambda_handler, event_of(Request("GET", f"/orders/{placed.json()['id']}/history"))).json()
    assert [change["request_id"] for change in history["data"]] == ["invocation-7"]
    unfit = call(
        lambda_handler, event_of(Request("GET", "/livez", (("X-Request-Id", "a b"),))), Context("invocation-8")
    )
    assert unfit.headers["x-request-id"] == "invocation-8"


@EveryKind
def test_a_request_with_an_id_keeps_it_and_the_log_says_which_invocation_that_is(
    lambda_handler: ModuleType, event_of: Any, logged: Logged
) -> None:
    answer = call(
        lambda_handler, event_of(Request("GET", "/livez", (("X-Request-Id", "web-1"),))), Context("invocation-7")
    )
    call(lambda_handler, event_of(Request()), Context("invocation-8"))
    assert answer.headers["x-request-id"] == "web-1"
    [line] = logged.of("orderkeep")
    assert (line["request_id"], line["invocation_id"]) == ("web-1", "invocation-7")


def test_a_page_that_is_too_large_for_a_load_balancer_is_rejected_with_what_to_ask_for(
    lambda_handler: ModuleType,
) -> None:
    event_of = load_balancer
    lines = [{"sku": f"s-{n}", "name": '"' * 190 + f"{n:03}", "quantity": 1, "unit_price": n} for n in range(500)]
    large = {**PLAIN, "total": sum(range(500)), "lines": lines}
    for _ in range(20):
        assert call(lambda_handler, function_url(Request.json("POST", "/orders", large))).status == 201
    refused = call(lambda_handler, event_of(Request("GET", "/orders")), Context("invocation-7"))
    problem = refused.json()
    assert (refused.status, problem["code"], problem["errors"][0]["parameter"]) == (422, "invalid_query", "limit")
    assert (problem["request_id"], refused.headers["x-request-id"]) == ("invocation-7", "invocation-7")
    assert call(lambda_handler, event_of(Request("HEAD", "/orders"))).status == 200
    most = 1_000_000
    sizes = {}
    for limit in range(1, 21):
        answer = lambda_handler.handler(
            let_in(lambda_handler, event_of(Request("GET", f"/orders?limit={limit}"))), Context()
        )
        if answer["statusCode"] == 200:
            sizes[limit] = len(json.dumps(answer))
    assert list(sizes) == list(range(1, len(sizes) + 1))
    assert most * 0.5 < sizes[len(sizes)] <= most


def answering(headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
    """Return an app that answers this."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def test_what_lambda_is_given_back_is_json(lambda_handler: ModuleType) -> None:
    event: Event = load_balancer(Request("GET", "/livez"), multi_value=False)
    answer = lambda_handler.handler(event, Context())
    assert read_answer(answer).json() == {"status": "alive"}
    assert "multiValueHeaders" not in answer


NOT_HTTP: dict[str, tuple[Any, str]] = {
    "stream": (
        {"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}]},
        "a DynamoDB stream, which is for orderkeep.entrypoints.lambda_stream.handler",
    ),
    "schedule": (
        {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        "EventBridge, whose targets need an input with an HTTP request",
    ),
    "queue": ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "from aws:sqs"),
    "topic": ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "from aws:sns"),
    "edge": ({"Records": [{"cf": {"request": {"uri": "/", "method": "GET"}}}]}, "from an unknown source"),
    "web socket": ({"requestContext": {"connectionId": "a=", "eventType": "CONNECT"}}, "from an unknown source"),
    "another version": ({"version": "3.0", "requestContext": {"http": {"method": "GET"}}}, "from an unknown source"),
    "empty": ({}, "from an unknown source"),
    "null": (None, "from an unknown source"),
    "list": ([{"Records": []}], "from an unknown source"),
    "odd records": ({"Records": "many"}, "from an unknown source"),
    "odd context": ({"requestContext": "none", "httpMethod": "GET", "path": "/"}, "from an unknown source"),
}


@pytest.mark.parametrize("event, sender", NOT_HTTP.values(), ids=NOT_HTTP)
def test_any_other_event_is_rejected_with_its_sender(lambda_handler: ModuleType, event: Any, sender: str) -> None:
    seen = see_scopes(lambda_handler)
    with pytest.raises(lambda_handler.WrongHandler, match="this event is not an HTTP request: it comes from") as raised:
        lambda_handler.handler(event, Context())
    assert sender in str(raised.value)
    assert seen == []
