"""Delivers webhooks until it is stopped. Alone: `python -m sample_service.entrypoints.relay`."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from sample_service.bootstrap import UseCases, bootstrap
from sample_service.config import InvalidSettings, load_settings, unknown_variables
from sample_service.domain.exceptions import StoreUnavailable

log = logging.getLogger("sample_service.relay")

IDLE_SECONDS = 1.0
"""The pause after a round that delivered nothing."""


class Relay:
    """Runs in the background of an event loop. Without a receiver, it does nothing."""

    def __init__(self, deliver: DeliverWebhooksUseCase | None) -> None:
        self._stopping = asyncio.Event()
        self._task = None if deliver is None else asyncio.create_task(self._run(deliver))

    async def stop(self) -> None:
        """Start no further request, and wait for those in progress."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self, deliver: DeliverWebhooksUseCase) -> None:
        while not self._stopping.is_set():
            try:
                if await deliver.execute():
                    continue
            except StoreUnavailable as error:
                log.warning("webhooks are not delivered: %s", error)
            except Exception:
                log.exception("webhooks are not delivered")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), IDLE_SECONDS)


def main() -> None:
    """Deliver until Ctrl+C or SIGTERM. Requests in progress are completed."""
    for warning in unknown_variables():
        sys.stderr.write(f"sample-service: {warning}\n")
    try:
        use_cases = bootstrap(load_settings())
    except (InvalidSettings, InvalidStoreURL, StoreUnavailable) as error:
        sys.exit(f"sample-service: {error}")
    if use_cases.deliver_webhooks is None:
        sys.exit("sample-service: SAMPLE_SERVICE_WEBHOOK_URL is not set: set it to the URL of the receiver")
    asyncio.run(_deliver_until_stopped(use_cases))


async def _deliver_until_stopped(use_cases: UseCases) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows, Ctrl+C ends the process: what it sent is sent again
            loop.add_signal_handler(number, stopped.set)
    relay = Relay(use_cases.deliver_webhooks)
    try:
        await stopped.wait()
        await relay.stop()
    finally:
        await use_cases.close()


if __name__ == "__main__":
    main()
