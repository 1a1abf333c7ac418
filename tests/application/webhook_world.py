"""A simulated clock, receivers and relays around a store: days of retries pass in milliseconds."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orderkeep.application.ports import OrderStore
from orderkeep.application.records import KeepsRecords, Record, RecordStore
from orderkeep.application.use_cases.create_webhook import CreateWebhookUseCase
from orderkeep.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from orderkeep.application.use_cases.resume_webhook import ResumeWebhookUseCase
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.observer import WebhookObserver
from orderkeep.application.webhooks.progress import PROGRESS, Progress
from orderkeep.application.webhooks.schedule import DEFAULT_SCHEDULE, RetrySchedule
from orderkeep.application.webhooks.sending import WebhookResponse, WebhookSender
from orderkeep.application.webhooks.subscriptions import Webhook, WebhookRecords
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.value_objects import INTERNAL
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
OK = WebhookResponse(200, b"thanks", seconds=0.01)
FAILED = WebhookResponse(500, b"sorry", seconds=0.02)
SHOP = "https://shop.example/hooks"

Respond = Callable[[dict[str, Any]], WebhookResponse]


class Killed(BaseException):
    """The process was killed."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait until `pass_time` has moved the clock that far."""
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + timedelta(seconds=seconds), sleeper))
        await sleeper

    def pass_time(self, seconds: float) -> None:
        self.suspend(seconds)
        for until, sleeper in self._sleepers:
            if until <= self.now and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [each for each in self._sleepers if not each[1].done()]

    def suspend(self, seconds: float) -> None:
        """Let time pass while the processes are suspended: those that sleep continue to sleep."""
        self.now += timedelta(seconds=seconds)


class Receivers(WebhookSender):
    """Receives what is sent, in order, and responds as `respond` says; `during` runs while a request is in progress."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.accepted: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[bytes] = []
        self.respond: Respond = lambda _: OK
        self.during: Callable[[], Any] | None = None

    async def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise InvalidInput("must begin with https://", "url")

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        event = json.loads(body)
        self.received.append(event)
        self.headers.append(headers)
        self.bodies.append(body)
        response = self.respond(event)
        if response.status is not None and 200 <= response.status <= 299:
            self.accepted[url].append(event)
        if self.during is not None:
            await self.during()
        return response

    async def close(self) -> None:
        """Do nothing."""

    @property
    def ids(self) -> list[str]:
        """The IDs of the requests, in order."""
        return [event["id"] for event in self.received]


class Observed(WebhookObserver):
    """Keeps what it was notified of."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.pauses: list[Webhook] = []
        self.progress: list[tuple[str, timedelta, int]] = []
        self.lists: list[int] = []

    def attempted(self, webhook: Webhook, attempt: Attempt) -> None:
        super().attempted(webhook, attempt)
        self.attempts.append(attempt)

    def paused(self, webhook: Webhook) -> None:
        super().paused(webhook)
        self.pauses.append(webhook)

    def progressed(self, webhook: Webhook, lag: timedelta, waiting: int) -> None:
        super().progressed(webhook, lag, waiting)
        self.progress.append((webhook.id, lag, waiting))

    def listed(self, webhooks: Sequence[Webhook]) -> None:
        super().listed(webhooks)
        self.lists.append(len(webhooks))


class World:
    """A store with orders, one receiver, and relays that share them."""

    def __init__(self, store: OrderStore | None = None, records: RecordStore | None = None) -> None:
        self.store = store or InMemoryOrderRepository()
        if records is None:
            assert isinstance(self.store, KeepsRecords)
            records = self.store.records()
        self.records, self.clock, self.receivers, self.observed = records, Clock(), Receivers(), Observed()
        self.webhooks = WebhookRecords(lambda: records)
        self.schedule = RetrySchedule.of(DEFAULT_SCHEDULE)
        self.relay = self.new_relay()
        self.expected: list[str] = []

    def new_relay(self, owner: str = "") -> DeliverWebhooksUseCase:
        relay = DeliverWebhooksUseCase(
            self.store, self.webhooks, self.receivers, self.schedule, self.clock, lambda: 0.0, owner, self.clock.sleep
        )
        relay.observe(self.observed)
        return relay

    async def subscribe(self, url: str = SHOP, **options: Any) -> Webhook:
        create = CreateWebhookUseCase(self.webhooks, self.store, self.receivers, self.clock)
        return await self.webhooks.get((await create.execute(url, **options)).id)

    async def place(self, *order_ids: str, tags: tuple[str, ...] = ()) -> None:
        for order_id in order_ids:
            await self.store.save(small_order(order_id, at=self.clock(), tags=tags))
            self.expected.append(f"{order_id}.1.1")

    async def change(self, order_id: str) -> None:
        """Add a note, which is an event."""
        order = await self.store.get_by_id(order_id)
        assert order is not None
        order.add_note("hello", INTERNAL, at=self.clock())
        await self.store.save(order)
        self.expected.append(f"{order_id}.{order.version}.1")

    async def deliver(self, relay: DeliverWebhooksUseCase | None = None) -> None:
        """Deliver all that is due now."""
        while await (relay or self.relay).execute():
            pass

    async def pass_time(self, seconds: float) -> None:
        """Deliver at each moment of that time at which something is due, and at its end."""
        end = self.clock.now + timedelta(seconds=seconds)
        while self.clock.now < end:
            states = map(Progress.of, await self.records.list_records(PROGRESS))
            due = [each.due_at for each in states if each.due_at is not None and each.due_at > self.clock.now]
            self.clock.now = min([end, *due])
            await self.deliver()

    async def resume(self, webhook: Webhook) -> None:
        await ResumeWebhookUseCase(self.webhooks).execute(webhook.id)

    async def progress(self, webhook: Webhook) -> Progress:
        return await self.webhooks.progress(webhook.id)

    async def webhook(self, webhook: Webhook) -> Webhook:
        return await self.webhooks.get(webhook.id)


class UnreliableRecords(RecordStore):
    """Other records, whose process is killed at random: before a write, or after it, before the caller knows."""

    def __init__(self, records: RecordStore, chance: random.Random, kill: float) -> None:
        self._records, self._random, self.kill = records, chance, kill

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        return await self._records.get_records(kind, ids)

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        await asyncio.sleep(0)
        return await self._records.list_records(kind, after, limit)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self._maybe_kill()
        written = await self._records.write_records(records, deleted)
        self._maybe_kill()
        return written

    def _maybe_kill(self) -> None:
        if self._random.random() < self.kill:
            raise Killed


class PoliteRecords(InMemoryRecords):
    """Records that let another caller go first before each call."""

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        await asyncio.sleep(0)
        return await super().get_records(kind, ids)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        await asyncio.sleep(0)
        return await super().write_records(records, deleted)
