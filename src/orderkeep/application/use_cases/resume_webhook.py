"""Resume a webhook."""

from __future__ import annotations

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.webhooks.subscriptions import Webhook, WebhookRecords, WebhookView


class ResumeWebhookUseCase:
    """Continue the deliveries of a webhook exactly where they stopped. Events that wait for a retry are sent at once,
    and have all their attempts again, also if the webhook is not paused.
    """

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:
        """Return the active webhook. Raises `NotAllowed`, `WebhookNotFound` and `StoreUnavailable`."""
        actor.require(Scope.WEBHOOKS)
        return await self.webhooks.view(await self.webhooks.change(webhook_id, Webhook.resumed))
