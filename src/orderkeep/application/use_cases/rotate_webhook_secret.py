"""Rotate the secret of a webhook."""

from __future__ import annotations

import os

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.signatures import new_secret
from orderkeep.application.webhooks.subscriptions import WebhookRecords, WebhookView


class RotateWebhookSecretUseCase:
    """Replace the secret of a webhook. For 24 hours, requests have a signature of the previous one too."""

    def __init__(self, webhooks: WebhookRecords, clock: Clock = utc_now, randomness: Randomness = os.urandom) -> None:
        self.webhooks, self.clock, self.randomness = webhooks, clock, randomness

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM, *, key: str | None = None) -> WebhookView:
        """Return the webhook with its new secret. Of several rotations, the last previous secret is valid. Repeated
        requests with the same `key` are one rotation. Raises `NotAllowed`, `WebhookNotFound`, `IdempotencyKeyReused`
        and `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        secret, now = new_secret(self.randomness), self.clock()
        request = CommandContext(actor=actor, key=key).attribution(("rotate_webhook_secret", [webhook_id]))
        return await self.webhooks.change_by(
            request, webhook_id, lambda each: each.with_new_secret(secret, now), with_secret=True
        )
