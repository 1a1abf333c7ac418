"""The whole path: orders through the use cases, DynamoDB's own stream, the handler, and what left, beside the feed."""

from collections import defaultdict
from typing import Any

import aiohttp
import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store, table_setup
from orderkeep.infrastructure import eventbridge
from orderkeep.infrastructure.cloud_events import cloud_events
from orderkeep.testing.orders import place_command
from tests.entrypoints.stream_handler import container
from tests.infrastructure.published_changes import feed_of
from tests.infrastructure.stream_records import StreamReader
from tests.servers.dynamodb import Server
from tests.servers.eventbridge import Answer, Call, EventBridgeServer, Reset


def fails_often(number: int, call: Call) -> Answer | None:
    """Refuse an entry for now, refuse one for good, break the connection, in turn; and take a call in between."""
    if number % 5 == 1:
        return Answer(refused={len(call.entries) // 2: "ThrottlingException"})
    if number % 5 == 2:
        return Answer(refused={len(call.entries) // 3: "MalformedDetail"})
    if number % 5 == 4:
        raise Reset
    return None


@pytest.mark.parametrize("records_each", [1, 7, 1_000])
async def test_published_events_of_each_order_equal_its_feed(
    dynamodb: Server, monkeypatch: pytest.MonkeyPatch, records_each: int
) -> None:
    monkeypatch.setattr(eventbridge, "FIRST_PAUSE_SECONDS", 0.0001)
    url = await dynamodb.new_url()
    setup = table_setup(url)
    table = await setup.create(stream=True)
    await setup.close()
    assert table.stream_arn
    store = open_store(url)
    await live_a_day(store)
    feed = await feed_of(store)
    assert len({change.order_id for change in feed}) == 12
    expected = [event for change in feed for event in cloud_events(change)]

    async with EventBridgeServer() as server, aiohttp.ClientSession() as session:
        events = await StreamReader(dynamodb.endpoint, session, table.stream_arn).events(records_each)
        assert {"INSERT", "MODIFY"} <= {each["eventName"] for event in events for each in event["Records"]}
        server.rule = fails_often if records_each > 1 else lambda number, call: None
        async with container(monkeypatch, {"ORDERKEEP_EVENTS": server.url}) as lambda_stream:
            for event in events:
                await lambda_stream.deliver(event["Records"])
    await store.close()

    assert of_each_order(server.taken_ids) == of_each_order([event.id for event in expected])
    assert {event["id"]: event["data"]["version"] for event in server.taken} == {
        event.id: event.data.version for event in expected
    }


async def live_a_day(store: Any) -> None:
    use_cases = build_use_cases(store)
    for number in range(12):
        placed = await use_cases.place_order.execute(
            place_command(number), CommandContext(request_id=f"request-{number}")
        )
        order_id = placed.order.id
        if number % 2:
            await use_cases.confirm_order.execute(order_id)
        if number % 4 == 1:
            await use_cases.ship_order.execute(order_id)
            await use_cases.deliver_order.execute(order_id)
        elif number % 3:
            await use_cases.cancel_order.execute(order_id, reason="changed mind")
        if number == 6:
            await store.read_changes(0, 1_000)  # gives positions, which alters changes that are in the stream


def of_each_order(ids: list[str]) -> dict[str, list[str]]:
    """Return the ids of each order's events, in the order in which they first came."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in dict.fromkeys(ids):
        found[event.rsplit(".", 2)[0]].append(event)
    return found
