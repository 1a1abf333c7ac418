"""The start of a Lambda container: it fails without its configuration, and says what to set or to run."""

import asyncio
import socket
import sys
import uuid

import pytest

from orderkeep.infrastructure.dynamo_repo import client, setup
from orderkeep.infrastructure.dynamo_repo.setup import TableSetup
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.lambda_calls import Request, http_api
from tests.entrypoints.lambda_containers import Context, call, container
from tests.entrypoints.log_reading import Logged
from tests.servers.dynamodb import REGION, Server
from tests.servers.tcp_proxy import tcp_proxy


@pytest.fixture
def in_the_region(dynamodb: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """DynamoDB Local as the AWS variables name it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint)
    return dynamodb


def failure(monkeypatch: pytest.MonkeyPatch, handler: str = "lambda_handler", **environment: str) -> str:
    """Return why a container does not start."""
    with pytest.raises(Exception, match=r"\w") as raised, container(monkeypatch, handler, **environment):
        pass
    assert type(raised.value).__name__ == "CannotStart", repr(raised.value)
    return str(raised.value)


def test_a_store_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(monkeypatch) == "no store is configured: set ORDERKEEP_STORE, such as dynamodb://orders"


@pytest.mark.parametrize(
    "variables, said",
    [
        ({"ORDERKEEP_STORE": "mongodb://orders"}, "ORDERKEEP_STORE is invalid: the URL of a store begins with"),
        ({"ORDERKEEP_STORE": "memory://", "ORDERKEEP_LOG_LEVEL": "loud"}, "ORDERKEEP_LOG_LEVEL is invalid: "),
        ({"ORDERKEEP_STORE": "memory://", "ORDERKEEP_DOCUMENTS": "ftp://x"}, "ORDERKEEP_DOCUMENTS is invalid: "),
        ({"ORDERKEEP_STORE": "dynamodb://a"}, "the name of a DynamoDB table consists of 3 to 255 letters"),
    ],
    ids=["store", "setting", "documents", "table"],
)
def test_an_invalid_setting_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    assert said in failure(monkeypatch, **variables)


def test_unknown_variable_is_logged_with_a_suggestion(monkeypatch: pytest.MonkeyPatch, logged: Logged) -> None:
    variables = {"ORDERKEEP_STORE": "memory://", "ORDERKEEP_AUTH": "keys", "ORDERKEEP_LOG_LEVLE": "debug"}
    with container(monkeypatch, **variables):
        reason = logged.one("unknown setting")["reason"]
    assert reason == "ORDERKEEP_LOG_LEVLE is not a setting: did you mean ORDERKEEP_LOG_LEVEL?"


def test_a_region_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    assert "set AWS_REGION" in failure(monkeypatch, ORDERKEEP_STORE="dynamodb://orders")


@pytest.mark.parametrize(
    "url, package, extra", [("dynamodb://orders", "aiodynamo", "aws"), ("postgresql://x/orders", "asyncpg", "postgres")]
)
def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str) -> None:
    ours = tuple(f"orderkeep.infrastructure.{adapter}" for adapter in ("aws", "dynamo_repo", "postgres_repo"))
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert f"pip install 'orderkeep[{extra}]'" in failure(monkeypatch, ORDERKEEP_STORE=url)


def test_a_missing_table_says_what_to_run(monkeypatch: pytest.MonkeyPatch, dynamodb: Server) -> None:
    store = dynamodb.url_of("no-such-table")
    said = failure(monkeypatch, ORDERKEEP_STORE=store)
    assert "run `orderkeep table create`" in said
    assert f"the store is {store}" in said


def table_without(server: Server, index: str) -> str:
    """Create a table that is one of ours but for one index, and return the URL of a store on it."""
    name = f"orders-{uuid.uuid4()}"
    wanted = setup.creation(deletion_protection=False)
    wanted["GlobalSecondaryIndexes"] = [one for one in wanted["GlobalSecondaryIndexes"] if one["IndexName"] != index]
    keys = [key for one in (wanted, *wanted["GlobalSecondaryIndexes"]) for key in one["KeySchema"]]
    used = {key["AttributeName"] for key in keys}
    wanted["AttributeDefinitions"] = [one for one in wanted["AttributeDefinitions"] if one["AttributeName"] in used]

    async def create() -> None:
        found = TableSetup(name, region=REGION, endpoint=server.endpoint)
        try:
            await found._table.call("CreateTable", wanted)
            await found._table.call("PutItem", {"Item": client.settings_item(2)})
        finally:
            await found.close()

    asyncio.run(create())
    return server.url_of(name)


def test_a_table_without_an_index_is_rejected(monkeypatch: pytest.MonkeyPatch, dynamodb: Server) -> None:
    said = failure(monkeypatch, ORDERKEEP_STORE=table_without(dynamodb, "by_inbox"))
    assert "it lacks the index by_inbox: use another table, and run `orderkeep table create` for it" in said


def test_a_table_without_settings_is_rejected(monkeypatch: pytest.MonkeyPatch, dynamodb: Server) -> None:
    async def forget() -> str:
        found = TableSetup(await dynamodb.new_table(), region=REGION, endpoint=dynamodb.endpoint)
        try:
            await found._table.call("DeleteItem", {"Key": {"pk": {"S": "M"}, "sk": {"S": "M"}}})
            return dynamodb.url_of(found._table.name)
        finally:
            await found.close()

    said = failure(monkeypatch, ORDERKEEP_STORE=asyncio.run(forget()))
    assert "the table is not set up for orders: run `orderkeep table create`" in said


def test_the_articles_variable_names_the_table(monkeypatch: pytest.MonkeyPatch, in_the_region: Server) -> None:
    table = asyncio.run(in_the_region.new_table())
    with container(monkeypatch, ORDERS_TABLE=table):
        pass
    said = failure(monkeypatch, ORDERS_TABLE=table, ORDERKEEP_STORE="dynamodb://no-such-table")
    assert "the store is dynamodb://no-such-table" in said


def test_an_unavailable_store_does_not_prevent_the_start(
    monkeypatch: pytest.MonkeyPatch, dynamodb: Server, caplog: pytest.LogCaptureFixture
) -> None:
    table = asyncio.run(dynamodb.new_table())
    with tcp_proxy(dynamodb.endpoint) as proxy:
        monkeypatch.setattr("orderkeep.infrastructure.dynamo_repo.client.FIRST_PAUSE_SECONDS", 0.001)
        proxy.refuse = True
        with container(monkeypatch, ORDERKEEP_STORE=Server(proxy.url).url_of(table)) as module:
            assert '"event": "the store is unavailable", "reason": "DynamoDB cannot be reached' in caplog.text
            away = call(module, http_api(Request.json("POST", "/orders", PLAIN)))
            assert (away.status, away.headers["retry-after"]) == (503, "1")
            proxy.refuse = False
            assert call(module, http_api(Request.json("POST", "/orders", PLAIN))).status == 201


def test_a_hanging_store_does_not_prevent_the_start(
    monkeypatch: pytest.MonkeyPatch, dynamodb: Server, caplog: pytest.LogCaptureFixture
) -> None:
    table = asyncio.run(dynamodb.new_table())
    with tcp_proxy(dynamodb.endpoint) as proxy:
        store = Server(proxy.url).url_of(table)
        with container(monkeypatch, "lambda_runtime", ORDERKEEP_STORE=store) as runtime:
            proxy.fall_silent()
            monkeypatch.setattr(runtime, "INIT_SECONDS", 0.05)
            use_cases = runtime.start_wiring(runtime.load_settings()).result()
            assert '"event": "the store is unavailable", "reason": "it took too long"' in caplog.text
            proxy.speak()
            runtime.run(use_cases.check_store(), Context())
            runtime.run(use_cases.close(), Context())


def test_the_store_is_checked_during_the_imports(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, container(monkeypatch, ORDERKEEP_STORE="memory://"):
        runtime = sys.modules["orderkeep.entrypoints.lambda_runtime"]
        monkeypatch.setattr(runtime, "INIT_SECONDS", 1)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = runtime.read_settings(store=f"dynamodb://orders?region={REGION}&endpoint={endpoint}")

        wired = runtime.start_wiring(settings)

        with silent.accept()[0]:  # it was asked
            assert caplog.messages == []  # and nobody has waited for an answer
            use_cases = wired.result()
        assert caplog.messages == ["the store is unavailable"]
        runtime.install_event_loop().run_until_complete(use_cases.close())
