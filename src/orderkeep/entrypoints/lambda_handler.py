"""HTTP on AWS Lambda: `orderkeep.entrypoints.lambda_handler.handler`, the same app as everywhere, for API Gateway,
load balancers and function URLs. Wired at import, for the life of the container.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from mangum import Mangum

from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.lambda_requests import KINDS
from orderkeep.entrypoints.lambda_runtime import Context, load_settings, take_over_thread, wire, within_time_of
from orderkeep.entrypoints.lambda_sources import HTTP, expect_for

TEXT_TYPES = ["text/", "application/json", "+json"]
"""Answers of these types leave as text; all others, such as PDF, in base64."""

log = logging.getLogger("orderkeep.http")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an event of HTTP. Raises `WrongHandler` for any other, and does nothing then."""
    expect_for(HTTP, event)
    take_over_thread()
    return _answer(event, context)


@asynccontextmanager
async def _invocations_time(scope: MutableMapping[str, Any]) -> AsyncIterator[None]:
    context: Context = scope["aws.context"]
    if (request_id := request_id_of(scope)) != context.aws_request_id:
        log.info("request %s is invocation %s", request_id, context.aws_request_id)
    async with within_time_of(context):
        yield


_settings = load_settings()
_answer = Mangum(
    create_app(_settings, wire(_settings), time_limit=_invocations_time),
    lifespan="off",  # there is nothing to start or to end; Mangum would do both for each request
    api_gateway_base_path=_settings.root_path or "/",
    custom_handlers=KINDS,
    text_mime_types=TEXT_TYPES,
)
gc.freeze()
