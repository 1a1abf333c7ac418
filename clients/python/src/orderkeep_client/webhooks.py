"""Verification of webhooks (https://www.standardwebhooks.com)."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from orderkeep_client.errors import OrderkeepError

TOLERANCE_SECONDS = 300


class InvalidWebhook(OrderkeepError):
    """The request is not a webhook that was signed with this secret in the last five minutes: respond 401."""


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """Return the event of a webhook, a CloudEvent. Raises `InvalidWebhook`.

    Args:
        secret: The secret of the webhook, `whsec_…`.
        headers: Headers of the request; upper and lower case are not distinguished.
        body: Body of the request, as it was received.
        now: The time, in seconds since 1970.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        event_id, timestamp = lower["webhook-id"], int(lower["webhook-timestamp"])
        signatures = lower["webhook-signature"].split()
    except (KeyError, ValueError):
        raise InvalidWebhook("webhook-id, webhook-timestamp or webhook-signature is missing or invalid") from None
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, "sha256")
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures):
        raise InvalidWebhook("no signature is valid for this secret and body")
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE_SECONDS:
        raise InvalidWebhook("webhook-timestamp is more than five minutes away from the time here")
    event: dict[str, Any] = json.loads(body)
    return event
