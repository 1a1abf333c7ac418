"""Webhooks are sent as the reference says, whatever their receivers do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.infrastructure.webhook_addresses import AddressGuard
from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender
from tests.infrastructure.receiver_zoo import KINDS, Certificates, Kind, the_zoo

CONNECT, TOTAL = 1.5, 3.0
HEADERS = {"Content-Type": "application/cloudevents+json", "webhook-id": "order-1.2.1"}

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run(main: Coroutine[Any, Any, Any], loop: str = "asyncio") -> Any:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(main)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="module", params=LOOPS)
def responses(request: pytest.FixtureRequest, certificates: Certificates) -> dict[str, WebhookResponse]:
    """What the sender returns for each kind of receiver."""

    async def send_to_all() -> dict[str, WebhookResponse]:
        sender = AiohttpWebhookSender(AddressGuard(local=True), certificates.trusting(), CONNECT, TOTAL)
        async with the_zoo(certificates) as urls:
            sent = await asyncio.gather(*(sender.send(url, HEADERS, b'{"a": 1}') for url in urls.values()))
            await sender.close()
            return dict(zip(urls, sent, strict=True))

    found: dict[str, WebhookResponse] = run(send_to_all(), request.param)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_response_of_each_receiver_is_that_of_the_reference(kind: Kind, responses: dict[str, WebhookResponse]) -> None:
    found = responses[kind.name]
    assert (found.status, found.error) == (kind.status, kind.error_with(CONNECT, TOTAL))
    assert found.body == kind.body
    if kind.retry_date:
        assert found.retry_after is not None
        assert 60 < found.retry_after <= 120
    else:
        assert found.retry_after == kind.retry_after
    assert found.seconds > 0
