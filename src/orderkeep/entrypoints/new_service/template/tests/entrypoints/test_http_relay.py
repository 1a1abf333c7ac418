"""The HTTP service delivers webhooks while it runs."""

from sample_service.bootstrap import build_use_cases
from sample_service.entrypoints.api.app import create_app
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from sample_service.infrastructure.webhook_sender import HttpxWebhookSender
from tests.sample_items import stored
from tests.webhook_receiver import SECRET, Receiver


async def test_changes_are_delivered_between_start_and_stop(receiver: Receiver) -> None:
    repo = InMemorySampleItemRepository()
    await stored(repo)
    app = create_app(build_use_cases(repo, sender=HttpxWebhookSender(receiver.url, [SECRET])))
    async with app.router.lifespan_context(app):
        await receiver.wait_for(1)
    assert [body["data"]["id"] for body in receiver.bodies] == ["item-1"]
