"""What the receiver of webhooks gets: every change, signed, one after the other, and again after a failure."""

import json
from datetime import datetime, timedelta

import pytest

from sample_service.application.use_cases.cancel_sample_item import CancelSampleItemUseCase
from sample_service.application.use_cases.confirm_sample_item import ConfirmSampleItemUseCase
from sample_service.application.use_cases.deliver_webhooks import (
    FIRST_RETRY_SECONDS,
    PARALLEL,
    DeliverWebhooksUseCase,
    retry_after,
)
from sample_service.application.webhooks.ports import Unsent
from sample_service.application.webhooks.signatures import signature_headers
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from sample_service.infrastructure.webhook_sender import TIMEOUT_SECONDS, HttpxWebhookSender
from tests.sample_items import AT, LATER, stored
from tests.webhook_receiver import SECRET, Receiver


class Clock:
    """A time that a test changes."""

    def __init__(self) -> None:
        self.now = LATER

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def repo() -> InMemorySampleItemRepository:
    return InMemorySampleItemRepository()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deliver(repo: InMemorySampleItemRepository, receiver: Receiver, clock: Clock) -> DeliverWebhooksUseCase:
    return DeliverWebhooksUseCase(repo, HttpxWebhookSender(receiver.url, [SECRET]), clock)


async def test_change_is_sent_with_all_fields(
    repo: InMemorySampleItemRepository,
    deliver: DeliverWebhooksUseCase,
    receiver: Receiver,
) -> None:
    id = await stored(repo)
    assert await deliver.execute()
    assert not await deliver.execute()
    [body] = receiver.bodies
    at = AT + timedelta(seconds=1)
    assert (body["type"], body["timestamp"]) == ("sample_item.pending", at.isoformat())
    fields = ["id", "name", "created_at", "updated_at", "status", "version"]
    assert sorted(body["data"]) == sorted(fields)
    assert (body["data"]["id"], body["data"]["name"], body["data"]["version"]) == (id, f"Name of {id}", 1)
    [(headers, _)] = receiver.requests
    assert (headers["webhook-id"], headers["content-type"]) == (f"{id}-1", "application/json")
    assert headers["webhook-timestamp"] == str(int(LATER.timestamp()))


async def test_changes_of_a_sample_item_are_sent_in_order_and_wait_for_one_that_failed(
    repo: InMemorySampleItemRepository,
    deliver: DeliverWebhooksUseCase,
    receiver: Receiver,
    clock: Clock,
) -> None:
    id = await stored(repo)
    await ConfirmSampleItemUseCase(repo, clock).execute(id)
    await CancelSampleItemUseCase(repo, clock).execute(id)
    receiver.statuses = [500]
    assert not await deliver.execute()
    assert not await deliver.execute()
    assert [body["data"]["version"] for body in receiver.bodies] == [1]
    await stored(repo, "item-2")
    assert await deliver.execute()
    assert [body["data"]["id"] for body in receiver.bodies] == [id, "item-2"]
    clock.now += timedelta(seconds=FIRST_RETRY_SECONDS)
    while await deliver.execute():
        pass
    sent = [(body["data"]["version"], body["type"].partition(".")[2]) for body in receiver.bodies[2:]]
    assert sent == [(1, "pending"), (2, "confirmed"), (3, "cancelled")]
    assert receiver.requests[2][0]["webhook-id"] == receiver.requests[0][0]["webhook-id"]


@pytest.mark.parametrize("status", [301, 400, 410, 503])
async def test_response_without_success_is_retried_later(
    repo: InMemorySampleItemRepository,
    deliver: DeliverWebhooksUseCase,
    receiver: Receiver,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    await stored(repo)
    receiver.statuses = [status, status]
    for attempt in (1, 2):
        assert not await deliver.execute()
        assert caplog.messages[-1] == f"webhook item-1-1 was not accepted at attempt {attempt}: status {status}"
        clock.now += retry_after(attempt - 1) - timedelta(microseconds=1)
        assert not await deliver.execute()
        assert len(receiver.requests) == attempt
        clock.now += timedelta(microseconds=1)
    assert await deliver.execute()


async def test_process_that_ends_while_it_sends_leaves_the_change_to_others(
    repo: InMemorySampleItemRepository,
    deliver: DeliverWebhooksUseCase,
    receiver: Receiver,
    clock: Clock,
) -> None:
    await stored(repo)
    [found] = await repo.first_unsent(clock.now, 1)
    await repo.take(found, clock.now + retry_after(0))
    assert not await deliver.execute()
    clock.now += retry_after(0)
    assert await deliver.execute()
    assert len(receiver.bodies) == 1


async def test_change_that_another_process_took_is_not_sent(
    repo: InMemorySampleItemRepository,
    receiver: Receiver,
    clock: Clock,
) -> None:
    class Slow(InMemorySampleItemRepository):
        async def first_unsent(self, now: datetime, limit: int) -> list[Unsent]:
            found = await super().first_unsent(now, limit)
            for each in found:
                await self.take(each, now)
            return found

    slow = Slow()
    await stored(slow)
    assert not await DeliverWebhooksUseCase(slow, HttpxWebhookSender(receiver.url, [SECRET]), clock).execute()
    assert receiver.requests == []


async def test_several_are_sent_at_a_time(
    repo: InMemorySampleItemRepository,
    deliver: DeliverWebhooksUseCase,
    receiver: Receiver,
) -> None:
    for number in range(PARALLEL + 1):
        await stored(repo, f"item-{number}")
    assert await deliver.execute()
    assert len(receiver.requests) == PARALLEL
    assert await deliver.execute()
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == PARALLEL + 1


def test_pauses_double_up_to_an_hour_and_are_longer_than_a_request() -> None:
    seconds = [retry_after(attempts).total_seconds() for attempts in range(12)]
    assert seconds[:3] == [20, 40, 80]
    assert seconds[-3:] == [3_600] * 3
    assert retry_after(10_000).total_seconds() == 3_600
    assert seconds[0] > TIMEOUT_SECONDS


def test_signature_is_that_of_standard_webhooks() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = json.dumps({"test": 2432232314}).encode()
    headers = signature_headers([secret, SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    first, second = headers["webhook-signature"].split(" ")
    assert first == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert second != first
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"


async def test_receiver_that_is_not_there_or_silent_is_reported(receiver: Receiver) -> None:
    refused = HttpxWebhookSender("http://127.0.0.1:1/hook", [SECRET])
    assert await refused.send("id", AT, b"{}") == "no response (ConnectError)"
    receiver.is_held = True
    silent = HttpxWebhookSender(receiver.url, [SECRET], timeout_seconds=0.2)
    assert await silent.send("id", AT, b"{}") == "no response within 0.2 seconds"
