"""Update a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.subscriptions import (
    PauseReason,
    Webhook,
    WebhookRecords,
    WebhookStatus,
    WebhookView,
    check_webhook,
)
from orderkeep.domain.exceptions import InvalidInput

FIELDS = ("url", "types", "tag", "description", "status")


class UpdateWebhookUseCase:
    """Change the URL, the filter, the description or the status of a webhook."""

    def __init__(self, webhooks: WebhookRecords, sender: WebhookSender, clock: Clock = utc_now) -> None:
        self.webhooks, self.sender, self.clock = webhooks, sender, clock

    async def execute(
        self,
        webhook_id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int | tuple[int, ...] | None = None,
        actor: Actor = SYSTEM,
    ) -> WebhookView:
        """Return the webhook after a merge patch of `FIELDS`: None removes a value. The filter applies to all events
        that are not delivered yet. Raises `NotAllowed`, `WebhookNotFound`, `OtherWebhookVersion`, `InvalidInput` and
        `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        given = dict(changes)
        status = given.pop("status", None)
        if "types" in given:
            given["types"] = tuple(given["types"] or ())
        if status not in (None, *WebhookStatus):
            raise InvalidInput(f"must be {' or '.join(WebhookStatus)}", "status")
        if given.get("url") is not None:
            await self.sender.check(given["url"])

        def update(webhook: Webhook) -> Webhook:
            updated = replace(webhook, **given)
            check_webhook(updated)
            if status == WebhookStatus.PAUSED:
                return updated.paused(PauseReason.REQUESTED, None, self.clock())
            is_resumed = status == WebhookStatus.ACTIVE and webhook.status is WebhookStatus.PAUSED
            return updated.resumed() if is_resumed else updated

        return await self.webhooks.view(await self.webhooks.change(webhook_id, update, expected_version))
