"""HTTP on Lambda: one request as the events of all four kinds, and the response that a client gets.

`KINDS["rest-api"](request)` is the event; `read_answer(answer)` is what its sender makes of the result.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

import pytest

Event = dict[str, Any]
Answer = dict[str, Any]

STAGE = "prod"

CALLER = "arn:aws:iam::123456789012:role/shop"
"""Whom IAM let in, as API Gateway and function URLs say it. A load balancer asks nobody."""


@dataclass(frozen=True)
class Request:
    """A request as a client sends it: `target` is percent-encoded, headers may come more than once."""

    method: str = "GET"
    target: str = "/livez"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def json(cls, method: str, target: str, body: Any, **headers: str) -> Request:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return cls(method, target, (("Content-Type", "application/json"), *named), json.dumps(body).encode())

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    def lists(self, decode: Callable[[str], str] = str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for part in filter(None, self.query.split("&")):
            name, _, value = part.partition("=")
            found.setdefault(decode(name), []).append(decode(value))
        return found

    def header_lists(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(value)
        return found


def http_api(
    request: Request, stage: str = STAGE, domain: str = "abc123.execute-api.eu-central-1.amazonaws.com"
) -> Event:
    """An HTTP API's event, payload format 2.0: the path decoded and behind its stage."""
    path = unquote(request.path)
    return _v2(request, path if stage == "$default" else f"/{stage}{path}", stage, domain)


def function_url(request: Request) -> Event:
    """A function URL's event: as an HTTP API's, with the path as it was sent."""
    return _v2(request, request.path, "$default", "abc123.lambda-url.eu-central-1.on.aws")


def rest_api(
    request: Request,
    stage: str = STAGE,
    base_path: str = "",
    domain: str = "abc123.execute-api.eu-central-1.amazonaws.com",
) -> Event:
    """A REST API's event; `base_path` is what a domain of one's own maps to the API."""
    lists, headers = request.lists(unquote_plus), request.header_lists()
    return {
        "resource": "/{proxy+}",
        "path": f"{base_path}{request.path}",
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()} or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": {name: values[-1] for name, values in lists.items()} or None,
        "multiValueQueryStringParameters": lists or None,
        "pathParameters": {"proxy": unquote(request.path).lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": request.method,
            "path": f"{base_path or '/' + stage}{request.path}",
            "stage": stage,
            "domainName": domain,
            "requestId": "e5f6ab1c",
            "identity": {"sourceIp": "192.0.2.7", "userArn": CALLER},
        },
        **_body(request, empty=None),
    }


def load_balancer(request: Request, *, multi_value: bool = True) -> Event:
    """An Application Load Balancer's event: path and query as they were sent."""
    lists, headers = request.lists(), {name.lower(): values for name, values in request.header_lists().items()}
    event: Event = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/a/b"}},
        "httpMethod": request.method,
        "path": request.path,
        **_body(request, empty=""),
    }
    if multi_value:
        return {**event, "multiValueQueryStringParameters": lists, "multiValueHeaders": headers}
    return {
        **event,
        "queryStringParameters": {name: values[-1] for name, values in lists.items()},
        "headers": {name: values[-1] for name, values in headers.items()},
    }


def with_key(event: Event, key: str) -> Event:
    """Return the event as it is where its sender shows an API key."""
    name, shown = "authorization", f"Bearer {key}"
    if "multiValueHeaders" in event:
        return {**event, "multiValueHeaders": {**(event["multiValueHeaders"] or {}), name: [shown]}}
    return {**event, "headers": {**event["headers"], name: shown}}


KINDS: dict[str, Callable[[Request], Event]] = {
    "http-api": http_api,
    "rest-api": rest_api,
    "load-balancer": load_balancer,
    "function-url": function_url,
}

EveryKind = pytest.mark.parametrize("event_of", KINDS.values(), ids=KINDS.keys())


@dataclass(frozen=True)
class Answered:
    """What the client gets."""

    status: int
    headers: dict[str, str]
    body: bytes
    encoded: bool

    def json(self) -> Any:
        return json.loads(self.body)


def read_answer(answer: Answer) -> Answered:
    """Return the answer as its sender gives it to the client; it must be one that JSON can carry."""
    answer = json.loads(json.dumps(answer))
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ", ".join(values)
    encoded = answer.get("isBase64Encoded", False)
    body = base64.b64decode(answer["body"]) if encoded else answer["body"].encode()
    return Answered(answer["statusCode"], headers, body, encoded)


def _v2(request: Request, path: str, stage: str, domain: str) -> Event:
    headers = {name.lower(): ",".join(values) for name, values in request.header_lists().items()}
    cookie = headers.pop("cookie", None)
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "apiId": "abc123",
            "authorizer": {"iam": {"accountId": "123456789012", "userArn": CALLER}},
            "domainName": domain,
            "http": {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": stage,
        },
    }
    if request.query:
        event["queryStringParameters"] = {name: ",".join(v) for name, v in request.lists(unquote_plus).items()}
    return {**event, **({"cookies": cookie.split("; ")} if cookie else {}), **_body(request, empty=None)}


def _body(request: Request, empty: str | None) -> Event:
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
    return {"body": text or empty, "isBase64Encoded": False}
