"""Deliver the changes in the outbox to the receiver of webhooks."""

import asyncio
import json
import logging
from dataclasses import asdict
from datetime import datetime, timedelta

from sample_service.application.ports import Clock, utc_now
from sample_service.application.webhooks.ports import Outbox, Unsent, WebhookSender
from sample_service.domain.entities import SampleItem

log = logging.getLogger("sample_service.webhooks")

PARALLEL = 16
"""How many requests are in progress at a time, each for another sample item."""

FIRST_RETRY_SECONDS = 20
"""Doubles with each attempt. It is longer than a request may take, because no other process sends meanwhile."""

LONGEST_RETRY_SECONDS = 3_600


class DeliverWebhooksUseCase:
    """Deliver changes at least once, those of a sample item one after the other. Several processes may do so."""

    def __init__(self, outbox: Outbox, sender: WebhookSender, clock: Clock = utc_now) -> None:
        self.outbox, self.sender, self.clock = outbox, sender, clock

    async def execute(self) -> bool:
        """Send what is due, once. Return whether the receiver accepted any of it: then there may be more to do now.
        Raises `StoreUnavailable`.
        """
        due = await self.outbox.first_unsent(self.clock(), PARALLEL)
        return any(await asyncio.gather(*map(self._deliver, due)))

    async def _deliver(self, unsent: Unsent) -> bool:
        # The attempt is counted before it is made, so that a process that is killed now leaves the change to others.
        sample_item, now = unsent.sample_item, self.clock()
        if not await self.outbox.take(unsent, now + retry_after(unsent.attempts)):
            return False
        message_id = f"{sample_item.id}-{sample_item.version}"
        reason = await self.sender.send(message_id, now, body_of(sample_item))
        if reason is None:
            await self.outbox.remove(unsent)
            return True
        log.warning("webhook %s was not accepted at attempt %d: %s", message_id, unsent.attempts + 1, reason)
        return False


def retry_after(attempts: int) -> timedelta:
    """Return when to send again what was sent that many times before."""
    return timedelta(seconds=min(FIRST_RETRY_SECONDS * 2 ** min(attempts, 16), LONGEST_RETRY_SECONDS))


def body_of(sample_item: SampleItem) -> bytes:
    """Return the JSON that the receiver gets: a type such as `sample_item.confirmed`, the time, the fields."""
    data = {name: value for name, value in asdict(sample_item).items() if name != "request"}
    content = {
        "type": f"sample_item.{sample_item.status}",
        "timestamp": sample_item.updated_at,
        "data": data,
    }
    return json.dumps(content, default=datetime.isoformat, ensure_ascii=False).encode()
