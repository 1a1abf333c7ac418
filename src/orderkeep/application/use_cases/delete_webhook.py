"""Delete a webhook."""

from __future__ import annotations

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.webhooks.subscriptions import WebhookRecords


class DeleteWebhookUseCase:
    """Delete a webhook, with its secrets, its waiting events and its delivery log."""

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(
        self, webhook_id: str, *, expected_version: int | tuple[int, ...] | None = None, actor: Actor = SYSTEM
    ) -> None:
        """Delete it. A batch that is being sent is completed. Raises `NotAllowed`, `WebhookNotFound`,
        `OtherWebhookVersion` and `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        await self.webhooks.delete(webhook_id, expected_version)
