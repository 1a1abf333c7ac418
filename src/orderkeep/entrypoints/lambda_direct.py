"""Use cases on AWS Lambda without HTTP, for Step Functions and other services:
`orderkeep.entrypoints.lambda_direct.handler`.

An event is `{"use_case": "cancel_order", "input": {"order_id": "1"}}`; a command also takes `idempotency_key`,
`expected_version` and `dry_run`. The answer is the JSON that HTTP answers. What is refused is raised, and the error's
name is its code: Step Functions catches and retries by it.
"""

from __future__ import annotations

import gc
import logging
import re
from functools import cache
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Field

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import InvalidQuery
from orderkeep.domain.exceptions import InvalidInput, OrderkeepError, ServiceUnavailable, StoreUnusable
from orderkeep.entrypoints.direct_calls import CALLS, Call
from orderkeep.entrypoints.field_errors import FieldError, InvalidFields, field_error_of, pointer_to, without_key
from orderkeep.entrypoints.field_types import Version, finding
from orderkeep.entrypoints.lambda_runtime import Context, log_as_invocation, run, wire
from orderkeep.entrypoints.lambda_sources import CALL, DIRECT, UNKNOWN, expect_for, source_of
from orderkeep.entrypoints.schemas import Body, valid

DIRECT_ACTOR = Actor(ActorKind.SYSTEM, "direct")
"""Who may invoke the function is decided by AWS; what it asks is asked by the system."""

log = logging.getLogger("orderkeep.lambda")

_KEY = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)


class CallFailed(Exception):
    """A call that was refused or failed. What is raised is of a class of its own, which is named by the code.

    Lambda logs what is raised: its text names places and rules, and nothing that a customer may have written.
    """


def _printable(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise finding("invalid_value", "must be a key of 1 to 255 printable ASCII characters")
    return key


class Event(Body):
    """What is to be done, and under which conditions."""

    use_case: str
    input: dict[str, Any] = Field(default_factory=dict)
    idempotency_key: Annotated[str, AfterValidator(_printable)] | None = None
    expected_version: Version | None = None
    dry_run: bool = False


def handler(event: Any, context: Context) -> Any:
    """Do what the event asks, and return the answer as plain values. Raises an error whose name is its code."""
    log_as_invocation(context)
    if source_of(event) not in (CALL, UNKNOWN):
        expect_for(DIRECT, event)
    try:
        return _plain(run(_answer(event, context), context))
    except InvalidFields as error:
        failure = _failure(error.code)(str(error.without_keys()))
    except OrderkeepError as error:
        failure = _failure(error.code)(_said(error))
    except Exception:
        log.exception("the invocation failed")
        failure = _failure("internal_error")("something is wrong with the service, not with the call; the log has more")
    raise failure


async def _answer(event: Any, context: Context) -> object:
    asked = valid(Event, event)
    call = CALLS.get(asked.use_case)
    if call is None:
        known = ", ".join(CALLS)
        raise InvalidFields((FieldError("/use_case", "unknown_use_case", f"must be one of {known}"),))
    _refuse_conditions(asked, call)
    request = CommandContext(
        actor=DIRECT_ACTOR,
        key=asked.idempotency_key,
        expected_version=asked.expected_version,
        dry_run=asked.dry_run,
        request_id=context.aws_request_id,
    )
    try:
        return await call.work(_use_cases, valid(call.model, asked.input), request)
    except InvalidFields as error:
        raise error.below("/input") from None


def _refuse_conditions(asked: Event, call: Call) -> None:
    given = asked.model_fields_set - {"use_case", "input"}
    if not call.is_command and given:
        message = f"goes with commands, and {asked.use_case} is none"
        raise InvalidFields(tuple(FieldError(f"/{name}", "unknown_field", message) for name in sorted(given)))
    if asked.use_case == "place_order" and asked.expected_version is not None:
        message = "goes with an order that is there, and this one is new"
        raise InvalidFields((FieldError("/expected_version", "unknown_field", message),))


def _said(error: OrderkeepError) -> str:
    match error:
        case InvalidInput():
            found = field_error_of(error)
            return f"/input{without_key(found.pointer)} {found.message}"
        case InvalidQuery():
            return f"{pointer_to(('input', error.parameter))} {error}"
        case StoreUnusable():
            log.error("the store cannot answer", extra={"code": error.code, "reason": str(error)})
            return "the store cannot answer until somebody mends it; the log has more"
        case ServiceUnavailable():
            log.error("the store cannot answer", extra={"code": error.code, "reason": str(error)})
            return "the store cannot answer now: try again, with the same idempotency_key"
    return str(error)


@cache
def _failure(code: str) -> type[CallFailed]:
    """Return the class that is named by the code: Lambda reports a class's name, and Step Functions goes by it."""
    return type(code, (CallFailed,), {"__doc__": CallFailed.__doc__})


def _plain(answer: object) -> Any:
    """Return the answer as the values that its JSON stands for, for Lambda to write them as JSON once more."""
    return msgspec.json.decode(msgspec.json.encode(answer))


_use_cases = wire()
gc.freeze()
