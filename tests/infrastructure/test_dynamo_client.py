"""The DynamoDB client: how responses, from DynamoDB or a proxy, are interpreted."""

import gc
import json
import os
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest
from aiohttp import web

from orderkeep.infrastructure.aws import UNREACHABLE, AwsError, open_http
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import DynamoClient, OrdersTable
from orderkeep.infrastructure.dynamo_repo.errors import DynamoError
from tests.infrastructure.dynamo_samples import recorded_pauses

EXPIRED = {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The security token is expired"}


class FakeService:
    """Sends prepared responses, one for each request; records the key ids and the scopes of signatures."""

    def __init__(self) -> None:
        self.responses: list[tuple[int, str]] = []
        self.signers: list[str] = []
        self.scopes: list[str] = []

    async def respond(self, request: web.Request) -> web.Response:
        if request.method == "GET":  # the container's credentials endpoint
            id = f"KEY{len(self.signers)}"
            key = {"AccessKeyId": id, "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
            return web.json_response(key)
        signer, _, *scope = request.headers["Authorization"].split("=")[1].partition(",")[0].split("/")
        self.signers.append(signer)
        self.scopes.append("/".join(scope))
        status, text = self.responses.pop(0)
        return web.Response(status=status, text=text)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def endpoint(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_route("*", "/", service.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint)
    monkeypatch.setattr("orderkeep.infrastructure.aws.config.is_local", lambda url: False)
    yield Endpoint("eu-central-1", endpoint)
    await runner.cleanup()


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[DynamoClient]:
    async with aclosing(open_http()) as http:
        yield DynamoClient(endpoint, http)


@pytest.mark.parametrize(
    "body", ["<html>Bad Gateway</html>", "{}", "[]", "null", '{"__type": 3, "CancellationReasons": 4}']
)
async def test_response_of_a_proxy_is_reported_as_unreachable(
    client: DynamoClient, service: FakeService, body: str
) -> None:
    service.responses = [(502, body)]
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert (refused.value.code, refused.value.message) == (UNREACHABLE, "HTTP status 502")


async def test_request_is_signed_for_dynamodb(client: DynamoClient, service: FakeService) -> None:
    service.responses = [(200, "{}")]
    await client.call("GetItem", {})
    assert service.scopes == ["eu-central-1/dynamodb/aws4_request"]


async def test_pauses_between_attempts_become_longer(
    endpoint: Endpoint, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = recorded_pauses(monkeypatch)
    service.responses = [*[(500, '{"__type": "InternalServerError"}')] * 3, (200, "{}")]
    table = OrdersTable("orders", endpoint)
    assert await table.send("GetItem", {}) == {}
    await table.close()
    assert longest == [0.1, 0.2, 0.4]


async def test_last_table_that_is_closed_closes_the_client(endpoint: Endpoint) -> None:
    tables = [OrdersTable(name, endpoint) for name in ("orders", "others")]
    shared, again = [await table.client() for table in tables]
    assert shared is again
    await tables[0].close()
    assert await tables[1].client() is shared
    await tables[1].close()
    another = OrdersTable("orders", endpoint)
    assert await another.client() is not shared
    await another.close()


async def test_truncated_response_has_an_unknown_outcome(client: DynamoClient, service: FakeService) -> None:
    service.responses = [(200, '{"Item": {')]
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert refused.value.outcome_unknown


async def test_failure_is_freed_without_garbage_collection(client: DynamoClient, service: FakeService) -> None:
    service.responses = [(400, json.dumps({"__type": "ThrottlingException"}))]
    gc.disable()
    try:
        try:
            await client.call("PutItem", {"Item": {}})
        except DynamoError as error:
            freed = weakref.ref(cast("AwsError", error.__cause__))
        assert freed() is None
    finally:
        gc.enable()


async def test_expired_credentials_are_fetched_again(client: DynamoClient, service: FakeService) -> None:
    service.responses = [(200, "{}"), (400, json.dumps(EXPIRED)), (200, '{"Item": {}}')]
    await client.call("GetItem", {})
    with pytest.raises(DynamoError) as refused:
        await client.call("GetItem", {})
    assert (refused.value.code, refused.value.is_retryable) == ("ExpiredTokenException", True)
    assert await client.call("GetItem", {}) == {"Item": {}}
    assert service.signers == ["KEY0", "KEY0", "KEY2"]
