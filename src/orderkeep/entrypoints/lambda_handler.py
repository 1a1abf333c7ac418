"""HTTP on AWS Lambda: `orderkeep.entrypoints.lambda_handler.handler`, the same app as everywhere, for API Gateway,
load balancers and function URLs. Wired at import, for the life of the container.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from orderkeep.entrypoints.lambda_start import brief

with brief():
    from orderkeep.entrypoints.lambda_runtime import (
        Context,
        begin_to_wire,
        expect_authentication,
        load_settings,
        take_over_thread,
        within_time_of,
    )

    _settings = load_settings()
    expect_authentication(_settings)
    _wired = begin_to_wire(_settings)  # while the store answers, FastAPI is imported

    from mangum import Mangum

    from orderkeep.entrypoints.api.app import create_app
    from orderkeep.entrypoints.api.middleware import RequestIdMiddleware, request_id_of
    from orderkeep.entrypoints.api.problems import Detail, Refused, refusal
    from orderkeep.entrypoints.api.security_headers import SecurityHeadersMiddleware
    from orderkeep.entrypoints.lambda_callers import callers_of
    from orderkeep.entrypoints.lambda_requests import KINDS
    from orderkeep.entrypoints.lambda_sources import HTTP, LOAD_BALANCER, expect_for, source_of

TEXT_TYPES = ["text/", "application/json", "+json"]
"""Answers of these types leave as text; all others, such as PDF, in base64."""

LARGEST_ANSWER, LARGEST_BALANCED = 6_000_000, 1_000_000
"""In bytes, as JSON: what Lambda carries, and what a load balancer takes, with a little to spare."""

log = logging.getLogger("orderkeep.http")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an event of HTTP. Raises `WrongHandler` for any other, and does nothing then."""
    expect_for(HTTP, event)
    take_over_thread()
    answer = _answer(event, context)
    return answer if _fits(answer, event) else _refuse(event, context)


@asynccontextmanager
async def _invocations_time(scope: MutableMapping[str, Any]) -> AsyncIterator[None]:
    context: Context = scope["aws.context"]
    if request_id_of(scope) != context.aws_request_id:
        log.info("the request is an invocation's", extra={"invocation_id": context.aws_request_id})
    async with within_time_of(context):
        yield


def _fits(answer: dict[str, Any], event: dict[str, Any]) -> bool:
    most = LARGEST_BALANCED if source_of(event) is LOAD_BALANCER else LARGEST_ANSWER
    if len(answer["body"]) < most // 6:  # no character takes more bytes than six
        return True
    return len(json.dumps(answer, ensure_ascii=False).encode()) <= most


async def _too_large(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    error = Detail(
        "invalid_parameter", "must be smaller here: the answer is larger than can be sent", parameter="limit"
    )
    refused = Refused.for_errors("invalid_query", [error])
    await refusal(refused, request_id_of(scope))(scope, receive, send)


def _for_lambda(app: Any) -> Mangum:
    return Mangum(
        app,
        lifespan="off",  # there is nothing to start or to end; Mangum would do both for each request
        api_gateway_base_path=_settings.root_path or "/",
        custom_handlers=KINDS,
        text_mime_types=TEXT_TYPES,
    )


with brief():
    _use_cases = _wired()
    _caller_of = callers_of(_settings) if "authorizer" in _settings.authentication else None
    _app = create_app(_settings, _use_cases, time_limit=_invocations_time, caller_of=_caller_of)
    _answer = _for_lambda(_app)
    _refuse = _for_lambda(SecurityHeadersMiddleware(RequestIdMiddleware(_too_large), _settings.hsts_seconds))
