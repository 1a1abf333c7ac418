"""The EventBridge publisher against moto's EventBridge: what it puts, a rule finds by its type."""

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import pytest

from orderkeep.application.ports import NotPublished
from orderkeep.bootstrap.events import open_publisher
from tests.infrastructure.published_changes import changes_of

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's


async def ask(aws: str, service: str, target: str, **payload: Any) -> dict[str, Any]:
    credential = f"AKIDEXAMPLE/20261122/{REGION}/{service}/aws4_request"
    headers = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(aws, data=json.dumps(payload), headers=headers) as response,
    ):
        body = await response.read()
        assert response.status == 200, body
        return dict(json.loads(body or b"{}"))


async def log_what_a_rule_finds(aws: str, bus: str, **pattern: Any) -> str:
    """Let a rule of a new bus put what it finds into a log, and return the log's name."""
    log = f"/events/{bus}"
    await ask(aws, "events", "AWSEvents.CreateEventBus", Name=bus)
    await ask(aws, "events", "AWSEvents.PutRule", Name=bus, EventBusName=bus, EventPattern=json.dumps(pattern))
    await ask(aws, "logs", "Logs_20140328.CreateLogGroup", logGroupName=log)
    target = {"Id": "log", "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{log}"}
    await ask(aws, "events", "AWSEvents.PutTargets", Rule=bus, EventBusName=bus, Targets=[target])
    return log


def url_of(aws: str, bus: str) -> str:
    return f"eventbridge://{bus}?region={REGION}&endpoint={quote(aws, safe=':/')}"


async def test_a_rule_finds_events_by_their_type_and_by_what_they_say(aws: str) -> None:
    bus = f"orders-{uuid4()}"
    log = await log_what_a_rule_finds(
        aws,
        bus,
        **{"source": ["orderkeep"], "detail-type": ["orderkeep.order.shipped"], "detail": {"subject": ["A", "B"]}},
    )
    publisher = open_publisher(url_of(aws, bus))
    told: list[int] = []
    await publisher.publish(await changes_of("A1 B1 A2 A3 B2 B3 C1 C2 C3"), told.append)
    await publisher.close()
    assert sum(told) == 9
    said = await ask(aws, "logs", "Logs_20140328.FilterLogEvents", logGroupName=log)
    found = [json.loads(event["message"]) for event in said["events"]]
    assert [event["detail"]["id"] for event in found] == ["A.3.1", "B.3.1"]
    assert [event["detail"]["data"]["order"]["status"] for event in found] == ["shipped", "shipped"]


async def test_a_bus_that_is_not_there_is_said_to_be_missing(aws: str) -> None:
    publisher = open_publisher(url_of(aws, "no-such-bus"))
    with pytest.raises(NotPublished, match="no such event bus in this region: create it"):
        await publisher.publish(await changes_of("A1"))
    await publisher.close()
