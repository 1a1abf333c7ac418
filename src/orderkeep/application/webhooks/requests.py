"""The request of one delivery."""

from __future__ import annotations

from datetime import datetime

from orderkeep.application.webhooks.sending import WebhookResponse, WebhookSender
from orderkeep.application.webhooks.signatures import signature_headers
from orderkeep.application.webhooks.subscriptions import Webhook

SOURCE = "orderkeep"
"""The `source` of events."""

CONTENT_TYPE = "application/cloudevents+json"


async def send_event(
    sender: WebhookSender, webhook: Webhook, event_id: str, body: bytes, now: datetime
) -> WebhookResponse:
    """Send an event, signed with the valid secrets of the subscription."""
    signatures = signature_headers(webhook.signing_secrets(now), event_id, int(now.timestamp()), body)
    try:
        return await sender.send(webhook.url, {"Content-Type": CONTENT_TYPE, **signatures}, body)
    except Exception as error:  # noqa: BLE001  # a defect must not stop the other events
        return WebhookResponse(None, error=f"internal error ({type(error).__name__})")
