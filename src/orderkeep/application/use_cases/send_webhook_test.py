"""Send a test event to a webhook."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.change_order import CommandContext
from orderkeep.application.events import CLOUD_EVENTS_VERSION
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.delivery_log import Attempt, redacted
from orderkeep.application.webhooks.requests import SOURCE, send_event
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.subscriptions import Webhook, WebhookRecords
from orderkeep.domain.exceptions import ConcurrentUpdate

TEST_TYPE = "WebhookTest"
CLOUD_EVENT_TYPE = "orderkeep.webhook.test"


class SendWebhookTestUseCase:
    """Send an event that belongs to no order, once, and return what the receiver responded, also if it is paused."""

    def __init__(
        self,
        webhooks: WebhookRecords,
        sender: WebhookSender,
        clock: Clock = utc_now,
        randomness: Randomness = os.urandom,
    ) -> None:
        self.webhooks, self.sender, self.clock, self.randomness = webhooks, sender, clock, randomness

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM, *, key: str | None = None) -> Attempt:
        """Return the attempt. Repeated requests with the same `key` return that of the first one; two at the same time
        send the event twice, with the same ID. Raises `NotAllowed`, `WebhookNotFound`, `IdempotencyKeyReused` and
        `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        webhook = await self.webhooks.get(webhook_id)
        request = CommandContext(actor=actor, key=key).attribution(("send_webhook_test", [webhook_id]))
        if (done := await self.webhooks.done_by(request)) is not None:
            return replace(Attempt.of(done[1]), replayed=True)
        attempt = await self._send(webhook, request.key or self.randomness(8).hex())
        if request.key is not None:
            with suppress(ConcurrentUpdate):  # a request with the same key was faster
                await self.webhooks.keep_result(request, webhook_id, attempt.to_values())
        return attempt

    async def _send(self, webhook: Webhook, name: str) -> Attempt:
        now, event_id = self.clock(), f"test.{name[:16]}"
        body = {
            "specversion": CLOUD_EVENTS_VERSION,
            "id": event_id,
            "source": SOURCE,
            "type": CLOUD_EVENT_TYPE,
            "subject": webhook.id,
            "time": now.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {"id": event_id, "type": TEST_TYPE},
        }
        response = await send_event(self.sender, webhook, event_id, json.dumps(body).encode(), now)
        return Attempt(
            at=now,
            event_id=event_id,
            type=TEST_TYPE,
            order_id=None,
            position=0,
            attempt=1,
            status=response.status,
            seconds=round(response.seconds, 4),
            error=response.error,
            response=redacted(response.body),
        )
