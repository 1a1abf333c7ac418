"""Send a test event to a webhook."""

from __future__ import annotations

import json
import os

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.events import CLOUD_EVENTS_VERSION
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.delivery_log import Attempt, redacted
from orderkeep.application.webhooks.requests import SOURCE, send_event
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.subscriptions import WebhookRecords

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

    async def execute(self, webhook_id: str, actor: Actor = SYSTEM) -> Attempt:
        """Return the attempt. Raises `NotAllowed`, `WebhookNotFound` and `StoreUnavailable`."""
        actor.require(Scope.WEBHOOKS)
        webhook, now = await self.webhooks.get(webhook_id), self.clock()
        event_id = f"test.{self.randomness(8).hex()}"
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
