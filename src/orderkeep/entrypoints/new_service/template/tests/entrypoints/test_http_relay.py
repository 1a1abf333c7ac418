"""The HTTP service delivers webhooks while it runs."""

from sample_service.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from sample_service.bootstrap import build_use_cases
from sample_service.entrypoints.api.app import create_app
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from sample_service.infrastructure.webhook_sender import HttpxWebhookSender
from tests.sample_items import clock_from_later, stored
from tests.webhook_receiver import SECRET, Receiver


async def test_changes_are_delivered_until_the_stop_which_waits_for_requests(receiver: Receiver) -> None:
    repo = InMemorySampleItemRepository()
    await stored(repo)
    receiver.is_held = True
    deliver = DeliverWebhooksUseCase(repo, HttpxWebhookSender(receiver.url, [SECRET]), clock_from_later())
    app = create_app(build_use_cases(repo, deliver_webhooks=deliver))
    async with app.router.lifespan_context(app):
        await receiver.wait_for(1)
        receiver.released.set()
    assert [body["data"]["id"] for body in receiver.bodies] == ["item-1"]
    assert repo._outbox == {}
