"""Webhook deliveries: in order for each order, at least once, never dropped; when a failed one is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from orderkeep.application.leases import LEASE
from orderkeep.application.ports import FeedPage
from orderkeep.application.records import Record
from orderkeep.application.use_cases.delete_webhook import DeleteWebhookUseCase
from orderkeep.application.use_cases.get_webhook import GetWebhookUseCase
from orderkeep.application.use_cases.replay_webhook import ReplayWebhookUseCase
from orderkeep.application.webhooks.delivery import PAGE
from orderkeep.application.webhooks.delivery_log import log_kind
from orderkeep.application.webhooks.observer import WebhookObserver
from orderkeep.application.webhooks.progress import PROGRESS, waiting_kind
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.application.webhooks.subscriptions import WEBHOOK, PauseReason, WebhookStatus
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.value_objects import INTERNAL
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository, InMemoryRecords
from orderkeep.testing.orders import small_order
from tests.application.webhook_world import FAILED, NOON, OK, SHOP, Killed, World


class UnavailableRecords(InMemoryRecords):
    """Records of a store that does not respond."""

    def __init__(self) -> None:
        super().__init__(InMemoryOrderRepository())
        self.calls = 0

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self.calls += 1
        raise StoreUnavailable("the store does not respond")


class SlowRecords(InMemoryRecords):
    """Records of which the next write ends late, after others had their turn."""

    delay = False

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        delay, self.delay = self.delay, False
        written = await super().write_records(records, deleted)
        for _ in range(10 if delay else 0):
            await asyncio.sleep(0)
        return written


async def test_sends_events_of_every_order_in_order() -> None:
    world = World()
    await world.subscribe()
    await world.place("a", "b")
    await world.change("a")
    await world.deliver()
    assert world.receivers.ids == ["a.1.1", "b.1.1", "a.2.1"] or world.receivers.ids == ["a.1.1", "a.2.1", "b.1.1"]
    await world.change("b")
    await world.deliver()
    assert world.receivers.ids[3:] == ["b.2.1"]


async def test_failing_event_holds_back_only_its_order() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda event: FAILED if event["subject"] == "bad" else OK
    await world.place("bad", "good")
    await world.change("bad")
    await world.change("good")
    await world.deliver()
    await world.change("bad")
    await world.change("good")
    await world.deliver()
    assert world.receivers.ids == ["bad.1.1", "good.1.1", "good.2.1", "good.3.1"]
    assert (await world.progress(webhook)).waiting == 1
    world.receivers.respond = lambda _: OK
    await world.pass_time(5)
    assert world.receivers.ids[4:] == ["bad.1.1", "bad.2.1", "bad.3.1"]
    assert (await world.progress(webhook)).waiting == 0
    await world.change("bad")
    await world.deliver()
    assert world.receivers.ids[7:] == ["bad.4.1"]


async def test_retries_follow_the_schedule_for_three_days_then_pauses() -> None:
    """500 for three days: the tenth attempt is the last, and the subscription is paused, with all it has."""
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda _: FAILED
    await world.place("a")
    await world.deliver()
    await world.pass_time(80 * 3_600)
    delays = [after.at - before.at for before, after in pairwise(world.observed.attempts)]
    assert [each.total_seconds() for each in delays] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert [each.attempt for each in world.observed.attempts] == [*range(1, 11)]
    paused = await world.webhook(webhook)
    assert (paused.status, paused.paused_reason) == (WebhookStatus.PAUSED, PauseReason.FAILED)
    assert paused.paused_detail == "10 attempts failed, the last with: status 500"
    assert paused.paused_at == world.observed.attempts[-1].at
    assert world.observed.pauses == [paused]
    await world.place("b")
    await world.pass_time(86_400)
    assert len(world.receivers.ids) == 10
    await world.resume(webhook)
    world.receivers.respond = lambda _: OK
    await world.deliver()
    assert world.receivers.ids[10:] == ["a.1.1", "b.1.1"]
    assert world.observed.attempts[10].attempt == 1


async def test_resumed_event_has_all_attempts_again() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda _: FAILED
    await world.place("a")
    await world.deliver()
    await world.pass_time(80 * 3_600)
    await world.resume(webhook)
    await world.deliver()
    assert [each.attempt for each in world.observed.attempts[9:]] == [10, 1]
    await world.pass_time(5)
    assert world.observed.attempts[-1].attempt == 2
    assert (await world.webhook(webhook)).status is WebhookStatus.ACTIVE


async def test_resume_sends_waiting_events_of_active_webhook_at_once() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda _: FAILED
    await world.place("a")
    await world.deliver()
    await world.pass_time(5)
    world.receivers.respond = lambda _: OK
    await world.deliver()
    assert len(world.receivers.ids) == 2
    await world.resume(webhook)
    await world.deliver()
    assert world.receivers.ids[2:] == ["a.1.1"]


@pytest.mark.parametrize("asked, waits", [(60.0, 60), (2.0, 5), (10**9, 86_400)])
async def test_retry_after_makes_next_attempt_later(asked: float, waits: int) -> None:
    world = World()
    await world.subscribe()
    world.receivers.respond = lambda _: WebhookResponse(429, retry_after=asked)
    await world.place("a")
    await world.deliver()
    await world.pass_time(waits - 1)
    assert len(world.receivers.ids) == 1
    await world.pass_time(1)
    assert len(world.receivers.ids) == 2


async def test_410_pauses_at_once() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda event: WebhookResponse(410) if event["subject"] == "a" else OK
    await world.place("a", "b", "a2")
    await world.deliver()
    paused = await world.webhook(webhook)
    assert (paused.status, paused.paused_reason) == (WebhookStatus.PAUSED, PauseReason.GONE)
    world.receivers.respond = lambda _: OK
    await world.pass_time(3_600)
    assert "a.1.1" not in {event["id"] for event in world.receivers.accepted[SHOP]}
    await world.resume(webhook)
    await world.deliver()
    assert {event["id"] for event in world.receivers.accepted[SHOP]} == {"a.1.1", "b.1.1", "a2.1.1"}


async def test_no_response_is_retried_with_its_reason() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda _: WebhookResponse(None, error="connection refused")
    await world.place("a")
    await world.deliver()
    [attempt] = world.observed.attempts
    assert (attempt.status, attempt.error, attempt.delivered) == (None, "connection refused", False)
    await world.pass_time(80 * 3_600)
    assert (await world.webhook(webhook)).paused_detail == "10 attempts failed, the last with: connection refused"


async def test_sender_that_raises_is_a_failed_attempt() -> None:
    world = World()
    await world.subscribe()

    def fail(_: object) -> WebhookResponse:
        raise ZeroDivisionError

    world.receivers.respond = fail
    await world.place("a")
    await world.deliver()
    assert [each.error for each in world.observed.attempts] == ["internal error (ZeroDivisionError)"]


async def test_position_stops_while_1000_orders_wait() -> None:
    world = World()
    webhook = await world.subscribe()
    world.receivers.respond = lambda event: FAILED if event["subject"].startswith("bad") else OK
    bad = [f"bad-{number:04}" for number in range(1_050)]
    await world.place(*bad, "good")
    while await world.relay.execute():
        world.clock.now = NOON  # no retry is due yet
    progress = await world.progress(webhook)
    assert (progress.waiting, progress.position) == (1_000, 1_000)
    assert "good.1.1" not in world.receivers.ids
    world.receivers.respond = lambda _: OK
    await world.pass_time(10)
    progress = await world.progress(webhook)
    assert (progress.waiting, progress.position) == (0, 1_051)
    assert {event["id"] for event in world.receivers.accepted[SHOP]} == {*world.expected}


async def test_later_event_of_waiting_order_is_not_sent_first() -> None:
    """The second event of a retry fails: the order then waits for this one, with a new count of attempts."""
    world = World()
    await world.subscribe()
    world.receivers.respond = lambda _: FAILED
    await world.place("a")
    await world.change("a")
    await world.change("a")
    await world.deliver()
    world.receivers.respond = lambda event: FAILED if event["id"] == "a.2.1" else OK
    await world.pass_time(5)
    assert world.receivers.ids == ["a.1.1", "a.1.1", "a.2.1"]
    assert [each.attempt for each in world.observed.attempts] == [1, 2, 1]
    world.receivers.respond = lambda _: OK
    await world.pass_time(5)
    assert world.receivers.ids[3:] == ["a.2.1", "a.3.1"]


async def test_filters_by_type_and_tag() -> None:
    world = World()
    await world.subscribe("https://a.example", types=["NoteAdded"])
    await world.subscribe("https://b.example", tag="gift")
    await world.place("a")
    await world.place("b", tags=("express", "gift"))
    await world.change("a")
    await world.deliver()
    sent = {url: [event["id"] for event in events] for url, events in world.receivers.accepted.items()}
    assert sent == {"https://a.example": ["a.2.1"], "https://b.example": ["b.1.1"]}


async def test_start_decides_on_the_first_event() -> None:
    world = World()
    await world.place("a", "b", "c")
    await world.subscribe("https://now.example")
    await world.subscribe("https://all.example", start="beginning")
    await world.subscribe("https://two.example", start=2)
    await world.place("d")
    await world.deliver()
    sent = {url: [event["subject"] for event in events] for url, events in world.receivers.accepted.items()}
    assert sent["https://now.example"] == ["d"]
    assert sorted(sent["https://all.example"]) == ["a", "b", "c", "d"]
    assert sorted(sent["https://two.example"]) == ["c", "d"]


async def test_two_relays_share_and_do_not_send_twice() -> None:
    world = World()
    await world.subscribe("https://a.example")
    await world.subscribe("https://b.example")
    await world.place(*[f"o{number}" for number in range(30)])
    other = world.new_relay("other")

    async def rest() -> None:
        await asyncio.sleep(0)

    world.receivers.during = rest
    await asyncio.gather(world.deliver(), world.deliver(other))
    for url in ("https://a.example", "https://b.example"):
        assert len(world.receivers.accepted[url]) == 30


async def test_killed_relay_is_replaced_after_ten_seconds() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    other = world.new_relay("other")

    async def kill() -> None:
        world.receivers.during = None
        raise Killed

    world.receivers.during = kill
    with pytest.raises(BaseExceptionGroup):
        await world.deliver()
    world.clock.pass_time(9)
    await world.deliver(other)
    assert world.receivers.ids == ["a.1.1"]
    world.clock.pass_time(1)
    await world.deliver(other)
    assert world.receivers.ids == ["a.1.1", "a.1.1"]
    assert (lease := (await world.progress(webhook)).lease) is not None
    assert lease.owner == "other"


async def test_leases_of_killed_relay_are_shared() -> None:
    world = World()
    for name in "ab":
        await world.subscribe(f"https://{name}.example")
    await world.place("before")
    await world.deliver()
    world.clock.pass_time(10)
    await world.place("after")
    first, second = world.new_relay("first"), world.new_relay("second")
    for relay in (first, second):
        await world.deliver(relay)
    owners = [each.lease and each.lease.owner for each in (await world.webhooks.all_progress()).values()]
    assert sorted(map(str, owners)) == ["first", "second"]


async def test_last_relay_takes_all_leases() -> None:
    world = World()
    for name in "ab":
        await world.subscribe(f"https://{name}.example")
    await world.place("before")
    await world.deliver()
    world.clock.pass_time(10)
    await world.place("after")
    last = world.new_relay("last")
    await world.deliver(last)
    assert world.receivers.ids == ["before.1.1", "before.1.1", "after.1.1"]
    world.clock.pass_time(2)
    await world.deliver(last)
    assert world.receivers.ids[3:] == ["after.1.1"]


async def test_lease_is_renewed_while_a_request_is_in_progress() -> None:
    world = World()
    await world.subscribe()
    await world.place("a")
    other = world.new_relay("other")

    async def take_long() -> None:
        world.receivers.during = None
        for _ in range(12):
            world.clock.pass_time(3)
            await asyncio.sleep(0)
            await world.deliver(other)

    world.receivers.during = take_long
    await world.deliver()
    await world.deliver(other)
    assert world.receivers.ids == ["a.1.1"]


async def test_relay_that_was_suspended_sends_nothing_more_and_writes_nothing() -> None:
    """A relay is suspended while it sends, and another one takes its lease and delivers. When the first one continues,
    its batch leaves no trace.
    """
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.change("a")
    other = world.new_relay("other")

    async def suspend() -> None:
        world.receivers.during = None
        world.clock.suspend(11)
        await world.deliver(other)
        await world.change("a")
        await world.deliver(other)

    world.receivers.during = suspend
    await world.deliver()
    assert world.receivers.ids == ["a.1.1", "a.1.1", "a.2.1", "a.3.1"]
    assert (lease := (await world.progress(webhook)).lease) is not None
    assert lease.owner == "other"
    assert (await world.progress(webhook)).position == 3


async def test_lost_lease_ends_the_requests_in_progress() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    other = world.new_relay("other")
    ended: list[str] = []

    async def hang() -> None:
        world.receivers.during = None
        world.clock.suspend(11)
        await world.deliver(other)
        world.clock.pass_time(0)
        try:
            await asyncio.sleep(10)
            ended.append("continued")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    world.receivers.during = hang
    await world.deliver()
    assert ended == ["cancelled"]
    assert (await world.progress(webhook)).position == 1


async def test_renewal_is_tried_again_while_the_store_is_unavailable() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    records = world.records
    outage = UnavailableRecords()

    async def fail() -> None:
        world.webhooks.open_records = lambda: outage
        world.clock.pass_time(3)
        await asyncio.sleep(0)
        world.webhooks.open_records = lambda: records
        world.clock.pass_time(3)
        await asyncio.sleep(0)

    world.receivers.during = fail
    await world.deliver()
    assert outage.calls == 1
    assert (lease := (await world.progress(webhook)).lease) is not None
    assert lease.until == world.clock() + LEASE


async def test_batch_waits_for_a_renewal_in_progress() -> None:
    """Its own transaction needs the version that the renewal wrote."""
    store = InMemoryOrderRepository()
    records = SlowRecords(store)
    world = World(store, records)
    webhook = await world.subscribe()
    await world.place("a")

    async def renew() -> None:
        records.delay = True
        world.clock.pass_time(3)
        await asyncio.sleep(0)

    world.receivers.during = renew
    await world.deliver()
    assert (await world.progress(webhook)).position == 1
    assert world.receivers.ids == ["a.1.1"]


async def test_batch_that_takes_too_long_leaves_the_rest_waiting() -> None:
    """A relay that was suspended, or whose receiver is slow, starts no request after the time of a batch."""
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.change("a")

    async def take_long() -> None:
        world.clock.pass_time(6)

    world.receivers.during = take_long
    assert await world.relay.execute()
    assert world.receivers.ids == ["a.1.1"]
    progress = await world.progress(webhook)
    assert (progress.waiting, progress.position) == (1, 2)
    await world.deliver()
    assert world.receivers.ids == ["a.1.1", "a.2.1"]
    assert [each.attempt for each in world.observed.attempts] == [1, 1]


async def test_stopped_relay_releases_its_lease_and_sends_nothing_more() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.deliver()
    await world.relay.stop(1)
    assert (await world.progress(webhook)).lease is None
    await world.place("b")
    await world.deliver()
    assert world.receivers.ids == ["a.1.1"]
    await world.deliver(world.new_relay())
    assert world.receivers.ids == ["a.1.1", "b.1.1"]


async def test_stop_completes_the_request_in_progress() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.change("a")
    started, may_end = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await may_end.wait()

    world.receivers.during = wait
    round_ = asyncio.create_task(world.relay.execute())
    await started.wait()
    stop = asyncio.create_task(world.relay.stop(60))
    await asyncio.sleep(0)
    may_end.set()
    await stop
    await round_
    assert world.receivers.ids == ["a.1.1"]
    progress = await world.progress(webhook)
    assert (progress.lease, progress.position, progress.waiting) == (None, 2, 1)
    world.receivers.during = None
    await world.deliver(world.new_relay())
    assert world.receivers.ids == ["a.1.1", "a.2.1"]


async def test_stop_cancels_a_request_that_takes_too_long() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    world.receivers.during = hang
    round_ = asyncio.create_task(world.relay.execute())
    await started.wait()
    await world.relay.stop(0)
    await asyncio.gather(round_, return_exceptions=True)
    assert (await world.progress(webhook)).lease is None
    world.receivers.during = None
    await world.deliver(world.new_relay())
    assert world.receivers.ids == ["a.1.1", "a.1.1"]


async def test_idle_relay_releases_its_lease() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.deliver()
    world.clock.pass_time(4)
    await world.deliver()
    assert (await world.progress(webhook)).lease is not None
    world.clock.pass_time(2)
    await world.deliver()
    assert (await world.progress(webhook)).lease is None


async def test_slow_receiver_does_not_hold_back_others() -> None:
    world = World()
    await world.subscribe("https://slow.example")
    await world.place("a")
    may_end = asyncio.Event()
    world.receivers.during = may_end.wait
    await world.relay.execute()
    world.receivers.during = None
    await world.subscribe("https://fast.example", start="beginning")
    await world.relay.execute()  # the request to the slow one is in progress
    assert [event["id"] for event in world.receivers.accepted["https://fast.example"]] == ["a.1.1"]
    may_end.set()
    await world.deliver()


async def test_replay_sends_the_range_again() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a", "b", "c", "d")
    await world.deliver()
    position = (await world.progress(webhook)).position
    await ReplayWebhookUseCase(world.webhooks).execute(webhook.id, 2, 3)
    await world.place("e")
    await world.deliver()
    assert sorted(world.receivers.ids[4:6]) == ["b.1.1", "c.1.1"]
    assert world.receivers.ids[6:] == ["e.1.1"]
    assert (await world.progress(webhook)).position == position + 1
    assert (await GetWebhookUseCase(world.webhooks).execute(webhook.id)).replay is None


async def test_replay_of_failing_event_is_retried_in_order() -> None:
    """All events of the order from the failing one on are sent again, up to the newest that was sent."""
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.change("a")
    await world.change("a")
    await world.deliver()
    await ReplayWebhookUseCase(world.webhooks).execute(webhook.id, 1, 2)
    world.receivers.respond = lambda _: FAILED
    await world.deliver()
    await world.change("a")
    await world.deliver()
    assert world.receivers.ids[3:] == ["a.1.1"]
    world.receivers.respond = lambda _: OK
    await world.pass_time(5)
    assert world.receivers.ids[4:] == ["a.1.1", "a.2.1", "a.3.1", "a.4.1"]


async def test_replay_of_waiting_order_starts_it_earlier() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    await world.deliver()
    world.receivers.respond = lambda _: FAILED
    await world.change("a")
    await world.deliver()
    await ReplayWebhookUseCase(world.webhooks).execute(webhook.id, 1, 1)
    world.receivers.respond = lambda _: OK
    await world.deliver()
    assert world.receivers.ids == ["a.1.1", "a.2.1"]
    await world.pass_time(5)
    assert world.receivers.ids[2:] == ["a.1.1", "a.2.1"]


async def test_lag_is_reported_while_events_follow() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place(*[f"o{number:03}" for number in range(PAGE + 1)])
    world.clock.pass_time(3)
    await world.deliver()
    assert world.observed.progress == [(webhook.id, timedelta(seconds=3), 0), (webhook.id, timedelta(0), 0)]


async def test_webhook_deleted_during_a_batch_leaves_nothing() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")

    async def delete() -> None:
        await DeleteWebhookUseCase(world.webhooks).execute(webhook.id)

    world.receivers.during = delete
    await world.deliver()
    await world.relay.stop(1)
    for kind in (WEBHOOK, PROGRESS, waiting_kind(webhook.id), log_kind(webhook.id)):
        assert await world.records.list_records(kind) == []


async def test_pause_of_deleted_webhook_is_ignored() -> None:
    """Deleted after the batch was written, and before the subscription was paused."""
    world = World()
    webhook = await world.subscribe()
    await world.place("a")
    world.receivers.respond = lambda _: WebhookResponse(410)
    delete = DeleteWebhookUseCase(world.webhooks)

    class Deletes(WebhookObserver):
        def progressed(self, *_: object) -> None:
            deleting.append(asyncio.ensure_future(delete.execute(webhook.id)))

    deleting: list[asyncio.Future[None]] = []
    world.relay.observe(Deletes())
    await world.deliver()
    await asyncio.gather(*deleting)
    assert await world.webhooks.list() == []


async def test_attempts_of_one_batch_are_bounded() -> None:
    world = World()
    webhook = await world.subscribe()
    for number in range(9):
        await world.place(f"o{number}")
        for _ in range(50):
            await world.change(f"o{number}")
    await world.deliver()
    assert sorted(world.receivers.ids) == sorted(world.expected)
    assert (await world.progress(webhook)).waiting == 0


async def test_many_attempts_of_retries_are_bounded() -> None:
    world = World()
    await world.subscribe()
    world.receivers.respond = lambda _: FAILED
    for number in range(9):
        await world.place(f"o{number}")
        for _ in range(50):
            await world.change(f"o{number}")
    await world.deliver()
    world.receivers.respond = lambda _: OK
    await world.pass_time(5)
    assert [event["id"] for event in world.receivers.accepted[SHOP] if event["subject"] == "o8"] == [
        f"o8.{version}.1" for version in range(1, 52)
    ]
    assert len(world.receivers.accepted[SHOP]) == len(world.expected)


async def test_relay_that_is_started_again_delivers() -> None:
    world = World()
    await world.subscribe()
    await world.relay.stop(1)
    await world.place("a")
    await world.deliver()
    assert world.receivers.ids == []
    world.relay.start()
    await world.deliver()
    assert world.receivers.ids == ["a.1.1"]


async def test_later_event_of_one_change_is_retried_alone() -> None:
    world = World()
    await world.subscribe()
    order = small_order("a")
    await world.store.save(order)
    for text in ("first", "second"):
        order.add_note(text, INTERNAL, at=NOON)
    await world.store.save(order)
    world.receivers.respond = lambda event: FAILED if event["id"] == "a.2.2" else OK
    await world.deliver()
    world.receivers.respond = lambda _: OK
    await world.pass_time(5)
    assert world.receivers.ids == ["a.1.1", "a.2.1", "a.2.2", "a.2.2"]


async def test_webhook_that_was_resumed_during_its_last_attempt_stays_active() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("a")

    async def resume() -> None:
        await world.resume(webhook)
        world.receivers.respond, world.receivers.during = lambda _: OK, None

    world.receivers.respond, world.receivers.during = lambda _: WebhookResponse(410), resume
    await world.deliver()
    assert (await world.webhook(webhook)).status is WebhookStatus.ACTIVE
    assert world.observed.pauses == []
    await world.deliver()
    assert world.receivers.ids == ["a.1.1", "a.1.1"]


class TroubledStore(InMemoryOrderRepository):
    """A store of which the next read of the feed, or of a position, does something before."""

    before_feed: Callable[[], None] | None = None
    before_position: Callable[[], None] | None = None

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        before, self.before_feed = self.before_feed, None
        if before is not None:
            before()
        return await super().read_changes(after, limit)

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        before, self.before_position = self.before_position, None
        if before is not None:
            before()
        return await super().position_of_change(order_id, version)


async def test_batch_whose_time_has_passed_before_the_first_request_is_left_for_the_next() -> None:
    store = TroubledStore()
    world = World(store)
    webhook = await world.subscribe()
    await world.place("a")
    store.before_feed = lambda: world.clock.pass_time(6)
    assert not await world.relay.execute()
    assert (world.receivers.ids, world.observed.progress) == ([], [])
    assert (await world.progress(webhook)).position == 0
    await world.deliver()
    assert world.receivers.ids == ["a.1.1"]


async def test_store_that_fails_during_a_retry_is_reported_and_the_retry_repeated() -> None:
    store = TroubledStore()
    world = World(store)
    await world.subscribe()
    await world.place("a", "b")
    world.receivers.respond = lambda _: FAILED
    await world.deliver()
    world.receivers.respond = lambda _: OK

    def fail() -> None:
        raise StoreUnavailable("the store does not respond")

    store.before_position = fail
    world.clock.pass_time(5)
    with pytest.raises(StoreUnavailable):
        await world.relay.execute()
    await world.deliver()
    assert {event["id"] for event in world.receivers.accepted[SHOP]} == {"a.1.1", "b.1.1"}
