"""Pause a webhook."""

from __future__ import annotations

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.subscriptions import PauseReason, WebhookRecords, WebhookView


class PauseWebhookUseCase:
    """Stop the deliveries of a webhook, until it is resumed. Nothing is lost meanwhile."""

    def __init__(self, webhooks: WebhookRecords, clock: Clock = utc_now) -> None:
        self.webhooks, self.clock = webhooks, clock

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:
        """Return the paused webhook. Raises `NotAllowed`, `WebhookNotFound` and `StoreUnavailable`."""
        actor.require(Scope.WEBHOOKS)
        now = self.clock()
        paused = await self.webhooks.change(webhook_id, lambda each: each.paused(PauseReason.REQUESTED, None, now))
        return await self.webhooks.view(paused)
