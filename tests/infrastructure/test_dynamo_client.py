"""The seam to DynamoDB: what is made of an answer, whoever gave it."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from orderkeep.infrastructure.aws import open_http
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import DynamoClient
from orderkeep.infrastructure.dynamo_repo.errors import UNREACHABLE, DynamoError

EXPIRED = {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The security token is expired"}


class Answering:
    """Answers each request with the next of what it was told; notes who signed."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.signers: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "GET":  # the place that hands out a container's credentials
            id = f"KEY{len(self.signers)}"
            key = {"AccessKeyId": id, "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
            return web.json_response(key)
        self.signers.append(request.headers["Authorization"].split("=")[1].split("/")[0])
        status, text = self.answers.pop(0)
        return web.Response(status=status, text=text)


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
async def client(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DynamoClient]:
    app = web.Application()
    app.router.add_route("*", "/", answering.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint)
    monkeypatch.setattr("orderkeep.infrastructure.aws.config.is_local", lambda url: False)
    async with aclosing(open_http()) as http:
        yield DynamoClient(Endpoint("eu-central-1", endpoint), http)
    await runner.cleanup()


@pytest.mark.parametrize(
    "body", ["<html>Bad Gateway</html>", "{}", "[]", "null", '{"__type": 3, "CancellationReasons": 4}']
)
async def test_an_answer_that_is_not_dynamodbs_means_that_it_was_not_reached(
    client: DynamoClient, answering: Answering, body: str
) -> None:
    answering.answers = [(502, body)]
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert (refused.value.code, refused.value.message) == (UNREACHABLE, "HTTP status 502")


async def test_half_an_answer_is_none(client: DynamoClient, answering: Answering) -> None:
    answering.answers = [(200, '{"Item": {')]
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert refused.value.unclear


async def test_expired_credentials_are_asked_for_anew(client: DynamoClient, answering: Answering) -> None:
    answering.answers = [(200, "{}"), (400, json.dumps(EXPIRED)), (200, '{"Item": {}}')]
    await client.call("GetItem", {})
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert (refused.value.code, refused.value.is_passing) == ("ExpiredTokenException", True)
    assert await client.call("GetItem", {}) == {"Item": {}}
    assert answering.signers == ["KEY0", "KEY0", "KEY2"]
