"""The EventBridge publisher against a server that fails on purpose: nothing is lost, nothing overtakes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.application.ports import EventPublisher, NotPublished
from orderkeep.bootstrap.events import InvalidEventsURL, open_publisher
from orderkeep.infrastructure import eventbridge
from tests.infrastructure.published_changes import changes_of, with_events
from tests.servers.eventbridge import BUS, Answer, Call, EventBridgeServer, Hang, Reset


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventbridge, "FIRST_PAUSE_SECONDS", 0.0001)


@pytest.fixture
async def server() -> AsyncIterator[EventBridgeServer]:
    async with EventBridgeServer() as server:
        yield server


@pytest.fixture
async def publisher(server: EventBridgeServer) -> AsyncIterator[EventPublisher]:
    publisher = open_publisher(f"{server.url}&source=/shops/web")
    yield publisher
    await publisher.close()


async def test_puts_events_on_the_bus_under_names_that_rules_can_match(
    server: EventBridgeServer, publisher: EventPublisher
) -> None:
    told: list[int] = []
    await publisher.publish(await changes_of("A1 B2"), told.append)
    (call,) = server.calls
    assert call.headers["X-Amz-Target"] == "AWSEvents.PutEvents"
    assert call.headers["Content-Type"] == "application/x-amz-json-1.1"
    names = [{name: entry[name] for name in entry if name != "Detail"} for entry in call.entries]
    assert names == [
        {"EventBusName": BUS, "Source": "/shops/web", "DetailType": "orderkeep.order.placed"},
        {"EventBusName": BUS, "Source": "/shops/web", "DetailType": "orderkeep.order.confirmed"},
    ]
    assert [event["data"]["order"]["status"] for event in call.events] == ["pending", "processing"]
    assert sum(told) == 2


async def test_a_200_with_failures_is_a_failure_and_only_these_are_sent_again(
    server: EventBridgeServer, publisher: EventPublisher
) -> None:
    server.rule = lambda number, call: Answer(refused={1: "ThrottlingException"}) if number == 0 else None
    await publisher.publish(await changes_of("A1 B1 C1 B2"))
    assert [call.ids for call in server.calls] == [["A.1.1", "B.1.1", "C.1.1"], ["B.1.1"], ["B.2.1"]]


async def test_nothing_is_sent_behind_an_event_that_is_not_taken(
    server: EventBridgeServer, publisher: EventPublisher
) -> None:
    server.rule = lambda number, call: Answer(refused={call.ids.index("B.1.1"): "MalformedDetail"})
    told: list[int] = []
    with pytest.raises(NotPublished, match="MalformedDetail: as EventBridge says it"):
        await publisher.publish(await changes_of("A1 B1 C1 B2 D1"), told.append)
    assert [call.ids for call in server.calls] == [["A.1.1", "B.1.1", "C.1.1"]]
    assert sum(told) == 1


async def test_gives_up_after_so_many_attempts_and_says_which_change_is_next(
    server: EventBridgeServer, publisher: EventPublisher
) -> None:
    server.rule = lambda number, call: Answer(refused={0: "InternalFailure"}) if "B.2.1" in call.ids else None
    told: list[int] = []
    with pytest.raises(NotPublished, match="try again"):
        await publisher.publish(await changes_of("A1 B1 B2 B3"), told.append)
    assert (len(server.calls), sum(told)) == (1 + eventbridge.ATTEMPTS, 2)
    assert server.taken_ids == ["A.1.1", "B.1.1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, {"__type": "com.amazonaws.events#ThrottlingException", "message": "Rate exceeded"}),
        Answer(400, {"__type": "ExpiredTokenException"}),
        Answer(429, {}),
        Answer(500, {"__type": "InternalException"}),
        Answer(503, {"message": "away"}),
        Answer(200, {"FailedEntryCount": 1, "Entries": [{"EventId": "event-7"}]}),
        Answer(200, {"FailedEntryCount": 0, "Entries": []}),
        Answer(200, {}),
    ],
    ids=lambda answer: f"{answer.status} {json.dumps(answer.body)}",
)
async def test_what_may_pass_is_sent_again(
    server: EventBridgeServer, publisher: EventPublisher, answer: Answer
) -> None:
    server.rule = lambda number, call: answer if number < 2 else None
    await publisher.publish(await changes_of("A1"))
    assert [call.ids for call in server.calls] == [["A.1.1"]] * 3


async def test_broken_connection_is_opened_again(server: EventBridgeServer, publisher: EventPublisher) -> None:
    def reset_twice(number: int, call: Call) -> None:
        if number in (1, 2):
            raise Reset

    server.rule = reset_twice
    await publisher.publish(await changes_of("A1 A2 A3"))
    assert server.taken_ids == ["A.1.1", "A.2.1", "A.3.1", "A.3.2"]


@pytest.mark.parametrize(
    "code, advice",
    [
        ("AccessDeniedException", "allow events:PutEvents"),
        ("ResourceNotFoundException", "no such event bus"),
        ("UnrecognizedClientException", "does not accept these AWS credentials"),
        ("ValidationException", "did not accept the event"),
    ],
)
async def test_what_will_not_pass_is_not_sent_again_and_says_what_to_do(
    server: EventBridgeServer, publisher: EventPublisher, code: str, advice: str
) -> None:
    server.rule = lambda number, call: Answer(400, {"__type": code, "message": "as EventBridge says it"})
    with pytest.raises(NotPublished, match=advice):
        await publisher.publish(await changes_of("A1"))
    assert len(server.calls) == 1


async def test_timeout_reports_how_many_were_published(server: EventBridgeServer, publisher: EventPublisher) -> None:
    arrived = asyncio.Event()

    def hang(number: int, call: Call) -> None:
        if "A.2.1" in call.ids:
            arrived.set()
            raise Hang

    server.rule = hang
    told: list[int] = []
    work = asyncio.create_task(publisher.publish(await changes_of("A1 B1 A2 B2"), told.append))
    await arrived.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (sum(told), server.taken_ids) == (2, ["A.1.1", "B.1.1"])


async def test_a_change_of_several_events_is_done_with_the_last(
    server: EventBridgeServer, publisher: EventPublisher
) -> None:
    first, second = await changes_of("A1 A2")
    changes = [with_events(first), with_events(first, "OrderPlaced", "OrderConfirmed"), with_events(second)]
    server.rule = lambda number, call: Answer(refused={0: "NotAuthorized"}) if "A.1.2" in call.ids else None
    told: list[int] = []
    with pytest.raises(NotPublished):
        await publisher.publish(changes, told.append)
    assert (server.taken_ids, sum(told)) == (["A.1.1"], 1)
    server.rule = lambda number, call: None
    told.clear()
    await publisher.publish(changes, told.append)
    assert sum(told) == 3


async def test_nothing_is_sent_once_it_is_closed(server: EventBridgeServer, publisher: EventPublisher) -> None:
    await publisher.close()
    await publisher.close()
    with pytest.raises(NotPublished, match="closed"):
        await publisher.publish(await changes_of("A1"))
    assert server.calls == []


async def test_credentials_that_are_nowhere_are_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    publisher = open_publisher("eventbridge://orders?region=eu-central-1")
    with pytest.raises(NotPublished, match="no AWS credentials were found"):
        await publisher.publish(await changes_of("A1"))
    await publisher.close()


async def test_credentials_are_looked_for_when_the_first_event_leaves(
    server: EventBridgeServer, publisher: EventPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDAFTERRESTORE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    await publisher.publish(await changes_of("A1"))
    assert "Credential=AKIDAFTERRESTORE/" in server.calls[0].headers["Authorization"]


def test_says_which_extra_is_needed_where_the_client_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("orderkeep.infrastructure.eventbridge", "orderkeep.infrastructure.aws")
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiodynamo.http.types", None)
    with pytest.raises(InvalidEventsURL, match=r"pip install 'orderkeep\[aws\]'"):
        open_publisher("eventbridge://orders?region=eu-central-1")
