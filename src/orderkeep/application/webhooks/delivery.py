"""The delivery of events to one subscription, in batches: in order for each order, at least once, and never dropped.

A batch is delivered under a lease, and written in one transaction: the position, the orders that wait, and the log. So
a relay that was killed, or that lost its lease, leaves no trace: its events are sent again, with the same IDs. An event
that is not accepted lets its order wait, and the position passes it. The later events of this order are then read from
its history, up to the last one that the position has passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import WebhookNotFound
from orderkeep.application.events import EventView, cloud_event_json, events_of
from orderkeep.application.leases import LEASE, Lease, Sleep, renewing
from orderkeep.application.ports import Clock, OrderStore
from orderkeep.application.records import Record
from orderkeep.application.webhooks.delivery_log import Attempt, is_success, log_records, reason_of, redacted
from orderkeep.application.webhooks.observer import Pace, WebhookObserver, full_speed
from orderkeep.application.webhooks.progress import (
    MAX_WAITING_ORDERS,
    Progress,
    WaitingOrder,
    waiting_orders,
)
from orderkeep.application.webhooks.requests import SOURCE, send_event
from orderkeep.application.webhooks.schedule import RetrySchedule, Uniform
from orderkeep.application.webhooks.sending import WebhookResponse, WebhookSender
from orderkeep.application.webhooks.subscriptions import PauseReason, Webhook, WebhookRecords
from orderkeep.domain.exceptions import ConcurrentUpdate

PARALLEL = 16
"""How many requests to one receiver are in progress at a time, each for another order."""

CHUNK = 40
"""How many orders a transaction can let wait: it writes at most `MAX_RECORDS` records, with the log."""

PAGE = 320
"""How many changes a batch has at most, and so about how many events are sent again after a relay was killed."""

MAX_ATTEMPTS = 400
"""How many attempts a batch has at most, so that their log fits in one transaction."""

BATCH = timedelta(seconds=5)
"""A batch starts no request after this time, which ends before the lease. What remains waits, and is due at once. So a
relay that was suspended until another one has replaced it sends no more."""

IDLE = timedelta(seconds=5)
"""A lease is released after this time without events."""

GONE = 410


class LeaseLost(Exception):
    """Another relay has the lease, or the subscription was deleted. Nothing of the batch was written."""


@dataclass
class _Batch:
    """What a batch has done so far: what its transaction will write. `changed` contains None for an order that no
    longer waits.
    """

    webhook: Webhook
    progress: Progress
    waiting: Mapping[str, WaitingOrder]
    ends_at: datetime
    changed: dict[str, WaitingOrder | None] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    pause: tuple[PauseReason, str] | None = None
    more: bool = False
    lag: timedelta = timedelta(0)

    def waiting_order(self, order_id: str) -> WaitingOrder | None:
        """Return the order if it waits."""
        return self.changed[order_id] if order_id in self.changed else self.waiting.get(order_id)

    def all_waiting(self) -> dict[str, WaitingOrder]:
        """Return the orders that wait after the batch."""
        found = {**self.waiting, **self.changed}
        return {order_id: order for order_id, order in found.items() if order is not None}


_Item = tuple[int, EventView]
"""An event, and its number in its change."""


class WebhookDelivery:
    """Delivers as one relay, which `owner` identifies. At most one call for a subscription is in progress at a time."""

    def __init__(
        self,
        store: OrderStore,
        webhooks: WebhookRecords,
        sender: WebhookSender,
        schedule: RetrySchedule,
        clock: Clock,
        uniform: Uniform,
        owner: str,
        sleep: Sleep,
    ) -> None:
        self._store, self._webhooks, self._sender, self._schedule = store, webhooks, sender, schedule
        self._clock, self._uniform, self._owner, self._sleep = clock, uniform, owner, sleep
        self._waiting: dict[str, tuple[int, dict[str, WaitingOrder]]] = {}
        self.observer, self.stopping = WebhookObserver(), False
        self.pace: Pace = full_speed

    async def deliver(self, webhook: Webhook, progress: Progress) -> bool:
        """Deliver a batch of retries, one of a replay and one of new events, as far as there are any; return whether
        there is more to do now. Raises `LeaseLost` and `StoreUnavailable`.
        """
        more, had_work = False, False
        for work in (self._retry, self._send_again, self._send_new):
            waiting = await self._load_waiting(progress)
            batch = _Batch(webhook, progress, waiting, self._clock() + BATCH)
            if self.stopping or not await work(batch):
                continue
            had_work = True
            progress = await self._commit(batch)
            if batch.pause is not None:
                await self._pause(webhook, *batch.pause)
                return False
            more = more or batch.more
        if not had_work:
            await self._release_if_idle(progress)
        return more

    async def release(self, webhook_id: str) -> None:
        """Release the lease on a subscription, so that another relay can continue at once."""
        with suppress(ConcurrentUpdate, WebhookNotFound):
            progress = await self._webhooks.progress(webhook_id)
            if progress.lease is not None and progress.lease.owner == self._owner:
                await self._write([replace(progress, lease=None).to_record()])

    async def _retry(self, batch: _Batch) -> bool:
        """Send the events of waiting orders whose next attempt is due."""
        era, now = batch.webhook.era, self._clock()
        due = sorted((each for each in batch.waiting.values() if each.due(era, now)), key=_by_time)
        if not due:
            return False
        batch.more = len(due) > CHUNK
        async with self._leased(batch):
            await _in_parallel(
                [
                    partial(self._run, batch, each, each.last_version, self._events_from(batch.webhook, each))
                    for each in due[:CHUNK]
                ]
            )
        return True

    async def _send_again(self, batch: _Batch) -> bool:
        """Send the next events of a replay. An order that waits gets them with its own: it only starts earlier."""
        replay = batch.webhook.running_replay(batch.progress)
        if batch.webhook.replay is None or replay is None or not self._room(batch):
            return False
        position, last = replay.position, replay.last
        page = await self._store.read_changes(position, min(self._room(batch), PAGE, last - position))
        async with self._leased(batch):
            position += await self._send_page(batch, page.changes, position)
        batch.progress = replace(batch.progress, replayed=(batch.webhook.replay.number, position))
        batch.more = position < last
        return True

    async def _send_new(self, batch: _Batch) -> bool:
        """Send the events after the position."""
        if not self._room(batch):
            return False
        position = batch.progress.position
        page = await self._store.read_changes(position, PAGE)
        if not page.changes:
            return False
        async with self._leased(batch):
            sent = await self._send_page(batch, page.changes, position)
        if not sent:
            return False
        batch.progress = replace(batch.progress, position=position + sent)
        batch.more = sent < len(page.changes) or len(page.changes) == PAGE
        batch.lag = self._clock() - page.changes[sent - 1].at
        return True

    async def _send_page(self, batch: _Batch, changes: Sequence[ChangeDTO], position: int) -> int:
        """Send the events of changes after a position, and return how many changes are done. It ends early after a
        chunk that made an order wait.
        """
        done = 0
        while done < len(changes) and not (batch.changed or self._must_stop(batch)):
            chunk = changes[done : done + min(CHUNK, self._room(batch))]
            chains: dict[str, list[_Item]] = {}
            for offset, change in enumerate(chunk):
                items = _wanted(batch.webhook, change, position + done + offset + 1)
                if items and (waiting := batch.waiting_order(change.order_id)):
                    batch.changed[change.order_id] = waiting.including(change.version, items[0][0])
                elif items:
                    chains.setdefault(change.order_id, []).extend(items)
            await _in_parallel(
                [partial(self._run, batch, None, items[-1][1].version, _each(items)) for items in chains.values()]
            )
            done += len(chunk)
            await self.pace(len(chunk))
        return done

    async def _run(
        self, batch: _Batch, waiting: WaitingOrder | None, last_version: int, items: AsyncIterator[_Item]
    ) -> None:
        """Send events of one order, in order, until one is not accepted."""
        failures = waiting.failures_in(batch.webhook.era) if waiting else 0
        reason = waiting.reason if waiting else ""
        async for number, event in items:
            due_at: datetime | None = self._clock()
            if not self._must_stop(batch):
                response = await self._attempt(batch, event, failures + 1)
                if is_success(response.status):
                    failures, reason = 0, ""
                    continue
                failures, reason = failures + 1, reason_of(response)
                due_at = self._due_at(batch, failures, response)
            batch.changed[event.order_id] = WaitingOrder(
                order_id=event.order_id,
                version=event.version,
                number=number,
                last_version=last_version,
                failures=failures,
                due_at=due_at or self._clock(),
                era=batch.webhook.era,
                reason=reason,
                record_version=waiting.record_version if waiting else 0,
            )
            return
        if waiting is not None:
            batch.changed[waiting.order_id] = None

    async def _attempt(self, batch: _Batch, event: EventView, attempt: int) -> WebhookResponse:
        now = self._clock()
        response = await send_event(self._sender, batch.webhook, event.id, cloud_event_json(event, SOURCE), now)
        logged = Attempt(
            at=now,
            event_id=event.id,
            type=event.type,
            order_id=event.order_id,
            position=event.position,
            attempt=attempt,
            status=response.status,
            seconds=round(response.seconds, 4),
            error=response.error,
            response=redacted(response.body),
        )
        batch.attempts.append(logged)
        self.observer.attempted(batch.webhook, logged)
        return response

    def _due_at(self, batch: _Batch, failures: int, response: WebhookResponse) -> datetime | None:
        """Return when to try again. Without a further attempt, the subscription is paused."""
        delay = self._schedule.delay(failures, response.retry_after, self._uniform)
        if response.status == GONE:
            batch.pause = PauseReason.GONE, f"the receiver responded with {GONE}"
        elif delay is None and batch.pause is None:
            batch.pause = PauseReason.FAILED, f"{failures} attempts failed, the last with: {reason_of(response)}"
        return None if delay is None else self._clock() + timedelta(seconds=delay)

    def _must_stop(self, batch: _Batch) -> bool:
        """Return whether to start no further request: then, the rest waits."""
        return (
            self.stopping
            or batch.pause is not None
            or len(batch.attempts) >= MAX_ATTEMPTS
            or self._clock() >= batch.ends_at
        )

    def _room(self, batch: _Batch) -> int:
        """Return how many orders more may wait."""
        return max(0, MAX_WAITING_ORDERS - batch.progress.waiting)

    async def _events_from(self, webhook: Webhook, waiting: WaitingOrder) -> AsyncIterator[_Item]:
        """Yield the events of a waiting order, from its history."""
        version = waiting.version - 1
        while version < waiting.last_version:
            changes = await self._store.list_changes(waiting.order_id, version, waiting.last_version - version)
            for change in changes:
                position = await self._store.position_of_change(change.order_id, change.version)
                for number, event in _wanted(webhook, change, position or 0):
                    if (change.version, number) >= (waiting.version, waiting.number):
                        yield number, event
            version = changes[-1].version

    @asynccontextmanager
    async def _leased(self, batch: _Batch) -> AsyncIterator[None]:
        """Have the lease until the end of the block: take it, unless it is valid until the end of the batch, and renew
        it as long as requests are in progress. Raises `LeaseLost`.
        """
        lease = batch.progress.lease
        if lease is None or lease.owner != self._owner or lease.until < batch.ends_at:
            await self._renew(batch)
        async with renewing(partial(self._renew, batch), self._sleep):
            yield

    async def _renew(self, batch: _Batch) -> None:
        renewed = replace(batch.progress, lease=Lease.begin(self._owner, self._clock()))
        [written] = await self._write([renewed.to_record()])
        batch.progress = replace(renewed, version=written.version)
        self._waiting[batch.webhook.id] = batch.progress.version, dict(batch.waiting)

    async def _commit(self, batch: _Batch) -> Progress:
        """Write what the batch has done, and return the new progress. Raises `LeaseLost`."""
        now, era, webhook_id = self._clock(), batch.webhook.era, batch.webhook.id
        waiting = batch.all_waiting()
        due_at = min((now if each.due(era, now) else each.due_at for each in waiting.values()), default=None)
        batch.more = batch.more or (due_at is not None and due_at <= now)
        log, old_log = log_records(webhook_id, batch.progress.logged, batch.attempts)
        keeps_lease = batch.pause is None and not self.stopping
        progress = replace(
            batch.progress,
            lease=Lease.begin(self._owner, now) if keeps_lease else None,
            waiting=len(waiting),
            due_at=due_at,
            era=era,
            logged=batch.progress.logged + len(log),
        )
        changed = [each for each in batch.changed.values() if each is not None]
        removed = [batch.waiting[order_id] for order_id, each in batch.changed.items() if each is None]
        records = [progress.to_record(), *(each.to_record(webhook_id) for each in changed), *log]
        written = await self._write(records, [*(each.to_record(webhook_id) for each in removed), *old_log])
        for order, record in zip(changed, written[1:], strict=False):
            waiting[order.order_id] = replace(order, record_version=record.version)
        progress = replace(progress, version=written[0].version)
        self._waiting[webhook_id] = progress.version, waiting
        self.observer.progressed(batch.webhook, batch.lag if batch.more else timedelta(0), len(waiting))
        return progress

    async def _pause(self, webhook: Webhook, reason: PauseReason, detail: str) -> None:
        """Pause the subscription, unless it was resumed meanwhile. If this relay is killed before, the next attempt
        has the same outcome.
        """
        now = self._clock()

        def pause(current: Webhook) -> Webhook:
            return current.paused(reason, detail, now) if current.era == webhook.era else current

        with suppress(WebhookNotFound):
            paused = await self._webhooks.change(webhook.id, pause)
            if paused.paused_at == now:
                self.observer.paused(paused)

    async def _release_if_idle(self, progress: Progress) -> None:
        lease = progress.lease
        if lease is not None and lease.owner == self._owner and lease.until < self._clock() + LEASE - IDLE:
            with suppress(ConcurrentUpdate):
                await self._webhooks.open_records().write_records([replace(progress, lease=None).to_record()])

    async def _load_waiting(self, progress: Progress) -> Mapping[str, WaitingOrder]:
        version, waiting = self._waiting.get(progress.id, (0, {}))
        if not progress.waiting:
            return {}
        if version == progress.version:
            return waiting
        return await waiting_orders(self._webhooks.open_records(), progress.id)

    async def _write(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        try:
            return await self._webhooks.open_records().write_records(records, deleted)
        except ConcurrentUpdate:
            raise LeaseLost from None


def _wanted(webhook: Webhook, change: ChangeDTO, position: int) -> list[_Item]:
    if webhook.tag is not None and webhook.tag not in change.order.tags:
        return []
    items = enumerate(events_of(change, position), start=1)
    return [(number, event) for number, event in items if not webhook.types or event.type in webhook.types]


async def _each(items: Iterable[_Item]) -> AsyncIterator[_Item]:
    for item in items:
        yield item


def _by_time(waiting: WaitingOrder) -> tuple[datetime, str]:
    return waiting.due_at, waiting.order_id


async def _in_parallel(work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Do all of the work, up to `PARALLEL` at a time."""
    remaining = iter(work)

    async def do_next() -> None:
        for each in remaining:
            await each()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(PARALLEL, len(work))):
                group.create_task(do_next())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
