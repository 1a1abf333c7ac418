"""The relay: delivers webhooks, publishes events, counts statistics; in `serve`, alone, or on a schedule on Lambda."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Protocol

from orderkeep.application.ports import NotPublished, StoreAccess
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.observer import WebhookObserver
from orderkeep.application.webhooks.subscriptions import Webhook
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.domain.exceptions import ServiceUnavailable, StoreUnavailable, StoreUnusable
from orderkeep.entrypoints.logs import install_log_hooks, server_log_config

if TYPE_CHECKING:
    from orderkeep.config import Settings

log = logging.getLogger("orderkeep.relay")

FIRST_PAUSE_SECONDS, IDLE_SECONDS = 0.05, 1.0
"""The pause after a round without work, which doubles with each one up to the second: new events wait for as long."""

RETRY_SECONDS = 5.0
"""The pause after a round that failed."""

RELEASE_SECONDS = 0.4
"""How long it may take to release the leases at the end, and to end a call that only reads."""


BUSY_REQUESTS, BUSY_RATE = 24, 200
"""While a process has this many requests in progress, it delivers this many events a second: requests come first."""

STOP_SECONDS = 20.0
"""How long requests in progress take at most."""


class Round(Protocol):
    """A use case that does a part of its work with each call, between its start and its stop."""

    def start(self) -> None:
        """Prepare for calls, also after a stop."""

    async def execute(self) -> bool:
        """Do a part of the work; return whether there is more to do now."""

    async def stop(self, seconds: float) -> None:
        """End what is in progress within that many seconds. A call that only reads may continue: it is cancelled."""


class WebhookMetrics(Protocol):
    """Counts what the relay does."""

    def count_attempt(self, outcome: str, seconds: float) -> None:
        """Count an attempt: `delivered` or `failed`."""

    def count_pause(self, reason: str) -> None:
        """Count a webhook that was paused because an event was not accepted."""

    def set_progress(self, webhook_id: str, lag: float, waiting: int) -> None:
        """Set how late the events of a webhook are, and how many orders wait."""

    def set_webhooks(self, statuses: Mapping[str, str]) -> None:
        """Set the status of each webhook, by ID."""


class RelayLog(WebhookObserver):
    """Logs what the relay does with webhooks, and counts it. The text of a response is never logged."""

    def __init__(self, metrics: WebhookMetrics | None = None) -> None:
        self.metrics = metrics

    def attempted(self, webhook: Webhook, attempt: Attempt) -> None:
        """Count an attempt, and log one that failed."""
        if self.metrics is not None:
            self.metrics.count_attempt("delivered" if attempt.delivered else "failed", attempt.seconds)
        if not attempt.delivered:
            reason = attempt.error or f"status {attempt.status}"
            log.info("a webhook delivery failed", extra={"webhook": webhook.id, "reason": reason})

    def paused(self, webhook: Webhook) -> None:
        """Log and count a pause: an operator must act."""
        log.error("a webhook was paused", extra={"webhook": webhook.id, "reason": webhook.paused_detail})
        if self.metrics is not None:
            self.metrics.count_pause(str(webhook.paused_reason))

    def progressed(self, webhook: Webhook, lag: timedelta, waiting: int) -> None:
        """Set the lag."""
        if self.metrics is not None:
            self.metrics.set_progress(webhook.id, lag.total_seconds(), waiting)

    def listed(self, webhooks: Sequence[Webhook]) -> None:
        """Set the number of webhooks."""
        if self.metrics is not None:
            self.metrics.set_webhooks({each.id: each.status for each in webhooks})


def rounds_of(use_cases: UseCases) -> tuple[Round, ...]:
    """Return the work of a relay."""
    return use_cases.deliver_webhooks, use_cases.publish_events, use_cases.update_statistics


class Relay:
    """Runs the rounds until it is stopped, each beside the others, so that a slow one does not delay another."""

    def __init__(
        self,
        use_cases: UseCases,
        metrics: WebhookMetrics | None = None,
        requests_in_progress: Callable[[], int] = lambda: 0,
    ) -> None:
        async def pace(count: int) -> None:
            if requests_in_progress() >= BUSY_REQUESTS:
                await asyncio.sleep(count / BUSY_RATE)

        use_cases.deliver_webhooks.observe(RelayLog(metrics), pace)
        self._rounds = rounds_of(use_cases)
        self._stopping = asyncio.Event()
        self._tasks: dict[Round, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Run in the background."""
        for each in self._rounds:
            each.start()
        self._tasks = {each: asyncio.create_task(self._repeat(each)) for each in self._rounds}

    async def start_when_available(self, check: Callable[[], Awaitable[None]]) -> None:
        """Start when the check of the store passes. Until then the server reports why it does not."""
        while not self._stopping.is_set():
            with suppress(Exception):
                await check()
                break
            await _wait(self._stopping, RETRY_SECONDS)
        if not self._stopping.is_set():
            self.start()

    async def run_until_idle(self, seconds: float) -> bool:
        """Do all the work that there is now, for at most about that many seconds; return whether all was done."""
        ends_at = time.monotonic() + seconds
        for each in self._rounds:
            each.start()
        results = await asyncio.gather(*[_repeat_until_idle(each, ends_at, self._stopping) for each in self._rounds])
        await self.stop(min(max(0.0, ends_at - time.monotonic()), STOP_SECONDS))
        return all(results)

    def stop_soon(self) -> None:
        """Start no further round."""
        self._stopping.set()

    async def stop(self, seconds: float) -> None:
        """Stop, and wait up to that many seconds for what is in progress. The rest is done again by another relay. What
        is cancelled is not waited for any longer: a store that hangs may not confirm it.
        """
        self.stop_soon()
        stops = [self._stop(each, seconds) for each in self._rounds]
        ending = asyncio.gather(*stops, *self._tasks.values(), return_exceptions=True)
        await asyncio.wait([ending], timeout=seconds + RELEASE_SECONDS)
        ending.cancel()

    async def _stop(self, work: Round, seconds: float) -> None:
        try:
            await work.stop(seconds)
            if work in self._tasks:
                await asyncio.wait([self._tasks[work]], timeout=RELEASE_SECONDS)
        finally:
            if work in self._tasks:
                self._tasks[work].cancel()

    async def _repeat(self, work: Round) -> None:
        pause, reason = FIRST_PAUSE_SECONDS, ""
        while not self._stopping.is_set():
            try:
                if await work.execute():
                    pause, reason = FIRST_PAUSE_SECONDS, ""
                    await asyncio.sleep(0)
                    continue
                pause, reason = min(2 * pause, IDLE_SECONDS), ""
            except (ServiceUnavailable, NotPublished) as error:
                if str(error) != reason:
                    log.warning("the relay cannot continue and will retry", extra={"reason": str(error)})
                pause, reason = RETRY_SECONDS, str(error)
            except Exception:
                log.exception("the relay failed and will retry")
                pause = RETRY_SECONDS
            await _wait(self._stopping, pause)


def relay(settings: Settings, *, once: bool = False) -> None:
    """Run a relay until a signal, or `once` until there is nothing more to do. Raises like `bootstrap`."""
    logging.config.dictConfig(server_log_config(settings.log_format, settings.log_level))
    install_log_hooks()
    asyncio.run(_run(settings, once=once))


async def _run(settings: Settings, *, once: bool) -> None:
    use_cases, loop = bootstrap_from_settings(settings, StoreAccess.WRITE), asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows, Ctrl+C ends the process: what it sent is sent again
            loop.add_signal_handler(number, stopped.set)
    try:
        running = Relay(use_cases)
        if once:
            await use_cases.check_store()
            work, signalled = asyncio.create_task(running.run_until_idle(inf)), asyncio.create_task(stopped.wait())
            await asyncio.wait([work, signalled], return_when=asyncio.FIRST_COMPLETED)
        else:
            await _until_available(use_cases.check_store, stopped)
            running.start()
            await stopped.wait()
        await running.stop(settings.shutdown_seconds)
    finally:
        await use_cases.close()


async def _until_available(check: Callable[[], Awaitable[None]], stopped: asyncio.Event) -> None:
    """Wait until the store responds: it may start after the relay. Raises `StoreUnusable`."""
    while not stopped.is_set():
        try:
            await check()
            break
        except StoreUnusable:
            raise
        except StoreUnavailable as error:
            log.warning("the relay cannot start and will retry", extra={"reason": str(error)})
            await _wait(stopped, RETRY_SECONDS)


async def _repeat_until_idle(work: Round, ends_at: float, stopping: asyncio.Event) -> bool:
    try:
        while time.monotonic() < ends_at and not stopping.is_set():
            if not await work.execute():
                return True
    except (ServiceUnavailable, NotPublished) as error:
        log.warning("the relay cannot continue", extra={"reason": str(error)})
    return False


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
