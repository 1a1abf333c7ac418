"""The relay: delivers until it is stopped, also after an error, and is started with a valid receiver only."""

import asyncio

import pytest

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import SampleItemStore
from sample_service.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from sample_service.bootstrap import STORES, bootstrap
from sample_service.config import Settings
from sample_service.domain.exceptions import StoreUnavailable
from sample_service.entrypoints import relay
from sample_service.entrypoints.relay import Relay, main
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from sample_service.infrastructure.webhook_sender import HttpxWebhookSender
from tests.sample_items import clock_from_later, stored
from tests.webhook_receiver import SECRET, Receiver


async def test_changes_are_delivered_until_the_stop(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.01)
    repo = InMemorySampleItemRepository()
    running = Relay(DeliverWebhooksUseCase(repo, HttpxWebhookSender(receiver.url, [SECRET]), clock_from_later()))
    for number in range(3):
        await stored(repo, f"item-{number}")
        await receiver.wait_for(number + 1)
    await running.stop()
    assert [body["data"]["id"] for body in receiver.bodies] == ["item-0", "item-1", "item-2"]


@pytest.mark.parametrize(
    "error, message",
    [
        (StoreUnavailable("the store is away"), "webhooks are not delivered: the store is away"),
        (RuntimeError("a bug"), "webhooks are not delivered"),
    ],
)
async def test_relay_continues_after_an_error(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    message: str,
) -> None:
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.01)
    repo = InMemorySampleItemRepository()
    first_unsent, errors = repo.first_unsent, [error]

    async def fail_once(*arguments: object) -> object:
        if errors:
            raise errors.pop()
        return await first_unsent(*arguments)  # type: ignore[arg-type]  # what the use case passes

    monkeypatch.setattr(repo, "first_unsent", fail_once)
    await stored(repo)
    running = Relay(DeliverWebhooksUseCase(repo, HttpxWebhookSender(receiver.url, [SECRET]), clock_from_later()))
    await receiver.wait_for(1)
    await running.stop()
    assert caplog.messages[0] == message


async def test_stop_waits_for_a_request_in_progress(receiver: Receiver) -> None:
    repo = InMemorySampleItemRepository()
    await stored(repo)
    receiver.is_held = True
    running = Relay(DeliverWebhooksUseCase(repo, HttpxWebhookSender(receiver.url, [SECRET]), clock_from_later()))
    await receiver.wait_for(1)
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    assert len(repo._outbox) == 1
    receiver.released.set()
    await stopping
    assert repo._outbox == {}


async def test_relay_without_a_receiver_does_nothing() -> None:
    await Relay(None).stop()


def test_command_needs_a_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "memory://")
    with pytest.raises(SystemExit, match=r"^sample-service: SAMPLE_SERVICE_WEBHOOK_URL is not set"):
        main()
    monkeypatch.setenv("SAMPLE_SERVICE_WEBHOOK_URL", "https://example.com/hook")
    with pytest.raises(SystemExit, match=r"^sample-service: SAMPLE_SERVICE_WEBHOOK_SECRET: must be whsec_"):
        main()


def test_receiver_needs_a_store_with_an_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    names = SampleItemStore.__abstractmethods__
    methods = {name: getattr(InMemorySampleItemRepository, name) for name in names}
    monkeypatch.setitem(STORES, "memory", lambda _: type("WithoutOutbox", (SampleItemStore,), methods)())
    assert bootstrap(Settings(store="memory://")).deliver_webhooks is None
    settings = Settings(store="memory://", webhook_url="https://example.com/hook", webhook_secret=SECRET)
    with pytest.raises(InvalidStoreURL, match="this store has no outbox: unset SAMPLE_SERVICE_WEBHOOK_URL"):
        bootstrap(settings)
