"""Parameters and dependencies that several routes share. The only module that uses FastAPI's `Depends`."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Path, Query
from pydantic import BeforeValidator
from starlette.requests import Request

from orderkeep.application.access.actor import Actor
from orderkeep.application.change_order import CommandContext
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.api.problems import NO_VERSION, WEAK_TAG
from orderkeep.entrypoints.api.routing import HeaderRule

ACTOR = "orderkeep.actor"
"""Scope key: the authenticated actor."""

REQUEST_ID = "orderkeep.request_id"
"""Scope key: the request ID, as received or generated."""

IS_HEAD = "orderkeep.is_head"
"""Scope key: present if the method is HEAD, which routes handle as GET."""

MAY_WAIT = "orderkeep.may_wait"
"""Scope key, of routes that wait: the function that lets the request wait for that many seconds."""

WAIT_SECONDS = "orderkeep.wait_seconds"
"""Scope key: how long the server lets the request wait, in addition to its own limit; `inf` for a stream."""

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG_LIST = rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*"
ENTITY_TAGS = rf"^(?:[ \t]*\*[ \t]*|{_TAG_LIST})$"
"""`*`, or entity tags separated by commas (RFC 9110, 5.6.1 and 8.8.3)."""

IDEMPOTENCY_KEY = r'^[ \t]*(?:"(?:[ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~][ -~]{0,254})[ \t]*$'
"""An idempotency key, plain or as a string in quotes with \\" and \\\\ (RFC 9651, 3.3.3), as the draft
draft-ietf-httpapi-idempotency-key-header has it.
"""

_VERSION_TAG = re.compile(r'"([1-9][0-9]{0,17})"', re.ASCII)
_TAGS_MESSAGE = 'must be * or quoted entity tags such as "3"'


def true_or_false(value: object) -> object:
    """Return the boolean of a query parameter, or raise `ValueError`."""
    if value not in ("true", "false", True, False):
        raise ValueError("must be true or false")
    return value in ("true", True)


OrderId = Annotated[str, Path(description="Order ID.", examples=["35df620c-1d67-56af-9fd8-00c1febd6343"])]
DryRun = Annotated[
    bool,
    BeforeValidator(true_or_false),
    Query(
        description="Return the response without changing anything, marked `Dry-Run: true`. Default: `false`.",
        examples=[False],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderRule("must be a single key of 1 to 255 printable ASCII characters"),
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY,
        description="Makes the request safe to retry. 1 to 255 printable ASCII characters, quoted or unquoted. "
        "Use a new key for each different request.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderRule(_TAGS_MESSAGE, comma_separated=True),
    Header(
        alias="If-Match",
        pattern=ENTITY_TAGS,
        description="Execute the command only if the order's entity tag is in this list; otherwise 412. "
        "`*` matches any version.",
        examples=['"1"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderRule(_TAGS_MESSAGE, comma_separated=True),
    Header(
        alias="If-None-Match",
        pattern=ENTITY_TAGS,
        description="Return 304 without a body if the current entity tag is in this list.",
        examples=['"1"'],
    ),
]
LastEventId = Annotated[
    str | None,
    HeaderRule("must be the ID of an event"),
    Header(alias="Last-Event-ID", description="Continue directly after this event.", examples=["35df620c.1.1"]),
]


def get_use_cases(request: Request) -> UseCases:
    """Return the use cases that the application was created with."""
    use_cases: UseCases = request.scope["app"].use_cases
    return use_cases


def get_actor(request: Request) -> Actor:
    """Return the authenticated actor."""
    actor: Actor = request.scope[ACTOR]
    return actor


Services = Annotated[UseCases, Depends(get_use_cases)]
CurrentActor = Annotated[Actor, Depends(get_actor)]


def get_command_context(
    request: Request,
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
    dry_run: DryRun = False,
) -> CommandContext:
    """Return the actor and the conditions of a command."""
    return CommandContext(
        actor=actor,
        key=idempotency_key and _unquoted(idempotency_key),
        expected_version=None if if_match is None else _versions(if_match),
        dry_run=dry_run,
        request_id=request.scope[REQUEST_ID],
    )


def get_placement_context(
    request: Request, actor: CurrentActor, idempotency_key: IdempotencyKey = None, dry_run: DryRun = False
) -> CommandContext:
    """Return the actor and the conditions of a new order, which has no version yet."""
    return get_command_context(request, actor, idempotency_key, None, dry_run)


def get_erasure_context(request: Request, actor: CurrentActor, dry_run: DryRun = False) -> CommandContext:
    """Return the actor and the conditions of an erasure: a repeated one changes nothing, so it has no key."""
    return get_command_context(request, actor, None, None, dry_run)


def get_creation_context(
    request: Request, actor: CurrentActor, idempotency_key: IdempotencyKey = None
) -> CommandContext:
    """Return the actor and the key of a request that creates a webhook, or an effect of one."""
    return get_command_context(request, actor, idempotency_key)


def get_webhook_context(request: Request, actor: CurrentActor, if_match: IfMatch = None) -> CommandContext:
    """Return the actor and the condition of a change of a webhook."""
    return get_command_context(request, actor, None, if_match)


Context = Annotated[CommandContext, Depends(get_command_context)]
PlacementContext = Annotated[CommandContext, Depends(get_placement_context)]
CreationContext = Annotated[CommandContext, Depends(get_creation_context)]
WebhookContext = Annotated[CommandContext, Depends(get_webhook_context)]
ErasureContext = Annotated[CommandContext, Depends(get_erasure_context)]


def _unquoted(key: str) -> str:
    return re.sub(r"\\(.)", r"\1", key[1:-1]) if key[0] == '"' else key


def _versions(if_match: str) -> tuple[int, ...] | None:
    """Return the versions that `If-Match` lists, or None for any. Weak tags and foreign tags match no version."""
    if if_match == "*":
        return None
    if found := _VERSION_TAG.fullmatch(if_match):  # almost every one
        return (int(found[1]),)
    tags = tags_in(if_match)
    weak = [WEAK_TAG] if any(tag.startswith("W/") for tag in tags) else []
    versions = [int(found[1]) for tag in tags if (found := _VERSION_TAG.fullmatch(tag))]
    return (*weak, *versions) or (NO_VERSION,)


def tags_in(header: str) -> list[str]:
    """Return the entity tags of a header that matches `ENTITY_TAGS`; of `*`, none."""
    return re.findall(_TAG, header)


def is_modified(if_none_match: str | None, etag: str) -> bool:
    """Return whether the client has another representation than the one with this entity tag (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return True
    return if_none_match != "*" and etag not in [tag.removeprefix("W/") for tag in tags_in(if_none_match)]
