"""The Lambda handler: the HTTP API for an HTTP API of API Gateway or a function URL (payload format 2.0). Importing it
opens the store of the settings, so that a function that is not configured fails before its first request.
"""

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from sample_service.bootstrap import bootstrap
from sample_service.config import load_settings, unknown_variables
from sample_service.entrypoints.api.app import create_app

log = logging.getLogger("sample_service.lambda")

Event = dict[str, Any]


class UnknownEvent(Exception):
    """The event is not an HTTP request of payload format 2.0; nothing was done."""


def handler(event: Event, _: object) -> dict[str, Any]:
    """Respond to an HTTP event. Raises `UnknownEvent` for any other."""
    if "http" not in event.get("requestContext", {}):
        raise UnknownEvent("this event is not an HTTP request: send those of an HTTP API, or of a function URL")
    return _loop.run_until_complete(_respond(event))


async def _respond(event: Event) -> dict[str, Any]:
    sent = event.get("body") or ""
    body = base64.b64decode(sent) if event.get("isBase64Encoded") else sent.encode()
    messages: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        messages.append(message)

    try:
        await _app(_scope(event), receive, send)
    except Exception:  # a bug, to which the application has responded
        log.exception("the request failed")
    start, *parts = messages
    return _response(start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts))


def _scope(event: Event) -> dict[str, Any]:
    """Return the ASGI scope. A stage other than $default is the first part of the path, and not of the routes."""
    context, headers = event["requestContext"], dict(event.get("headers") or {})
    path = event["rawPath"]
    if ".lambda-url." in context["domainName"]:
        path = unquote(path)  # an HTTP API sends a decoded path, a function URL does not
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": context["http"]["method"],
        "scheme": "https",
        "path": path,
        "root_path": _stage_in(path, context),
        "query_string": event.get("rawQueryString", "").encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (context["http"]["sourceIp"], 0),
        "server": None,
    }


def _response(status: int, sent: list[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in ((name.decode(), value.decode()) for name, value in sent):
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    response = {"statusCode": status, "headers": headers, "cookies": cookies}
    try:
        return response | {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return response | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _stage(context: Mapping[str, Any]) -> str:
    stage = context.get("stage") or "$default"
    return "" if stage == "$default" else f"/{stage}"


def _stage_in(path: str, context: Mapping[str, Any]) -> str:
    stage = _stage(context)
    return stage if stage and _is_under(path, stage) else ""


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


for warning in unknown_variables():
    log.warning(warning)
_app = create_app(bootstrap(load_settings()))
_loop = asyncio.new_event_loop()  # one for the life of the container, because stores keep connections
