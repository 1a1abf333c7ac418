"""HTTP as it reaches Lambda: requests of the four kinds of events, each read the way its sender writes it.

Mangum's own reading decodes what was decoded before, joins what a client sent twice, and knows no stage; its answers
are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlencode

from mangum.handlers import ALB, APIGateway, HTTPGateway
from mangum.types import LambdaEvent, LambdaHandler, Scope

from orderkeep.entrypoints.api.middleware import SERVERS_ID
from orderkeep.entrypoints.api.request_log import SERVERS_TRACE
from orderkeep.entrypoints.lambda_runtime import xray_trace
from orderkeep.entrypoints.lambda_sources import GATEWAY_V1, GATEWAY_V2, LOAD_BALANCER, source_of

Pairs = Iterable[tuple[str, str]]


class GatewayV2(HTTPGateway):
    """HTTP APIs and function URLs. A header that was sent twice arrives as one, joined with a comma."""

    @classmethod
    def infer(cls, event: LambdaEvent, *_: Any) -> bool:
        return source_of(event) is GATEWAY_V2

    @cached_property
    def scope(self) -> Scope:  # Mangum asks for it twice
        event, context = self.event, self.event["requestContext"]
        headers = dict(_pairs(event.get("headers")))
        if cookies := event.get("cookies"):
            headers["cookie"] = "; ".join(cookies)
        path = event.get("rawPath") or "/"
        if ".lambda-url." in context.get("domainName", ""):
            path = unquote(path)  # an HTTP API has done that
        base = _base_path(path, event.get("routeKey", "").partition(" ")[2], event) or _stage_in(path, context)
        return _scope(
            self,
            method=context["http"]["method"],
            path=path.removeprefix(base),
            root="" if base == _stage(context) and not _shows_its_stage(context) else base,
            query=event.get("rawQueryString") or "",
            headers=headers.items(),
            client=context["http"].get("sourceIp"),
        )


class GatewayV1(APIGateway):
    """REST APIs, and HTTP APIs with payload format 1.0, which say their version."""

    @classmethod
    def infer(cls, event: LambdaEvent, *_: Any) -> bool:
        return source_of(event) is GATEWAY_V1

    @cached_property
    def scope(self) -> Scope:
        event, context = self.event, self.event["requestContext"]
        path = event["path"] or "/"
        before = (context.get("path") or "").removesuffix(path)  # the stage, which a REST API takes off by itself
        base = _base_path(path, event.get("resource") or "", event)
        if "version" in event:
            base, before = base or _stage_in(path, context), ""
        else:
            path = unquote(path)
        query = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters") or {}
        return _scope(
            self,
            method=event["httpMethod"],
            path=path.removeprefix(base),
            root=before + base,
            query=urlencode(list(_pairs(query))),
            headers=_pairs(event.get("multiValueHeaders") or event.get("headers")),
            client=context.get("identity", {}).get("sourceIp"),
        )


class LoadBalancer(ALB):
    """Application Load Balancers: what they send is as the client sent it. Without multi-value headers they send
    the last of several only.
    """

    @classmethod
    def infer(cls, event: LambdaEvent, *_: Any) -> bool:
        return source_of(event) is LOAD_BALANCER

    @cached_property
    def scope(self) -> Scope:
        event = self.event
        query = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters") or {}
        return _scope(
            self,
            method=event["httpMethod"],
            path=unquote(event["path"] or "/"),
            root="",
            query="&".join(f"{name}={value}" for name, value in _pairs(query)),
            headers=_pairs(event.get("multiValueHeaders") or event.get("headers")),
            client=None,
        )


KINDS: list[type[LambdaHandler]] = [GatewayV2, GatewayV1, LoadBalancer]


def _scope(
    handler: GatewayV2 | GatewayV1 | LoadBalancer,
    *,
    method: str,
    path: str,
    root: str,
    query: str,
    headers: Pairs,
    client: str | None,
) -> Scope:
    """Return the request. `path` is decoded and has nothing before the route; `root` is what the client sees before
    it, unless the settings say what that is.
    """
    set_root = handler.config["api_gateway_base_path"].rstrip("/")
    if set_root:
        root, path = set_root, path.removeprefix(set_root) if _is_under(path, set_root) else path
    sent = [(name.lower().encode(), value.encode(errors="replace")) for name, value in headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": dict(sent).get(b"x-forwarded-proto", b"https").decode(),
        "path": root + (path or "/"),
        "root_path": root,
        "query_string": query.encode(),
        "headers": sent,
        "client": (client, 0) if client else None,
        "server": None,
        SERVERS_ID: handler.context.aws_request_id,
        SERVERS_TRACE: xray_trace(),
        "aws.event": handler.event,
        "aws.context": handler.context,
    }


def _pairs(given: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield names and values, each as often as it is given."""
    for name, values in (given or {}).items():
        for value in values if isinstance(values, list) else [values]:
            yield name, value or ""


def _base_path(path: str, resource: str, event: LambdaEvent) -> str:
    """Return what stands before the resource that the gateway found: a stage, or what a domain of one's own maps."""
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


def _shows_its_stage(context: Mapping[str, Any]) -> bool:
    """Tell whether clients see the stage: behind a domain of one's own they do not."""
    return ".execute-api." in context.get("domainName", "")


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")
