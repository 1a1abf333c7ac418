"""Send a range of events to a webhook again."""

from __future__ import annotations

from dataclasses import replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import PositionOutOfRange, ReplayInProgress
from orderkeep.application.webhooks.subscriptions import Replay, Webhook, WebhookRecords, WebhookView


class ReplayWebhookUseCase:
    """Send the events of a range of positions again, as far as they match the filter. The position stays."""

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(
        self, webhook_id: str, first: int, last: int, actor: Actor = SYSTEM, *, key: str | None = None
    ) -> WebhookView:
        """Return the webhook with the replay. Events after its position are not part of it: they will be sent anyway.
        Repeated requests with the same `key` are one replay. Raises `NotAllowed`, `WebhookNotFound`,
        `PositionOutOfRange`, `ReplayInProgress`, `IdempotencyKeyReused` and `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        progress = await self.webhooks.progress(webhook_id)
        if first < 1:
            raise PositionOutOfRange("must be a position: a whole number of at least 1", "first")
        if not first <= last <= progress.position:
            message = f"must be from {first} to {progress.position}, the position of the webhook"
            raise PositionOutOfRange(message, "last")

        def start(webhook: Webhook) -> Webhook:
            if running := webhook.running_replay(progress):
                raise ReplayInProgress(running.last)
            return replace(webhook, replay=Replay(webhook.replay.number + 1 if webhook.replay else 1, first, last))

        request = CommandContext(actor=actor, key=key).attribution(("replay_webhook", [webhook_id, first, last]))
        return await self.webhooks.change_by(request, webhook_id, start)
