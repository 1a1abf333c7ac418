"""Get a webhook."""

from __future__ import annotations

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.webhooks.subscriptions import WebhookRecords, WebhookView


class GetWebhookUseCase:
    """Return a webhook, its position in the feed, and how many orders wait for a retry."""

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:
        """Return the webhook. Raises `NotAllowed`, `WebhookNotFound` and `StoreUnavailable`."""
        actor.require(Scope.WEBHOOKS)
        return await self.webhooks.view(await self.webhooks.get(webhook_id))
