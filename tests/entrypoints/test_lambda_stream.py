"""The handler of the table's stream: the first failure is reported, nothing behind it is sent, nothing is swallowed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orderkeep.infrastructure import eventbridge
from orderkeep.testing.orders import pending_order
from tests.entrypoints.log_reading import Logged
from tests.entrypoints.stream_handler import Container, container
from tests.infrastructure.stream_records import items_of_save, record, sequence_number
from tests.servers.eventbridge import Answer, Call, EventBridgeServer, Hang

POISON = 5


def placed(number: int, **changes: Any) -> dict[str, Any]:
    """Return the record of `order-<number>`'s first change, with the sequence number of that number."""
    return record({**items_of_save(pending_order(number))[-1], **changes}, number)


def poison() -> dict[str, Any]:
    return placed(POISON, document={"S": "not what we write"})


@pytest.fixture
async def server() -> AsyncIterator[EventBridgeServer]:
    async with EventBridgeServer() as server:
        yield server


@pytest.fixture
async def lambda_stream(server: EventBridgeServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Container]:
    monkeypatch.setattr(eventbridge, "FIRST_PAUSE_SECONDS", 0.0001)
    async with container(monkeypatch, {"ORDERKEEP_EVENTS": server.url}) as found:
        yield found


async def test_publishes_new_changes_and_nothing_else(server: EventBridgeServer, lambda_stream: Container) -> None:
    items = items_of_save(pending_order(3))
    records = [record(item, number) for number, item in enumerate(items)] + [record(items[-1], 17, "MODIFY")]
    assert await lambda_stream.invoke({"Records": records}) == []
    assert server.taken_ids == ["order-3.1.1"]
    assert server.taken[0]["data"]["order"]["user_id"] == "user-3"


async def test_batch_without_changes_publishes_nothing(server: EventBridgeServer, lambda_stream: Container) -> None:
    assert await lambda_stream.invoke({"Records": []}) == []
    assert await lambda_stream.invoke({"Records": [record(items_of_save(pending_order(3))[0], 1)]}) == []
    assert server.calls == []


async def test_publishing_stops_at_the_first_rejected_event(
    server: EventBridgeServer, lambda_stream: Container
) -> None:
    server.rule = lambda number, call: Answer(
        refused={at: "MalformedDetail" for at, event in enumerate(call.ids) if event == "order-14.1.1"}
    )
    records = [placed(number) for number in range(1, 30)]
    assert await lambda_stream.invoke({"Records": records}) == [sequence_number(14)]
    assert [len(call.ids) for call in server.calls] == [10, 10]


async def test_what_cannot_be_read_is_reported_when_all_before_it_is_published(
    server: EventBridgeServer, lambda_stream: Container, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8")
    records = [placed(3), placed(4), poison(), placed(6)]
    assert await lambda_stream.invoke({"Records": records}) == [sequence_number(POISON)]
    assert server.taken_ids == ["order-3.1.1", "order-4.1.1"]
    line = logged.one("a record of the stream cannot be read")
    assert (line["record"], line["request_id"]) == (sequence_number(POISON), "8f3a-17")
    assert line["trace_id"] == "5759e988bd862e3fe1be46a994272793"
    assert await lambda_stream.invoke({"Records": [poison()]}) == [sequence_number(POISON)]


async def test_a_failure_before_what_cannot_be_read_is_the_one_to_report(
    server: EventBridgeServer, lambda_stream: Container
) -> None:
    server.rule = lambda number, call: Answer(refused={0: "MalformedDetail"})
    assert await lambda_stream.invoke({"Records": [placed(3), placed(4), poison()]}) == [sequence_number(3)]


async def test_a_slow_bus_is_given_up_while_there_is_time_to_report(
    server: EventBridgeServer, lambda_stream: Container, caplog: pytest.LogCaptureFixture
) -> None:
    def hang_at_the_second(number: int, call: Call) -> None:
        if number:
            raise Hang

    server.rule = hang_at_the_second
    records = [placed(number) for number in range(1, 20)]
    assert await lambda_stream.invoke({"Records": records}, milliseconds=900) == [sequence_number(11)]
    assert "no time left" in caplog.text
    server.rule = lambda number, call: None
    assert await lambda_stream.invoke({"Records": records[10:]}) == []
    assert server.taken_ids == [f"order-{number}.1.1" for number in range(1, 20)]


async def test_throttling_takes_as_long_as_the_invocation_has(
    server: EventBridgeServer, lambda_stream: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventbridge, "FIRST_PAUSE_SECONDS", 3_600.0)
    monkeypatch.setattr(eventbridge, "MAX_PAUSE_SECONDS", 3_600.0)
    server.rule = lambda number, call: Answer(refused={1: "ThrottlingException"})
    assert await lambda_stream.invoke({"Records": [placed(1), placed(2)]}, milliseconds=900) == [sequence_number(2)]


@pytest.mark.parametrize(
    "event, said",
    [
        (None, "no list Records"),
        ({}, "no list Records"),
        ({"Records": {}}, "no list Records"),
        ({"version": "2.0", "rawPath": "/orders"}, "no list Records"),
        ({"Records": [{"eventSource": "aws:sqs", "messageId": "1"}]}, "Records/0 is from aws:sqs"),
        ({"Records": ["a text"]}, "Records/0 is from an unknown source"),
        ({"Records": [{"eventSource": "aws:dynamodb"}]}, "Records/0/dynamodb has no SequenceNumber"),
        ({"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": 5}}]}, "has no SequenceNumber"),
    ],
)
async def test_rejects_what_is_no_batch_of_a_stream(
    server: EventBridgeServer, lambda_stream: Container, event: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        await lambda_stream.invoke(event)
    assert server.calls == []


IN_A_CLEAN_PROCESS = """
import json, sys
from orderkeep.entrypoints.lambda_stream import handler
class Context:
    aws_request_id = "8f3a"
    def get_remaining_time_in_millis(self): return 60_000
answer = handler(json.load(sys.stdin), Context())
heavy = {"fastapi", "starlette", "mangum", "botocore", "boto3", "click", "rich", "uvicorn", "prometheus_client"}
json.dump([answer, sorted(heavy & set(sys.modules))], sys.stdout)
"""


async def run_clean(event: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", IN_A_CLEAN_PROCESS],
        input=event,
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "AWS_REGION": "eu-central-1", **environment},
        cwd=Path(__file__).parents[2],
    )


async def test_imports_neither_fastapi_nor_amazons_client(server: EventBridgeServer) -> None:
    answer = await run_clean('{"Records": []}', ORDERKEEP_EVENTS=server.url)
    assert (answer.stdout, answer.returncode) == ('[{"batchItemFailures": []}, []]', 0), answer.stderr


@pytest.mark.parametrize(
    "url, said",
    [
        ("", "set ORDERKEEP_EVENTS, such as eventbridge://orders"),
        ("memory://", "the URL of the event bus is eventbridge://bus"),
        ("sqs://orders", "the URL of the event bus is eventbridge://bus"),
        ("eventbridge://", "the name of an event bus has"),
        ("eventbridge://two buses", "the name of an event bus has"),
        ("eventbridge://orders?queue=x", "the URL of the event bus is eventbridge://bus"),
        ("eventbridge://orders#here", "the URL of the event bus is eventbridge://bus"),
        ("eventbridge://orders?source=aws.orders", "the source of events has"),
        ("eventbridge://orders?endpoint=somewhere", "the endpoint of AWS must be a URL"),
        ("memory://orders", "the URL of the event bus is eventbridge://bus"),
    ],
)
async def test_a_function_that_is_not_set_up_does_not_start_and_says_what_to_set(url: str, said: str) -> None:
    answer = await run_clean('{"Records": []}', ORDERKEEP_EVENTS=url)
    assert answer.returncode == 1
    assert said in answer.stderr.splitlines()[-1]
    assert answer.stderr.splitlines()[-1].startswith("orderkeep.entrypoints.lambda_runtime.CannotStart: ")


async def test_the_region_must_be_known() -> None:
    answer = await run_clean('{"Records": []}', ORDERKEEP_EVENTS="eventbridge://orders", AWS_REGION="")
    assert "set AWS_REGION" in answer.stderr.splitlines()[-1]
