"""Rotate the secret of a webhook."""

from __future__ import annotations

import os

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.signatures import new_secret
from orderkeep.application.webhooks.subscriptions import WebhookRecords, WebhookView


class RotateWebhookSecretUseCase:
    """Replace the secret of a webhook. For 24 hours, requests have a signature of the previous one too."""

    def __init__(self, webhooks: WebhookRecords, clock: Clock = utc_now, randomness: Randomness = os.urandom) -> None:
        self.webhooks, self.clock, self.randomness = webhooks, clock, randomness

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:
        """Return the webhook with its new secret. Of several rotations, the last previous secret is valid. Raises
        `NotAllowed`, `WebhookNotFound` and `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        secret, now = new_secret(self.randomness), self.clock()
        rotated = await self.webhooks.change(webhook_id, lambda each: each.with_new_secret(secret, now))
        return await self.webhooks.view(rotated, with_secret=True)
