"""Create a webhook."""

from __future__ import annotations

import os
from collections.abc import Sequence

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
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
        actor: Actor = SYSTEM,
    ) -> WebhookView:
        """Return the webhook with its secret. Its first event is that after `start`: `now`, `beginning`, or a position
        of the feed. Raises `NotAllowed`, `InvalidInput`, `TooManyWebhooks` and `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
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
        return await self.webhooks.view(await self.webhooks.add(webhook), with_secret=True)

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
