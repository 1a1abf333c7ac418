"""Create a webhook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import InvalidCursor, PositionOutOfRange
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import ChangeFeed, Clock, utc_now
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.signatures import new_secret
from orderkeep.application.webhooks.subscriptions import (
    Secret,
    Webhook,
    WebhookRecords,
    WebhookView,
    check_webhook,
    new_webhook_id,
)
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.exceptions import ConcurrentUpdate

NOW, BEGINNING = "now", "beginning"
START_RULE = f"must be {NOW}, {BEGINNING}, or the position of an event: a whole number, up to the last position"


class CreateWebhookUseCase:
    """Subscribe a URL to the events of orders."""

    def __init__(
        self,
        webhooks: WebhookRecords,
        feed: ChangeFeed,
        sender: WebhookSender,
        clock: Clock = utc_now,
        randomness: Randomness = os.urandom,
    ) -> None:
        self.webhooks, self.feed, self.sender = webhooks, feed, sender
        self.clock, self.randomness = clock, randomness

    async def execute(
        self,
        url: str,
        *,
        types: Sequence[str] = (),
        tag: str | None = None,
        description: str | None = None,
        start: str | int = NOW,
        key: str | None = None,
        actor: Actor = SYSTEM,
    ) -> WebhookView:
        """Return the webhook with its secret. Its first event is that after `start`: `now`, `beginning`, or a position
        of the feed. Repeated requests with the same `key` create one webhook. Raises `NotAllowed`, `InvalidInput`,
        `TooManyWebhooks`, `IdempotencyKeyReused`, `StoreUnavailable`, and `WebhookNotFound` if the webhook of a
        repeated request was deleted.
        """
        actor.require(Scope.WEBHOOKS)
        values = {"url": url, "types": list(types), "tag": tag, "description": description, "start": start}
        request = CommandContext(actor=actor, key=key).attribution(("create_webhook", values))
        if (original := await self._created_by(request)) is not None:
            return original
        webhook = Webhook(
            id=new_webhook_id(self.randomness),
            url=url,
            types=tuple(types),
            tag=tag,
            description=description,
            secrets=(Secret(new_secret(self.randomness)),),
            created_at=self.clock(),
            start=await self._position(start),
        )
        check_webhook(webhook)
        await self.sender.check(url)
        try:
            return await self.webhooks.view(await self.webhooks.add(webhook, request), with_secret=True)
        except ConcurrentUpdate:
            if (original := await self._created_by(request)) is None:
                raise
            return original

    async def _created_by(self, request: Attribution) -> WebhookView | None:
        original = await self.webhooks.created_by(request)
        if original is None:
            return None
        return replace(await self.webhooks.view(original, with_secret=True), replayed=True)

    async def _position(self, start: str | int) -> int:
        if start == NOW:
            return await end_of_feed(self.feed)
        if start == BEGINNING:
            return 0
        try:
            if type(start) is not int:
                raise InvalidCursor
            await self.feed.read_changes(start, 1)
        except InvalidCursor:
            raise PositionOutOfRange(START_RULE, "start") from None
        return start
