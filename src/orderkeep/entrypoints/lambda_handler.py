"""Lambda handler for HTTP: the same app as everywhere, for API Gateway, load balancers and function URLs, and for Step
Functions, which send the payload of an HTTP API (version 2.0). Wired at import, for the life of the container.

Requests are read here and not by Mangum, which decodes paths twice, joins repeated headers and does not know stages.
"""

from __future__ import annotations

import gc
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlencode


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import without garbage collection: modules are not garbage, and scanning them takes a tenth of a cold start. Nor
    are plugins of pydantic loaded, unless `PYDANTIC_DISABLE_PLUGINS` is set to an empty text.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it looks for them in the metadata of all packages
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


with fast_imports():
    from orderkeep.entrypoints.lambda_runtime import (
        Context,
        install_event_loop,
        load_settings,
        run,
        service_in,
        start_wiring,
        time_limit,
    )

    _settings = load_settings()
    _wired = start_wiring(_settings)  # while the store responds, the web framework is imported

    from pydantic import BaseModel

    # Models are built with their first use: FastAPI's 40 of the OpenAPI document alone take a tenth of a cold start.
    BaseModel.model_config["defer_build"] = True

    from mangum.handlers import ALB, APIGateway, HTTPGateway
    from mangum.protocols import HTTPCycle
    from mangum.types import LambdaConfig, Response, Scope

    from orderkeep.application.access.actor import Actor, ActorKind, scopes_in
    from orderkeep.application.access.actor import Scope as Permission
    from orderkeep.bootstrap.access import claims_mapping
    from orderkeep.entrypoints.api.app import create_app
    from orderkeep.entrypoints.api.dependencies import REQUEST_ID
    from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
    from orderkeep.entrypoints.api.shell import SERVER_REQUEST_ID
    from orderkeep.entrypoints.field_errors import FieldError

    del BaseModel.model_config["defer_build"]

Event = dict[str, Any]
TEXT_TYPES = ["text/", "application/json", "+json"]
"""Responses of these media types are sent as text; all others, such as PDF, in base64."""

MAX_RESPONSE_BYTES, MAX_BALANCED_BYTES = 6_000_000, 1_000_000
"""The limits of Lambda and of a load balancer for a response in JSON, with a little to spare."""

RELAY_END_SECONDS = 3.0
"""The part of an invocation's time that is reserved for the end of the relay."""

_OF_CONTENT = frozenset((b"content-type", b"content-length", b"content-disposition", b"etag", b"link"))

log = logging.getLogger("orderkeep.http")


class WrongHandler(Exception):
    """The event is neither an HTTP request nor the input of a schedule; nothing was done."""


def handler(event: Event, context: Any) -> dict[str, Any]:
    """Respond to an HTTP event, or to the input of a schedule: `{"command": "expire"}` or `{"command": "relay"}`.
    Raises `WrongHandler` for any other event.
    """
    kind = kind_of(event)
    if kind is None:
        if isinstance(event, dict) and event.get("command") == "expire":
            return run(_expire_orders(_options_of(event)), context)
        if event == {"command": "relay"}:
            return run(_relay(context), context)
        raise WrongHandler(f"this event is not an HTTP request: it comes from {_sender_of(event)}")
    install_event_loop()
    request = kind(event, context, _config)
    response = HTTPCycle(request.scope, request.body)(_app)
    result = request(response)
    max_bytes = MAX_BALANCED_BYTES if kind is LoadBalancer else MAX_RESPONSE_BYTES
    return result if _fits(result, max_bytes) else request(_too_large(response, request.scope))


_OPTIONS = {"older_than": int, "dry_run": bool}


def _options_of(event: Event) -> dict[str, Any]:
    options = {name: value for name, value in event.items() if name != "command"}
    if any(type(value) is not _OPTIONS.get(name) for name, value in options.items()):
        raise WrongHandler("expire takes only older_than, a whole number of hours, and dry_run, true or false")
    return options


async def _expire_orders(options: dict[str, Any]) -> dict[str, Any]:
    report = await _use_cases.expire_orders.execute(**options)
    return {"checked": report.checked, "expired": len(report.expired)}


async def _relay(context: Context) -> dict[str, Any]:
    """Do the work of a relay, until nothing is left or the time of the invocation is nearly over."""
    from orderkeep.entrypoints.relay import Relay  # not for requests, whose cold start it would delay

    seconds = context.get_remaining_time_in_millis() / 1_000 - RELAY_END_SECONDS
    return {"complete": await Relay(_use_cases).run_until_idle(seconds)}


class GatewayV2(HTTPGateway):
    """Payload format 2.0 of HTTP APIs and function URLs. A repeated header arrives as one, joined with commas."""

    @cached_property
    def scope(self) -> Scope:
        event, context = self.event, self.event["requestContext"]
        headers = dict(_pairs(event, "headers"))
        if cookies := event.get("cookies"):
            headers["cookie"] = "; ".join(cookies)
        path = event.get("rawPath") or "/"
        if ".lambda-url." in context.get("domainName", ""):
            path = unquote(path)  # an HTTP API sends a decoded path, a function URL does not
        base = _base_path(path, event.get("routeKey", "").partition(" ")[2], event) or _stage_in(path, context)
        hidden = base == _stage(context) and ".execute-api." not in context.get("domainName", "")  # custom domain
        return _scope(
            self,
            method=context["http"]["method"],
            path=path.removeprefix(base),
            root="" if hidden else base,
            query=event.get("rawQueryString") or "",
            headers=headers.items(),
            client=context["http"].get("sourceIp"),
        )


class GatewayV1(APIGateway):
    """Payload format 1.0 of REST APIs, and of HTTP APIs, whose events have a version."""

    @cached_property
    def scope(self) -> Scope:
        event, context = self.event, self.event["requestContext"]
        path = event["path"] or "/"
        stage = (context.get("path") or "").removesuffix(path)  # a REST API removes the stage from the path
        base = _base_path(path, event.get("resource") or "", event)
        if "version" in event:
            base, stage = base or _stage_in(path, context), ""
        else:
            path = unquote(path)
        return _scope(
            self,
            method=event["httpMethod"],
            path=path.removeprefix(base),
            root=stage + base,
            query=urlencode(list(_pairs(event, "queryStringParameters"))),
            headers=_pairs(event, "headers"),
            client=context.get("identity", {}).get("sourceIp"),
        )


class LoadBalancer(ALB):
    """Application Load Balancers: path and query are as the client sent them. Without multi-value headers, only the
    last of a repeated header or parameter arrives.
    """

    @cached_property
    def scope(self) -> Scope:
        event = self.event
        return _scope(
            self,
            method=event["httpMethod"],
            path=unquote(event["path"] or "/"),
            root="",
            query="&".join(f"{name}={value}" for name, value in _pairs(event, "queryStringParameters")),
            headers=_pairs(event, "headers"),
            client=None,
        )


def kind_of(event: object) -> type[GatewayV2 | GatewayV1 | LoadBalancer] | None:
    """Return the kind of an HTTP event, or None for any other value."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(context, dict):
        return None
    if "elb" in context:
        return LoadBalancer
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return GatewayV2
    return GatewayV1 if "httpMethod" in event and "path" in event else None


def caller_in(
    context: Mapping[str, Any], actor_of: Callable[[Mapping[str, object]], Actor], iam_scopes: frozenset[Permission]
) -> Actor | None:
    """Return the caller whom AWS authenticated, from an event's `requestContext`: with IAM, staff with `iam_scopes`;
    with an authorizer, as its claims say. None without either, as behind a load balancer. Nothing of it comes from the
    client. Raises `InvalidCredentials` if the claims do not identify a caller.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    authorizer = context.get("authorizer") or {}
    # HTTP APIs (payload 2.0) and function URLs have the ARN of IAM in the authorizer, REST APIs in the identity.
    if arn := (authorizer.get("iam") or {}).get("userArn") or (context.get("identity") or {}).get("userArn"):
        return Actor(ActorKind.STAFF, str(arn), iam_scopes)
    if "jwt" in authorizer:
        return actor_of(authorizer["jwt"].get("claims") or {})
    if "claims" in authorizer:  # of Cognito, at a REST API
        return actor_of(authorizer["claims"])
    if custom := authorizer.get("lambda") or authorizer:
        found = {"iss": "authorizer", "sub": custom.get("principalId"), **custom}
        return actor_of({name: value for name, value in found.items() if value is not None})
    return None


def _caller_of() -> Callable[[MutableMapping[str, Any]], Actor | None]:
    actor_of, iam_scopes = claims_mapping(_settings).actor_of, scopes_in(_settings.iam_scopes)
    return lambda scope: caller_in(scope["aws.event"].get("requestContext") or {}, actor_of, iam_scopes)


@asynccontextmanager
async def _time_limit(scope: MutableMapping[str, Any]) -> AsyncIterator[None]:
    context: Context = scope["aws.context"]
    if scope[REQUEST_ID] != context.aws_request_id:
        log.info("the request has an id of its own", extra={"invocation_id": context.aws_request_id})
    async with time_limit(context):
        yield


def _sender_of(event: object) -> str:
    """Return the sender of an event that is not HTTP; of the event's content, only a name of a service is repeated."""
    if isinstance(event, dict) and "detail-type" in event and "source" in event:
        return "EventBridge, whose targets need an input with an HTTP request"
    records = event.get("Records") if isinstance(event, dict) else None
    sender = service_in(records[0]) if isinstance(records, list) and records else "an unknown source"
    if sender == "aws:dynamodb":
        return "a DynamoDB stream, which is for orderkeep.entrypoints.lambda_stream.handler"
    return sender


def _scope(
    request: GatewayV2 | GatewayV1 | LoadBalancer,
    *,
    method: str,
    path: str,
    root: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    client: str | None,
) -> Scope:
    """Return the ASGI scope. `path` is decoded and starts with the route; `root` precedes it in the client's URLs,
    unless the settings have a root path.
    """
    if configured := _settings.root_path.rstrip("/"):
        root, path = configured, path.removeprefix(configured) if _is_under(path, configured) else path
    sent = [(name.lower().encode(), value.encode(errors="replace")) for name, value in headers]
    given = dict(sent)
    if b"x-amzn-trace-id" not in given and (trace := os.environ.get("_X_AMZN_TRACE_ID")):
        sent.append((b"x-amzn-trace-id", trace.encode()))  # which Step Functions do not send
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": given.get(b"x-forwarded-proto", b"https").decode(),
        "path": root + (path or "/"),
        "root_path": root,
        "query_string": query.encode(),
        "headers": sent,
        "client": (client, 0) if client else None,
        "server": None,
        SERVER_REQUEST_ID: request.context.aws_request_id,
        "aws.event": request.event,
        "aws.context": request.context,
    }


def _pairs(event: Event, field: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a field of the event, repeated ones several times."""
    values = event.get(f"multiValue{field[0].upper()}{field[1:]}") or event.get(field) or {}
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each or ""


def _base_path(path: str, resource: str, event: Event) -> str:
    """Return the part of the path before the resource that the gateway matched: a stage, or a mapping of a domain."""
    if not resource.startswith("/"):
        return ""
    for name, value in (event.get("pathParameters") or {}).items():
        resource = resource.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value.replace("/", ""))
    parts, wanted = path.strip("/").split("/"), [part for part in resource.strip("/").split("/") if part]
    before = parts[: max(len(parts) - len(wanted), 0)]
    return "".join(f"/{part}" for part in before if part)


def _stage(context: Mapping[str, Any]) -> str:
    stage = context.get("stage") or "$default"
    return "" if stage == "$default" else f"/{stage}"


def _stage_in(path: str, context: Mapping[str, Any]) -> str:
    stage = _stage(context)
    return stage if stage and _is_under(path, stage) else ""


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _fits(result: dict[str, Any], max_bytes: int) -> bool:
    if len(result["body"]) < max_bytes // 6:  # a character takes at most six bytes
        return True
    return len(json.dumps(result, ensure_ascii=False).encode()) <= max_bytes


def _too_large(response: Response, scope: Scope) -> Response:
    """Return the response that replaces one that cannot be sent, with the same general headers."""
    error = FieldError("invalid_parameter", "must be smaller: the response exceeds the size limit", parameter="limit")
    problem = problem_response(HttpProblem("invalid_query", errors=[error]), scope[REQUEST_ID])
    kept = [[name, value] for name, value in response["headers"] if name not in _OF_CONTENT]
    own = [[name, value] for name, value in problem.raw_headers if name in _OF_CONTENT]
    return {"status": problem.status_code, "headers": kept + own, "body": bytes(problem.body)}


with fast_imports():
    _use_cases = _wired.result()
    _config = LambdaConfig(api_gateway_base_path="/", text_mime_types=TEXT_TYPES, exclude_headers=[])
    _app = create_app(
        _settings,
        _use_cases,
        time_limit=_time_limit,
        caller_of=_caller_of() if "authorizer" in _settings.authentication else None,
        with_metrics=False,
    )
