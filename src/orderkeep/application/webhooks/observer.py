"""What a relay reports of its work, and the pace that it follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.subscriptions import Webhook


class WebhookObserver:
    """Is notified of what the relay does, for logs and metrics. This one ignores it."""

    def attempted(self, webhook: Webhook, attempt: Attempt) -> None:
        """An attempt was made."""

    def paused(self, webhook: Webhook) -> None:
        """A subscription was paused, because an event was not accepted."""

    def progressed(self, webhook: Webhook, lag: timedelta, waiting: int) -> None:
        """A batch is complete. `lag` is the age of the last event of the batch if others follow it, otherwise 0."""

    def listed(self, webhooks: Sequence[Webhook]) -> None:
        """All subscriptions were read."""


Pace = Callable[[int], Awaitable[None]]
"""Called after that many changes: it may wait, to leave the process to other work."""


async def full_speed(count: int) -> None:
    """Do not wait."""
