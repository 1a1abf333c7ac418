"""The relay: it continues after errors, ends in time, and logs and counts what it does."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.entrypoints import relay as module
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.relay import Relay
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command, small_order
from tests.application.webhook_world import Receivers


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


@pytest.fixture
def use_cases(receivers: Receivers) -> UseCases:
    return build_use_cases(InMemoryOrderRepository([small_order("order-1")]), sender=receivers)


async def test_relay_delivers_in_the_background(use_cases: UseCases, receivers: Receivers) -> None:
    await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    relay, received = Relay(use_cases), asyncio.Event()

    async def note() -> None:
        received.set()

    receivers.during = note
    relay.start()
    await asyncio.wait_for(received.wait(), 10)
    await relay.stop(10)
    assert receivers.ids == ["order-1.1.1"]


async def test_relay_starts_when_the_store_is_available_and_logs_nothing_before(
    use_cases: UseCases, receivers: Receivers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    relay, received, failures = Relay(use_cases), asyncio.Event(), [StoreUnavailable("away"), ZeroDivisionError()]

    async def check() -> None:
        assert receivers.ids == []
        if failures:
            raise failures.pop()

    async def note() -> None:
        received.set()

    receivers.during = note
    await relay.start_when_available(check)
    await asyncio.wait_for(received.wait(), 10)
    await relay.stop(10)
    assert failures == []
    assert caplog.records == []


async def test_relay_that_starts_before_its_store_waits_for_it(
    use_cases: UseCases, receivers: Receivers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    failures = [StoreUnavailable("away"), StoreUnavailable("away")]

    async def check() -> None:
        if failures:
            raise failures.pop()

    async def end() -> None:
        signal.raise_signal(signal.SIGTERM)

    receivers.during = end
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(module, "bootstrap_from_settings", lambda *_: replace(use_cases, check_store=check))
    await asyncio.wait_for(module._run(Settings(), once=False), 10)
    assert receivers.ids == ["order-1.1.1"]
    assert [record.__dict__["reason"] for record in caplog.records] == ["away", "away"]


async def test_relay_of_an_unusable_store_ends(use_cases: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        raise StoreUnusable("damaged")

    monkeypatch.setattr(module, "bootstrap_from_settings", lambda *_: replace(use_cases, check_store=check))
    with pytest.raises(StoreUnusable):
        await asyncio.wait_for(module._run(Settings(), once=False), 10)


async def test_relay_on_a_schedule_can_run_again(use_cases: UseCases, receivers: Receivers) -> None:
    await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    assert await Relay(use_cases).run_until_idle(10)
    await use_cases.place_order.execute(place_command())
    assert await Relay(use_cases).run_until_idle(10)
    assert len(receivers.ids) == 2


async def test_relay_continues_after_errors(
    use_cases: UseCases, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that repeats is logged once, until it changes."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    errors = [*(StoreUnavailable("the store is away") for _ in range(3)), ZeroDivisionError("secret")]
    done = asyncio.Event()

    async def execute(*_: Any) -> bool:
        if errors:
            raise errors.pop(0)
        done.set()
        return False

    monkeypatch.setattr(use_cases.deliver_webhooks, "execute", execute, raising=False)
    relay = Relay(use_cases)
    with caplog.at_level(logging.WARNING, "orderkeep.relay"):
        relay.start()
        await asyncio.wait_for(done.wait(), 10)
        await relay.stop(1)
    assert [record.getMessage() for record in caplog.records] == [
        "the relay cannot continue and will retry",
        "the relay failed and will retry",
    ]


async def test_stop_does_not_wait_for_a_store_that_hangs(use_cases: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that only reads is cancelled at once, and not when the time is up."""
    calls = Hanging()
    monkeypatch.setattr(use_cases.update_statistics, "execute", calls.execute, raising=False)
    relay = Relay(use_cases)
    relay.start()
    await calls.started.wait()
    async with asyncio.timeout(30):
        await relay.stop(600)
    assert calls.cancelled.is_set()


async def test_stop_does_not_wait_for_a_cancellation_that_is_not_confirmed(
    use_cases: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Hanging(confirms=False)
    monkeypatch.setattr(use_cases.update_statistics, "execute", calls.execute, raising=False)
    relay = Relay(use_cases)
    relay.start()
    await calls.started.wait()
    stopping = asyncio.create_task(relay.stop(0))
    done, _ = await asyncio.wait([stopping], timeout=30)
    await calls.cancelled.wait()
    calls.confirmed.set()
    assert done


class Hanging:
    """A call that hangs until it is cancelled, or on until the cancellation is confirmed."""

    def __init__(self, *, confirms: bool = True) -> None:
        self.started, self.cancelled, self.confirmed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        if confirms:
            self.confirmed.set()

    async def execute(self, *_: Any) -> bool:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
            while not self.confirmed.is_set():
                with suppress(asyncio.CancelledError):
                    await self.confirmed.wait()
        return False


async def test_error_ends_a_scheduled_relay(use_cases: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    async def execute(*_: Any) -> bool:
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(use_cases.deliver_webhooks, "execute", execute, raising=False)
    assert not await Relay(use_cases).run_until_idle(10)


async def test_failures_and_pauses_are_logged_and_counted_without_the_response(
    use_cases: UseCases, receivers: Receivers, caplog: pytest.LogCaptureFixture
) -> None:
    made = await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    receivers.respond = lambda _: WebhookResponse(410, b"a private text", seconds=0.02)
    metrics = Metrics()
    with caplog.at_level(logging.INFO, "orderkeep.relay"):
        await Relay(use_cases, metrics).run_until_idle(10)
        await use_cases.resume_webhook.execute(made.id)
        receivers.respond = lambda _: WebhookResponse(200, seconds=0.3)
        await Relay(use_cases, metrics).run_until_idle(10)
    logged = [(record.getMessage(), record.__dict__["webhook"], record.__dict__["reason"]) for record in caplog.records]
    assert logged == [
        ("a webhook delivery failed", made.id, "status 410"),
        ("a webhook was paused", made.id, "the receiver responded with 410"),
    ]
    lines = metrics.exposition()[0].decode().splitlines()
    for line in (
        'orderkeep_webhook_deliveries_total{outcome="failed"} 1.0',
        'orderkeep_webhook_deliveries_total{outcome="delivered"} 1.0',
        'orderkeep_webhook_pauses_total{reason="gone"} 1.0',
        'orderkeep_webhook_delivery_seconds_bucket{le="0.025"} 1.0',
        "orderkeep_webhook_delivery_seconds_count 2.0",
        'orderkeep_webhooks{status="active"} 1.0',
        'orderkeep_webhooks{status="paused"} 0.0',
        f'orderkeep_webhook_lag_seconds{{webhook="{made.id}"}} 0.0',
        f'orderkeep_webhook_waiting_orders{{webhook="{made.id}"}} 0.0',
    ):
        assert line in lines


async def test_busy_process_delivers_slowly(
    use_cases: UseCases, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def remember(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    await use_cases.create_webhook.execute("https://shop.example", start="beginning")
    for requests, expected in ((module.BUSY_REQUESTS - 1, []), (module.BUSY_REQUESTS, [1 / module.BUSY_RATE])):
        await use_cases.place_order.execute(place_command())
        relay = Relay(use_cases, requests_in_progress=lambda requests=requests: requests)  # type: ignore[misc]
        monkeypatch.setattr("orderkeep.entrypoints.relay.asyncio.sleep", remember)
        slept.clear()
        await relay.run_until_idle(10)
        monkeypatch.undo()
        assert [each for each in slept if each][-1:] == ([expected[0]] if expected else [])
