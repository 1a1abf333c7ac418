"""Deliver events to webhooks."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.leases import Sleep, is_free
from orderkeep.application.ports import Clock, OrderStore, utc_now
from orderkeep.application.webhooks.delivery import LeaseLost, WebhookDelivery
from orderkeep.application.webhooks.observer import Pace, WebhookObserver, full_speed
from orderkeep.application.webhooks.progress import Progress
from orderkeep.application.webhooks.schedule import RetrySchedule, Uniform
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.subscriptions import Webhook, WebhookRecords, WebhookStatus

ROUND_SECONDS = 0.5
"""How long a round waits for a batch. The batches of slow receivers continue during the next rounds."""

SHARING = timedelta(seconds=2)
"""A relay that has a lease leaves those of a relay that was killed to others for this time, so that they share them."""


class DeliverWebhooksUseCase:
    """Deliver events to all webhooks, as one of any number of relays. Call `execute` again and again, and `stop` at the
    end.
    """

    def __init__(
        self,
        store: OrderStore,
        webhooks: WebhookRecords,
        sender: WebhookSender,
        schedule: RetrySchedule,
        clock: Clock = utc_now,
        uniform: Uniform = random.random,
        owner: str = "",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        owner = owner or str(uuid.uuid4())
        self.webhooks, self.clock, self.owner = webhooks, clock, owner
        self._delivery = WebhookDelivery(store, webhooks, sender, schedule, clock, uniform, owner, sleep)
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._has_leases: set[str] = set()

    def observe(self, observer: WebhookObserver, pace: Pace = full_speed) -> None:
        """Notify the observer from now on, and follow the pace."""
        self._delivery.observer, self._delivery.pace = observer, pace

    def start(self) -> None:
        """Start requests again, after a stop."""
        self._delivery.stopping = False

    async def execute(self, actor: Actor = SYSTEM) -> bool:
        """Deliver a batch to each webhook; return whether there is more to do, or a batch is in progress. Raises
        `NotAllowed`, `StoreUnavailable`, and `StoreUnusable` if the store does not support webhooks.
        """
        actor.require(Scope.WEBHOOKS)
        webhooks = await self.webhooks.list()
        self._delivery.observer.listed(webhooks)
        if active := [each for each in webhooks if each.status is WebhookStatus.ACTIVE]:
            await self._start_batches(active)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + ROUND_SECONDS
        while running := [*self._running.values()]:
            timeout = ends_at - loop.time()
            done, _ = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            self._running = {each: task for each, task in self._running.items() if task not in done}
            if not done or any(await asyncio.gather(*done)):
                return True
        return False

    async def stop(self, seconds: float) -> None:
        """Start no further request, wait up to that many seconds for those in progress, and release the leases. The
        events of a batch that is not complete then will be sent again.
        """
        self._delivery.stopping = True
        if running := [*self._running.values()]:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        while self._has_leases:
            await self._delivery.release(self._has_leases.pop())

    async def _start_batches(self, webhooks: list[Webhook]) -> None:
        now = self.clock()
        progress = await self.webhooks.all_progress()
        has_lease = any(each.lease is not None and each.lease.owner == self.owner for each in progress.values())
        for webhook in webhooks:
            found = progress.get(webhook.id)
            if found is None or webhook.id in self._running:
                continue
            if is_free(found.lease, self.owner, now - SHARING if has_lease else now):
                has_lease = True
                self._running[webhook.id] = asyncio.create_task(self._deliver(webhook, found))

    async def _deliver(self, webhook: Webhook, progress: Progress) -> bool:
        self._has_leases.add(webhook.id)
        try:
            return await self._delivery.deliver(webhook, progress)
        except LeaseLost:
            return False
