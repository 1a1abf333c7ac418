"""Webhook subscriptions: which events are sent where, and how they are stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.errors import (
    IdempotencyKeyReused,
    OtherWebhookVersion,
    TooManyWebhooks,
    UnknownEventType,
    WebhookNotFound,
)
from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.records import MAX_RECORDS, Record, RecordStore
from orderkeep.application.webhooks.delivery_log import log_kind
from orderkeep.application.webhooks.progress import PROGRESS, Progress, waiting_kind
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.exceptions import ConcurrentUpdate, InvalidInput
from orderkeep.domain.limits import MAX_TAG_LENGTH
from orderkeep.domain.value_objects import check_text

WEBHOOK = "webhook"
"""The kind of the records of subscriptions."""

KEY = "webhook-key"
"""The kind of the records of idempotency keys, by their digest: what a request has done to which subscription."""

MAX_WEBHOOKS = 100
"""How many subscriptions a store has at most: each costs the relay a read of the feed."""

MAX_URL_LENGTH = 2_000
MAX_DESCRIPTION_LENGTH = 200

ROTATION = timedelta(hours=24)
"""How long the previous secret still signs after a rotation."""

ATTEMPTS = 20
"""How often a change of a subscription is tried again, because the relay wrote at the same time."""

_Written = TypeVar("_Written")

_ID = re.compile(r"wh_[0-9a-z]{16}", re.ASCII)


class WebhookStatus(StrEnum):
    """Whether events are sent."""

    ACTIVE = "active"
    PAUSED = "paused"


class PauseReason(StrEnum):
    """Why a subscription is paused."""

    REQUESTED = "requested"
    """By a request."""

    FAILED = "failed"
    """An event was not accepted after the last attempt."""

    GONE = "gone"
    """The receiver responded with 410."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that signs. `expires_at` is None for the current one."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


class Replay(NamedTuple):
    """A range of positions to send again, `first` to `last`. `number` counts the replays of a subscription."""

    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription. `types` is empty for all events; `tag` is a tag that the order must have.

    `start` is the position after which it began. `era` grows with each resumption: the attempts of waiting events are
    counted from the last one. `version` grows with each change of the subscription.
    """

    id: str
    url: str
    types: tuple[str, ...] = ()
    tag: str | None = None
    description: str | None = None
    status: WebhookStatus = WebhookStatus.ACTIVE
    paused_reason: PauseReason | None = None
    paused_detail: str | None = None
    paused_at: datetime | None = None
    secrets: tuple[Secret, ...] = field(repr=False)
    created_at: datetime
    start: int = 0
    era: int = 0
    replay: Replay | None = None
    version: int = 0

    def signing_secrets(self, now: datetime) -> list[str]:
        """Return the secrets that sign now, the current one first."""
        return [each.value for each in self.secrets if each.expires_at is None or now < each.expires_at]

    def with_new_secret(self, value: str, now: datetime) -> Webhook:
        """Return the subscription with a new secret. The previous one stays valid for `ROTATION`."""
        previous = Secret(self.secrets[0].value, now + ROTATION)
        return replace(self, secrets=(Secret(value), previous))

    def paused(self, reason: PauseReason, detail: str | None, now: datetime) -> Webhook:
        """Return the subscription paused; one that is paused already keeps its reason and time."""
        if self.status is WebhookStatus.PAUSED:
            return self
        return replace(self, status=WebhookStatus.PAUSED, paused_reason=reason, paused_detail=detail, paused_at=now)

    def resumed(self) -> Webhook:
        """Return the subscription active, with all attempts of the waiting events ahead."""
        return replace(
            self,
            status=WebhookStatus.ACTIVE,
            paused_reason=None,
            paused_detail=None,
            paused_at=None,
            era=self.era + 1,
        )

    def running_replay(self, progress: Progress) -> ReplayRange | None:
        """Return the replay that is not complete, if there is one."""
        if self.replay is None:
            return None
        number, first, last = self.replay
        replayed, position = progress.replayed
        position = position if replayed == number else first - 1
        return ReplayRange(first, last, position) if position < last else None

    def to_record(self) -> Record:
        return Record(WEBHOOK, self.id, _encode(self), self.version)

    @classmethod
    def of(cls, record: Record) -> Webhook:
        """Return the subscription of a record."""
        found: dict[str, Any] = json.loads(record.content)
        for name in ("paused_at", "created_at"):
            found[name] = found[name] and datetime.fromisoformat(found[name])
        found["types"] = tuple(found["types"])
        found["status"] = WebhookStatus(found["status"])
        found["paused_reason"] = found["paused_reason"] and PauseReason(found["paused_reason"])
        found["replay"] = found["replay"] and Replay(*found["replay"])
        found["secrets"] = tuple(
            Secret(value, expires_at and datetime.fromisoformat(expires_at)) for value, expires_at in found["secrets"]
        )
        return cls(id=record.id, version=record.version, **found)


def _encode(webhook: Webhook) -> str:
    names = [name for name in Webhook.__dataclass_fields__ if name not in ("id", "version")]
    values = {name: getattr(webhook, name) for name in names}
    values["secrets"] = [(each.value, each.expires_at and each.expires_at.isoformat()) for each in webhook.secrets]
    for name in ("paused_at", "created_at"):
        values[name] = values[name] and values[name].isoformat()
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """A replay that is not complete: the range of positions that is sent again, and the position it has reached."""

    first: int
    last: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A subscription as it is returned, with its progress: the `position` up to which all events were delivered, except
    those of `waiting_orders`, which wait for the next attempt or for a resumption. `secret` is returned when it is new.
    `replayed`: an earlier request with the same idempotency key has created or changed it.
    """

    id: str
    url: str
    types: tuple[str, ...]
    tag: str | None
    description: str | None
    status: WebhookStatus
    paused_reason: PauseReason | None
    paused_detail: str | None
    paused_at: datetime | None
    position: int
    waiting_orders: int
    next_attempt_at: datetime | None
    replay: ReplayRange | None
    previous_secret_expires_at: datetime | None
    created_at: datetime
    version: int
    secret: str | None = field(default=None, repr=False)
    replayed: bool = False

    @classmethod
    def of(cls, webhook: Webhook, progress: Progress, *, with_secret: bool = False) -> WebhookView:
        """Return a subscription with its progress."""
        names = ("id", "url", "types", "tag", "description", "status", "created_at", "version")
        paused = ("paused_reason", "paused_detail", "paused_at")
        return cls(
            **{name: getattr(webhook, name) for name in (*names, *paused)},
            position=progress.position,
            waiting_orders=progress.waiting,
            next_attempt_at=progress.due_at if webhook.status is WebhookStatus.ACTIVE else None,
            replay=webhook.running_replay(progress),
            previous_secret_expires_at=webhook.secrets[-1].expires_at,
            secret=webhook.secrets[0].value if with_secret else None,
        )


def new_webhook_id(randomness: Randomness) -> str:
    """Return a new ID: `wh_` and 80 random bits."""
    return f"wh_{base64.b32encode(randomness(10)).decode().lower()}"


def check_webhook(webhook: Webhook) -> None:
    """Check all but whether the URL's host is allowed. Raises `InvalidInput`."""
    check_text(webhook.url, "url", MAX_URL_LENGTH)
    for index, name in enumerate(webhook.types):
        if name not in EVENT_TYPES:
            raise UnknownEventType(f"must be a type of event, such as {EVENT_TYPES[0]}", f"types/{index}")
    if len({*webhook.types}) < len(webhook.types):
        raise InvalidInput("must not contain a type twice", "types")
    if webhook.tag is not None:
        check_text(webhook.tag, "tag", MAX_TAG_LENGTH)
    if webhook.description is not None:
        check_text(webhook.description, "description", MAX_DESCRIPTION_LENGTH)


class WebhookRecords:
    """The stored subscriptions."""

    def __init__(self, open_records: Callable[[], RecordStore]) -> None:
        self.open_records = open_records

    async def get(self, webhook_id: str) -> Webhook:
        """Return a subscription. Raises `WebhookNotFound`."""
        found = await self.open_records().get_records(WEBHOOK, [webhook_id]) if _ID.fullmatch(webhook_id) else []
        if not found:
            raise WebhookNotFound
        return Webhook.of(found[0])

    async def list(self) -> list[Webhook]:
        """Return all subscriptions, oldest first."""
        found = await self.open_records().list_records(WEBHOOK, limit=MAX_WEBHOOKS)
        return sorted(map(Webhook.of, found), key=lambda each: (each.created_at, each.id))

    async def created_by(self, request: Attribution) -> Webhook | None:
        """Return the subscription that a request with the same idempotency key created. Raises `IdempotencyKeyReused`
        if that was a different request, and `WebhookNotFound` if the subscription was deleted since.
        """
        found = await self.done_by(request)
        return None if found is None else await self.get(found[0])

    async def done_by(self, request: Attribution) -> tuple[str, Any] | None:
        """Return what a request with the same idempotency key has done: the ID of the subscription, and what was kept
        of the result. Raises `IdempotencyKeyReused` if that was a different request.
        """
        found = await self.open_records().get_records(KEY, [request.key]) if request.key else []
        if not found:
            return None
        webhook_id, fingerprint, *kept = json.loads(found[0].content)
        if fingerprint != request.fingerprint:
            raise IdempotencyKeyReused
        return webhook_id, kept[0] if kept else None

    async def keep_result(self, request: Attribution, webhook_id: str, result: Any) -> None:
        """Keep the result of a request that has an idempotency key. Raises `ConcurrentUpdate` if there is one."""
        await self.open_records().write_records(_key_records(request, webhook_id, result))

    async def add(self, webhook: Webhook, request: Attribution) -> Webhook:
        """Store a new subscription, with its position. Raises `TooManyWebhooks`, and `ConcurrentUpdate` if a request
        with the same idempotency key was faster.
        """
        if len(await self.list()) >= MAX_WEBHOOKS:
            raise TooManyWebhooks(MAX_WEBHOOKS)
        records = [webhook.to_record(), Progress(webhook.id, position=webhook.start).to_record()]
        written = await self.open_records().write_records([*records, *_key_records(request, webhook.id)])
        return replace(webhook, version=written[0].version)

    async def change(
        self, webhook_id: str, change: Callable[[Webhook], Webhook], expected: int | tuple[int, ...] | None = None
    ) -> Webhook:
        """Change a subscription, and return it as stored. Nothing is written if `change` returns it as it is. Raises
        what `change` raises, `WebhookNotFound`, and `OtherWebhookVersion` if it is not at the `expected` version.
        """

        async def change_once() -> Webhook:
            webhook = await self.get(webhook_id)
            _check_version(webhook, expected)
            changed = change(webhook)
            return webhook if changed == webhook else await self._write(changed)

        return await _until_written(change_once)

    async def change_by(
        self, request: Attribution, webhook_id: str, change: Callable[[Webhook], Webhook], *, with_secret: bool = False
    ) -> WebhookView:
        """Change a subscription, once for all requests with the same idempotency key. A repeated one returns it as it
        is now. Raises like `change`, and `IdempotencyKeyReused`.
        """

        async def change_once() -> tuple[Webhook, bool]:
            webhook = await self.get(webhook_id)  # before the key, as in `change_order`
            if await self.done_by(request) is not None:
                return webhook, True
            return await self._write(change(webhook), *_key_records(request, webhook_id)), False

        changed, is_repeated = await _until_written(change_once)
        return replace(await self.view(changed, with_secret=with_secret), replayed=is_repeated)

    async def _write(self, changed: Webhook, *beside: Record) -> Webhook:
        written = await self.open_records().write_records([changed.to_record(), *beside])
        return replace(changed, version=written[0].version)

    async def delete(self, webhook_id: str, expected: int | tuple[int, ...] | None = None) -> None:
        """Delete a subscription and all that belongs to it. Raises like `change`. What a deletion that was killed has
        left is deleted by the next one of the same ID, which raises `WebhookNotFound`.
        """
        try:
            await _until_written(partial(self._delete, webhook_id, expected))
        except WebhookNotFound:
            await self._delete_rest(webhook_id)
            raise
        await self._delete_rest(webhook_id)

    async def _delete(self, webhook_id: str, expected: int | tuple[int, ...] | None) -> None:
        webhook = await self.get(webhook_id)
        _check_version(webhook, expected)
        progress = await self.progress(webhook_id)
        await self.open_records().write_records((), [webhook.to_record(), progress.to_record()])

    async def _delete_rest(self, webhook_id: str) -> None:
        records = self.open_records()
        for kind in (waiting_kind(webhook_id), log_kind(webhook_id)) if _ID.fullmatch(webhook_id) else ():
            while page := await records.list_records(kind, limit=MAX_RECORDS):
                await records.write_records((), page)

    async def all_progress(self) -> dict[str, Progress]:
        """Return the progress of all subscriptions, by their ID."""
        records = await self.open_records().list_records(PROGRESS, limit=MAX_WEBHOOKS)
        return {record.id: Progress.of(record) for record in records}

    async def view(self, webhook: Webhook, *, with_secret: bool = False) -> WebhookView:
        """Return a subscription with its progress."""
        return WebhookView.of(webhook, await self.progress(webhook.id), with_secret=with_secret)

    async def progress(self, webhook_id: str) -> Progress:
        """Return the position of a subscription."""
        found = await self.open_records().get_records(PROGRESS, [webhook_id])
        if not found:
            raise WebhookNotFound
        return Progress.of(found[0])


def _key_records(request: Attribution, webhook_id: str, *kept: Any) -> list[Record]:
    if request.key is None:
        return []
    return [Record(KEY, request.key, json.dumps([webhook_id, request.fingerprint, *kept]))]


async def _until_written(write: Callable[[], Awaitable[_Written]]) -> _Written:
    """Write, again after each `ConcurrentUpdate`, which the last of the `ATTEMPTS` raises."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ConcurrentUpdate):
            return await write()
    return await write()


def _check_version(webhook: Webhook, expected: int | tuple[int, ...] | None) -> None:
    versions = (expected,) if isinstance(expected, int) else expected
    if versions is not None and webhook.version not in versions:
        raise OtherWebhookVersion(versions[0], webhook.version)
