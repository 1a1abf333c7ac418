"""List webhooks."""

from __future__ import annotations

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.webhooks.subscriptions import WebhookRecords, WebhookView


class ListWebhooksUseCase:
    """List all webhooks."""

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(self, actor: Actor = SYSTEM) -> tuple[WebhookView, ...]:
        """Return all webhooks, oldest first. Raises `NotAllowed` and `StoreUnavailable`."""
        actor.require(Scope.WEBHOOKS)
        webhooks, progress = await self.webhooks.list(), await self.webhooks.all_progress()
        return tuple([WebhookView.of(each, progress[each.id]) for each in webhooks if each.id in progress])
