"""What reaches the app of a request through Lambda: its path, stage, query and headers as the client sent them."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.lambda_calls import Event, EveryKind, Request, function_url, http_api, load_balancer, rest_api
from tests.entrypoints.lambda_containers import call, container, see_scopes

OWN_DOMAIN = "orders.example.com"
PLACE = Request.json("POST", "/orders", PLAIN)


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        yield module


@pytest.fixture
def served_under_shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_ROOT_PATH="/shop") as module:
        yield module


def with_route(event: Event, key: str, proxy: str) -> Event:
    return {**event, "routeKey": key, "pathParameters": {"proxy": proxy}}


WHERE: dict[str, tuple[Event, str]] = {
    "http api, named stage": (http_api(PLACE), "/prod/orders/"),
    "http api, default stage": (http_api(PLACE, stage="$default"), "/orders/"),
    "http api, stage with the beginning of a route's name": (http_api(PLACE, stage="ord"), "/ord/orders/"),
    "http api, own domain": (http_api(PLACE, domain=OWN_DOMAIN), "/orders/"),
    "http api, own domain, stage left out": (
        {**http_api(PLACE, stage="ord", domain=OWN_DOMAIN), "rawPath": "/orders"},
        "/orders/",
    ),
    "http api, own domain, route that names its path": (
        with_route(http_api(PLACE, domain=OWN_DOMAIN), "ANY /{proxy+}", "orders"),
        "/orders/",
    ),
    "http api, own domain, mapped path": (
        with_route({**http_api(PLACE, domain=OWN_DOMAIN), "rawPath": "/shop/orders"}, "ANY /{proxy+}", "orders"),
        "/shop/orders/",
    ),
    "function url": (function_url(PLACE), "/orders/"),
    "rest api": (rest_api(PLACE), "/prod/orders/"),
    "rest api, own domain": (
        {
            **rest_api(PLACE, domain=OWN_DOMAIN),
            "requestContext": {**rest_api(PLACE)["requestContext"], "domainName": OWN_DOMAIN, "path": "/orders"},
        },
        "/orders/",
    ),
    "rest api, own domain, mapped path": (rest_api(PLACE, base_path="/shop", domain=OWN_DOMAIN), "/shop/orders/"),
    "rest api, own domain, mapped path of two parts": (
        rest_api(PLACE, base_path="/shop/v1", domain=OWN_DOMAIN),
        "/shop/v1/orders/",
    ),
    "http api, payload 1.0, named stage": (
        {**rest_api(PLACE, base_path="/prod"), "version": "1.0", "resource": "$default", "pathParameters": None},
        "/prod/orders/",
    ),
    "load balancer": (load_balancer(PLACE), "/orders/"),
}


@pytest.mark.parametrize("event, location", WHERE.values(), ids=WHERE.keys())
def test_an_order_is_where_its_location_says_to_this_client(
    lambda_handler: ModuleType, event: Event, location: str
) -> None:
    placed = call(lambda_handler, event)
    assert placed.status == 201, placed.body
    assert placed.headers["location"] == location + placed.json()["id"]


def test_the_next_page_is_where_its_link_says_to_this_client(lambda_handler: ModuleType) -> None:
    for _ in range(2):
        call(lambda_handler, http_api(PLACE))
    first = call(lambda_handler, http_api(Request("GET", "/orders?limit=1")))
    target = first.headers["link"].removeprefix("<").partition(">")[0]
    assert target.startswith("/prod/orders?limit=1&cursor=")
    second = call(lambda_handler, http_api(Request("GET", target.removeprefix("/prod"))))
    assert (second.status, len(second.json()["data"])) == (200, 1)
    assert second.json()["data"] != first.json()["data"]


@pytest.mark.parametrize(
    "event_of, server",
    [(http_api, "/prod"), (rest_api, "/prod"), (function_url, "/"), (load_balancer, "/")],
    ids=["http api", "rest api", "function url", "load balancer"],
)
def test_the_document_names_the_service_as_this_client_reaches_it(
    lambda_handler: ModuleType, event_of: Any, server: str
) -> None:
    found = call(lambda_handler, event_of(Request("GET", "/openapi.json"))).json()
    assert [each["url"] for each in found["servers"]] == [server]


@pytest.mark.parametrize(
    "event",
    [
        http_api(PLACE, domain=OWN_DOMAIN),
        {**http_api(PLACE, stage="$default", domain=OWN_DOMAIN), "rawPath": "/shop/orders"},
        rest_api(PLACE, base_path="/shop", domain=OWN_DOMAIN),
        load_balancer(PLACE),
        load_balancer(Request.json("POST", "/shop/orders", PLAIN)),
        function_url(Request.json("POST", "/shop/orders", PLAIN)),
    ],
    ids=["http api", "http api, mapped path", "rest api", "load balancer", "load balancer, path kept", "function url"],
)
def test_the_set_root_path_is_what_a_client_sees_whether_or_not_it_reaches_us(
    served_under_shop: ModuleType, event: Event
) -> None:
    placed = call(served_under_shop, event)
    assert placed.status == 201, placed.body
    assert placed.headers["location"] == f"/shop/orders/{placed.json()['id']}"


@EveryKind
@pytest.mark.parametrize(
    "target", ["/orders/a%20b", "/orders/a%2541", "/orders/%C3%BC", "/orders/a+b", "/orders/a:b_c"]
)
def test_a_path_is_decoded_once(lambda_handler: ModuleType, event_of: Any, target: str) -> None:
    seen = see_scopes(lambda_handler)
    assert call(lambda_handler, event_of(Request("GET", target))).status == 404
    assert seen[0]["path"] == seen[0]["root_path"] + unquote(target)


@EveryKind
@pytest.mark.parametrize(
    "query", ["user_id=a%2Bb%26c%3Dd%25", "user_id=a%2541", "tag=x%20y+z", "user_id=%C3%BC", "tag=", "a=1&b=2&a=3"]
)
def test_a_query_arrives_as_it_was_sent(lambda_handler: ModuleType, event_of: Any, query: str) -> None:
    seen = see_scopes(lambda_handler)
    call(lambda_handler, event_of(Request("GET", f"/orders?{query}")))
    read = parse_qsl(seen[0]["query_string"].decode(), keep_blank_values=True)
    assert sorted(read) == sorted(parse_qsl(query, keep_blank_values=True))


@EveryKind
def test_several_statuses_are_one_filter(lambda_handler: ModuleType, event_of: Any) -> None:
    placed, cancelled = (call(lambda_handler, event_of(PLACE)).json() for _ in range(2))
    call(lambda_handler, event_of(Request("DELETE", f"/orders/{cancelled['id']}")))
    for statuses, expected in (
        ("status=pending&status=processing", [placed["id"]]),
        ("status=cancelled&status=processing", [cancelled["id"]]),
    ):
        answer = call(lambda_handler, event_of(Request("GET", f"/orders?{statuses}")))
        assert [order["id"] for order in answer.json()["data"]] == expected


@EveryKind
def test_a_parameter_that_comes_twice_is_rejected(lambda_handler: ModuleType, event_of: Any) -> None:
    answer = call(lambda_handler, event_of(Request("GET", "/orders?limit=7&limit=8")))
    assert (answer.status, answer.json()["errors"][0]["code"]) == (422, "parameter_repeated")


@pytest.mark.parametrize("event_of", [http_api, function_url, load_balancer])
def test_a_query_that_is_no_utf_8_is_rejected_as_http_rejects_it(lambda_handler: ModuleType, event_of: Any) -> None:
    answer = call(lambda_handler, event_of(Request("GET", "/orders?user_id=%FF")))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_query")


TWO_KEYS = (*PLACE.headers, ("Idempotency-Key", "k-1"), ("Idempotency-Key", "k-2"))


@pytest.mark.parametrize("event_of", [rest_api, load_balancer])
def test_repeated_key_is_rejected_if_the_event_contains_both(lambda_handler: ModuleType, event_of: Any) -> None:
    answer = call(lambda_handler, event_of(Request("POST", "/orders", TWO_KEYS, PLACE.body)))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_header")
    assert call(lambda_handler, event_of(Request("GET", "/orders"))).json()["data"] == []


@pytest.mark.parametrize("event_of", [http_api, function_url])
def test_a_key_that_comes_twice_is_one_key_where_the_gateway_joins_them(
    lambda_handler: ModuleType, event_of: Any
) -> None:
    request = Request("POST", "/orders", TWO_KEYS, PLACE.body)
    first, again = (call(lambda_handler, event_of(request)) for _ in range(2))
    assert (first.status, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert len(call(lambda_handler, event_of(Request("GET", "/orders"))).json()["data"]) == 1


@EveryKind
def test_versions_in_several_headers_count_together(lambda_handler: ModuleType, event_of: Any) -> None:
    order = call(lambda_handler, event_of(PLACE)).json()
    several = (("If-Match", '"7", "8"'), ("If-Match", '"1"'))
    confirmed = call(lambda_handler, event_of(Request("POST", f"/orders/{order['id']}/confirm", several)))
    assert (confirmed.status, confirmed.headers["etag"]) == (200, '"2"')


@EveryKind
def test_cookies_arrive_once_each(lambda_handler: ModuleType, event_of: Any) -> None:
    seen = see_scopes(lambda_handler)
    call(lambda_handler, event_of(Request("GET", "/livez", (("Cookie", "a=1; b=2"),))))
    assert [value for name, value in seen[0]["headers"] if name == b"cookie"] == [b"a=1; b=2"]


def test_cookies_of_a_function_url_are_passed_once(lambda_handler: ModuleType) -> None:
    seen = see_scopes(lambda_handler)
    event = function_url(Request("GET", "/livez", (("Cookie", "a=1; b=2"),)))
    event["headers"]["cookie"] = "a=1; b=2"
    call(lambda_handler, event)
    assert [value for name, value in seen[0]["headers"] if name == b"cookie"] == [b"a=1; b=2"]


@EveryKind
@pytest.mark.parametrize("host", ["[::1]:8443", "a:b:c", "example.com:port", ""])
def test_any_host_gets_a_response(lambda_handler: ModuleType, event_of: Any, host: str) -> None:
    headers = (("Host", host), ("X-Forwarded-Port", "none"))
    assert call(lambda_handler, event_of(Request("GET", "/livez", headers))).status == 200


def test_events_with_nothing_where_something_could_be_are_read(lambda_handler: ModuleType) -> None:
    rest = rest_api(Request("GET", "/livez"))
    rest |= {"pathParameters": None, "multiValueHeaders": None, "headers": None}
    assert call(lambda_handler, rest).status == 200
    assert call(lambda_handler, {**http_api(Request("GET", "/livez")), "headers": None}).status == 200
    assert call(lambda_handler, load_balancer(Request("GET", "/livez"), multi_value=False)).status == 200


def test_load_balancer_without_multi_value_headers_passes_the_last_value(lambda_handler: ModuleType) -> None:
    event = load_balancer(Request("POST", "/orders?dry_run=true", TWO_KEYS, PLACE.body), multi_value=False)
    assert call(lambda_handler, event).status == 201
