"""What routes depend on, and the only place that says so to FastAPI."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from orderkeep.application.access.actor import Actor
from orderkeep.application.change_order import CommandContext
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.api.conditions import NO_VERSION, if_match
from orderkeep.entrypoints.api.examples import DOCUMENT_ID, ORDER_ID
from orderkeep.entrypoints.api.identity import ACTOR
from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.api.parameters import query_of
from orderkeep.entrypoints.api.problems import Detail, Refused

_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e][\x20-\x7e]{0,254})', re.ASCII)


async def get_use_cases(request: Request) -> UseCases:
    """Return what the service does, as the app was wired."""
    use_cases: UseCases = request.app.state.use_cases
    return use_cases


async def get_actor(request: Request) -> Actor:
    """Return who asks, as it was found before the routes."""
    actor: Actor = request.scope[ACTOR]
    return actor


async def get_context(request: Request) -> CommandContext:
    """Return by whom and under which conditions a command is asked. Raises `Refused`."""
    return CommandContext(
        actor=await get_actor(request),
        key=_key_in(request),
        expected_version=await _expected_version(request),
        dry_run=query_of(request.scope).get("dry_run", False),
        request_id=request_id_of(request.scope),
    )


OrderId = Annotated[str, Path(description="What the order is known by.", examples=[ORDER_ID])]
DocumentId = Annotated[str, Path(description="The document's `id`.", examples=[DOCUMENT_ID])]
Services = Annotated[UseCases, Depends(get_use_cases)]
Asker = Annotated[Actor, Depends(get_actor)]
Context = Annotated[CommandContext, Depends(get_context)]


def _key_in(request: Request) -> str | None:
    """Return the idempotency key, as it is or as the quoted text that the IETF draft has."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    found = _KEY.fullmatch(keys[0].strip(" \t"))
    if found is None or len(keys) > 1:
        message = "must be one key of 1 to 255 printable ASCII characters"
        error = Detail("invalid_header", message, header="Idempotency-Key")
        raise Refused.for_errors("invalid_header", [error])
    return found[1] or found[2]


async def _expected_version(request: Request) -> int | None:
    """Return the version that `If-Match` asks for. Where it names several, it is the order's own, if among them."""
    versions = if_match(request.headers)
    if versions is None:
        return None
    order_id = request.path_params.get("order_id")
    if order_id is None:
        detail = "a new order has no version that If-Match could name: leave the header out"
        raise Refused(HTTPStatus.PRECONDITION_FAILED, "version_mismatch", detail)
    if len(versions) == 1:
        return versions[0]
    use_cases = await get_use_cases(request)
    current = (await use_cases.get_order.execute(order_id, await get_actor(request))).version
    return current if current in versions else NO_VERSION
