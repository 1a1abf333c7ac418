"""Three relays that are killed at random, and receivers that fail at random: every subscriber gets every event, and
those of each order in order. An event that is received again has the same ID.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orderkeep.application.errors import ReplayInProgress
from orderkeep.application.ports import FeedPage
from orderkeep.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from orderkeep.application.use_cases.pause_webhook import PauseWebhookUseCase
from orderkeep.application.use_cases.replay_webhook import ReplayWebhookUseCase
from orderkeep.application.use_cases.rotate_webhook_secret import RotateWebhookSecretUseCase
from orderkeep.application.webhooks import delivery
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.application.webhooks.subscriptions import Webhook, WebhookStatus
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import FAILED, OK, Killed, UnreliableRecords, World

URLS = ("https://a.example", "https://b.example", "https://c.example")
ORDERS = [f"o{number}" for number in range(12)]
STEPS = 120


class Violation(AssertionError):
    """An event was sent before an earlier one of its order was accepted."""


class Chaos:
    """A world with three subscribers and three relays, in which everything fails at random."""

    def __init__(self, seed: int, world: World | None = None, steps: int = STEPS) -> None:
        self.random, self.steps = random.Random(seed), steps
        self.world = world or World()
        self.world.records = self.records = UnreliableRecords(self.world.records, self.random, 0.02)
        self.world.webhooks.open_records = lambda: self.records
        self.healthy = False
        self.events: dict[str, list[str]] = defaultdict(list)
        self.relays = [self.world.new_relay() for _ in range(3)]
        self.violations: list[str] = []
        self.world.receivers.respond, self.world.receivers.during = self.respond, self.during
        self.kills = 0

    def respond(self, event: dict[str, Any]) -> WebhookResponse:
        if self.healthy:
            return OK
        if (drawn := self.random.random()) < 0.01:
            return WebhookResponse(410)
        return FAILED if drawn < 0.3 else OK

    async def during(self) -> None:
        """While a request is in progress, others run, time passes, and the relay is killed before it knows."""
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        if not self.healthy:
            self.world.clock.pass_time(self.random.choice([0, 0, 0, 0.1, 1, 40]))
            if self.random.random() < 0.02:
                raise Killed

    async def write(self) -> None:
        """Change an order, or place it."""
        order_id = self.random.choice(ORDERS)
        if order_id not in self.events:
            await self.world.place(order_id, tags=("gift",) if self.random.random() < 0.5 else ())
        elif len(self.events[order_id]) < 50:
            await self.world.change(order_id)
        else:
            return
        self.events[order_id].append(self.world.expected[-1])

    async def manage(self, webhook: Webhook) -> None:
        """Do what an administrator may do."""
        webhooks, drawn = self.world.webhooks, self.random.randrange(8)
        if drawn == 0:
            await PauseWebhookUseCase(webhooks).execute(webhook.id)
        elif drawn == 1:
            await RotateWebhookSecretUseCase(webhooks).execute(webhook.id)
        elif drawn == 2:
            first = self.random.randrange(1, 30)
            try:
                await ReplayWebhookUseCase(webhooks).execute(webhook.id, first, first + self.random.randrange(5))
            except (InvalidInput, ReplayInProgress):
                return
        elif (await webhooks.get(webhook.id)).status is WebhookStatus.PAUSED:
            await self.world.resume(webhook)

    async def relay(self, index: int) -> None:
        """Run one round of a relay; if it is killed in it, start another in its place."""
        relay = self.relays[index]
        task = asyncio.ensure_future(relay.execute())
        if not self.healthy and self.random.random() < 0.1:
            for _ in range(self.random.randrange(20)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except (asyncio.CancelledError, Killed, BaseExceptionGroup):
            self.kills += 1
            await self.kill(relay)
            self.relays[index] = self.world.new_relay()

    async def kill(self, relay: DeliverWebhooksUseCase) -> None:
        running = [*relay._running.values()]
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def run(self) -> None:
        kill, self.records.kill = self.records.kill, 0.0
        webhooks = [await self.world.subscribe(url) for url in URLS]
        for _ in range(self.steps):
            await self.write()
            self.records.kill = kill
            await asyncio.gather(*[self.relay(index) for index in range(3)])
            self.records.kill = 0.0
            if self.random.random() < 0.3:
                await self.manage(self.random.choice(webhooks))
            self.world.clock.pass_time(self.random.choice([0, 1, 5, 60, 3_600]))
        self.healthy = True
        for webhook in webhooks:
            await self.world.resume(webhook)
        for _ in range(60):
            await asyncio.gather(*[self.relay(index) for index in range(3)])
            self.world.clock.pass_time(31)
        self.check()

    def check(self) -> None:
        for url in URLS:
            found: dict[str, list[str]] = defaultdict(list)
            for event in self.world.receivers.accepted[url]:
                if event["id"] not in found[event["subject"]]:
                    found[event["subject"]].append(event["id"])
            for order_id, events in self.events.items():
                if found[order_id] != events:
                    raise Violation(f"{url}: {found[order_id]} is not {events}")


@pytest.mark.parametrize("seed", range(12))
async def test_every_subscriber_gets_every_event_in_order(seed: int) -> None:
    chaos = Chaos(seed)
    await chaos.run()
    assert chaos.kills


class SkippingFeed(InMemoryOrderRepository):
    """A feed by insert key: a change whose key is smaller, and that is committed later, is skipped."""

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = await super().read_changes(after, limit)
        changes = page.changes if len(page.changes) != 2 else (page.changes[1], page.changes[1])
        return FeedPage(changes, page.position)


class _Forgets(delivery.WebhookDelivery):
    """Writes the position before it sends."""

    async def _send_page(self, batch: Any, changes: Any, position: int) -> int:
        batch.progress = replace(batch.progress, position=position + len(changes))
        [written] = await self._write([batch.progress.to_record()])
        batch.progress = replace(batch.progress, version=written.version)
        return await super()._send_page(batch, changes, position)


class _Overtakes(delivery.WebhookDelivery):
    """Sends later events of an order that waits."""

    async def _load_waiting(self, progress: Any) -> Any:
        return {}


async def _run_until_violation(plant: Callable[[int], Chaos]) -> bool:
    for seed in range(12):
        try:
            await plant(seed).run()
        except Violation:
            return True
    return False


async def test_feed_that_skips_is_found() -> None:
    assert await _run_until_violation(lambda seed: Chaos(seed, World(SkippingFeed())))


@pytest.mark.parametrize("planted", [_Forgets, _Overtakes])
async def test_planted_bug_is_found(planted: type[delivery.WebhookDelivery]) -> None:
    def plant(seed: int) -> Chaos:
        chaos = Chaos(seed)
        new_relay = chaos.world.new_relay

        def new_planted(owner: str = "") -> DeliverWebhooksUseCase:
            relay = new_relay(owner)
            relay._delivery.__class__ = planted
            return relay

        chaos.world.new_relay = new_planted  # type: ignore[method-assign]
        chaos.relays = [new_planted() for _ in range(3)]
        return chaos

    assert await _run_until_violation(plant)
