"""What becomes of an event after each response is what the table of the reference says."""

from datetime import timedelta

import pytest

from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.application.webhooks.subscriptions import PauseReason, WebhookStatus
from tests.application.webhook_world import World
from tests.infrastructure.receiver_zoo import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_outcome_of_each_receiver_is_that_of_the_reference(kind: Kind) -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("web-1")
    response = WebhookResponse(kind.status, kind.body, kind.error_with(3, 15), kind.retry_after)
    world.receivers.respond = lambda _: response
    await world.deliver()
    progress, found = await world.progress(webhook), await world.webhook(webhook)
    if kind.outcome == "delivered":
        assert (progress.waiting, found.status) == (0, WebhookStatus.ACTIVE)
        return
    assert progress.waiting == 1
    if kind.outcome.startswith("retried after `resume`"):
        assert (found.status, found.paused_reason) == (WebhookStatus.PAUSED, PauseReason.GONE)
        return
    assert found.status is WebhookStatus.ACTIVE
    asked_for = 120 if kind.outcome == "retried, not before that time" else 5
    assert progress.due_at == world.clock() + timedelta(seconds=asked_for)
