"""Where an invocation comes from, as its event tells, and which handler takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

HTTP = "orderkeep.entrypoints.lambda_handler.handler"
DIRECT = "orderkeep.entrypoints.lambda_direct.handler"
STREAM = "orderkeep.entrypoints.lambda_stream.handler"


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends such events; and the handler that takes them, if one does."""

    name: str
    handler: str | None = None
    hint: str = "no handler of orderkeep takes it"


GATEWAY_V2 = Source("an HTTP API or a function URL", HTTP)
GATEWAY_V1 = Source("a REST API, or an HTTP API with payload format 1.0", HTTP)
LOAD_BALANCER = Source("a load balancer", HTTP)
CALL = Source("a direct call of a use case", DIRECT)
DYNAMODB = Source("a DynamoDB stream", STREAM)
SCHEDULE = Source("EventBridge", hint=f'give its target the input {{"use_case": ...}}, and the handler {DIRECT}')
UNKNOWN = Source("nobody that is known here", hint=f"HTTP goes to {HTTP}, use cases to {DIRECT}, streams to {STREAM}")


class WrongHandler(Exception):
    """The function was given an event that is not for its handler; nothing was done."""


def source_of(event: object) -> Source:
    """Return where the event comes from. Whatever may come in: no event is an error here."""
    if not isinstance(event, dict):
        return UNKNOWN
    if "use_case" in event:
        return CALL
    if records := event.get("Records"):
        return _source_of_records(records)
    if "detail-type" in event and "source" in event:
        return SCHEDULE
    context = event.get("requestContext")
    return _source_of_request(event, context) if isinstance(context, dict) else UNKNOWN


def expect_for(handler: str, event: object) -> None:
    """Raise `WrongHandler` unless that handler takes the event."""
    source = source_of(event)
    if source.handler != handler:
        where = f"it is for {source.handler}" if source.handler else source.hint
        raise WrongHandler(f"this event comes from {source.name}, and is not for {handler}: {where}")


def _source_of_request(event: dict[str, Any], context: dict[str, Any]) -> Source:
    if "elb" in context:
        return LOAD_BALANCER
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return GATEWAY_V2
    if "httpMethod" in event and "path" in event:
        return GATEWAY_V1
    return UNKNOWN


def _source_of_records(records: Any) -> Source:
    first = records[0] if isinstance(records, list) else None
    if not isinstance(first, dict):
        return UNKNOWN
    sender = first.get("eventSource") or first.get("EventSource")
    if sender == "aws:dynamodb":
        return DYNAMODB
    known = isinstance(sender, str) and re.fullmatch(r"aws:[a-z0-9]{1,30}", sender)
    return Source(f"{sender}" if known else UNKNOWN.name)
