"""The table: created once, described, and distinguished from tables of other applications."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from orderkeep.bootstrap.stores import ExtraNotInstalled, InvalidStoreURL, check_table, open_store, table_setup
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository, client
from orderkeep.infrastructure.dynamo_repo.setup import TableSetup
from orderkeep.testing.orders import pending_order
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import DynamoProxy, Json, Reject


@pytest.fixture
async def setup(dynamodb: Server) -> AsyncIterator[TableSetup]:
    setup = table_setup(dynamodb.url_of(f"orders-{uuid4()}"))
    yield setup
    await setup.close()


async def test_create_is_idempotent_and_adds_options_later(setup: TableSetup) -> None:
    first = await setup.create(shards=3)
    assert (first.status, first.shards, first.problems, first.deletion_protection) == ("active", 3, (), False)
    with pytest.raises(
        StoreUnusable, match=r"has 3 shards, which cannot be changed: omit the number, or create another"
    ):
        await setup.create(shards=5, deletion_protection=True)
    assert not (await setup.describe()).deletion_protection
    assert (await setup.create(shards=3)).shards == 3
    again = await setup.create(deletion_protection=True)
    assert (again.shards, again.deletion_protection) == (3, True)
    assert await setup.create() == await setup.describe() == again


async def test_table_is_protected_from_the_start(dynamodb: Server) -> None:
    async with DynamoProxy(dynamodb.endpoint, REGION) as proxy:
        setup = table_setup(proxy.url_of(f"orders-{uuid4()}"))
        assert (await setup.create(deletion_protection=True)).deletion_protection
        await setup.close()
    assert "UpdateTable" not in proxy.operations()


async def test_recovery_is_enabled_once(aws: str) -> None:
    async with DynamoProxy(aws, REGION) as proxy:  # DynamoDB Local does not have the operation
        setup = table_setup(proxy.url_of(f"orders-{uuid4()}"))
        assert not (await setup.create()).point_in_time_recovery
        for _ in range(2):
            assert (await setup.create(recovery=True)).point_in_time_recovery
        await setup.close()
    assert proxy.operations().count("UpdateContinuousBackups") == 1


async def test_create_resumes_after_an_interruption(setup: TableSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(shards: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("orderkeep.infrastructure.dynamo_repo.setup.settings_item", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await setup.create(shards=3)
    assert len((await setup.describe()).problems) == 1
    assert (await setup.create(shards=3)).problems == ()


async def test_missing_table_error_says_what_to_run(dynamodb: Server, setup: TableSetup) -> None:
    with pytest.raises(StoreUnusable, match="run `orderkeep table create`"):
        await setup.describe()
    store = open_store(dynamodb.url_of("no-such-table"))
    for ask in (store.ping(), store.get_by_id("order-1"), store.save(pending_order()), store.read_changes(0, 1)):
        with pytest.raises(StoreUnusable, match="run `orderkeep table create`"):
            await ask
    await store.close()


async def test_table_with_other_keys_is_rejected_and_unchanged(dynamodb: Server, setup: TableSetup) -> None:
    other = setup._table
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    attributes = [{"AttributeName": "id", "AttributeType": "S"}]
    billing = {"BillingMode": "PAY_PER_REQUEST"}
    await other.call("CreateTable", {"KeySchema": schema, "AttributeDefinitions": attributes, **billing})
    assert "its keys are not pk and sk" in (await setup.describe()).problems
    with pytest.raises(StoreUnusable, match="has another purpose"):
        await setup.create()
    store = open_store(dynamodb.url_of(other.name))
    for ask in (store.ping(), store.get_by_id("order-1"), store.save(pending_order())):
        with pytest.raises(StoreUnusable, match="run `orderkeep table describe`"):
            await ask
    await store.close()


async def test_table_of_a_newer_layout_is_rejected(
    dynamodb: Server, setup: TableSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LAYOUT", 2)
    await setup.create()
    monkeypatch.setattr(client, "LAYOUT", 1)
    store = open_store(dynamodb.url_of(setup._table.name))
    with pytest.raises(StoreUnusable, match="newer version"):
        await store.save(pending_order())
    await store.close()


@pytest.mark.parametrize("altered", [{"shards": {"N": "0"}}, {"shards": {"S": "4"}}, {"layout": {"N": "1.5"}}])
async def test_altered_settings_are_reported(setup: TableSetup, altered: dict[str, dict[str, str]]) -> None:
    await setup.create()
    await setup._table.call("PutItem", {"Item": client.settings_item(4) | altered})
    with pytest.raises(StoreUnusable, match="settings of the table were altered"):
        await setup._table.read_shards()
    assert "settings of the table were altered" in "".join((await setup.describe()).problems)


@pytest.mark.parametrize(
    "url", ["dynamodb://", "dynamodb:///orders", "dynamodb://orders/x", "dynamodb://orders?regin=x", "dynamodb://o#f"]
)
def test_url_without_a_table_or_with_unknown_options_is_rejected(url: str) -> None:
    with pytest.raises(InvalidStoreURL, match="dynamodb://table"):
        open_store(url)


@pytest.mark.parametrize("name", ["nw", "a table", "o" * 256, "örders"])
def test_invalid_table_name_is_rejected(name: str) -> None:
    with pytest.raises(StoreUnusable, match="3 to 255"):
        DynamoOrderRepository(name, region=REGION)


def test_region_and_endpoint_default_to_the_aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreUnusable, match="set AWS_REGION"):
        DynamoOrderRepository("orders")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    endpoint = DynamoOrderRepository("orders")._table.endpoint
    assert (endpoint.region, endpoint.url) == ("eu-west-3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2")
    endpoint = DynamoOrderRepository("orders", region="us-east-2")._table.endpoint
    assert (endpoint.region, endpoint.url) == ("us-east-2", "http://127.0.0.1:2")


def test_missing_client_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("orderkeep.infrastructure.dynamo_repo", "orderkeep.infrastructure.aws", "aiodynamo.")
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiodynamo", None)
    with pytest.raises(
        ExtraNotInstalled, match=r"DynamoDB requires an extra that is not installed: pip install 'orderkeep\[aws\]'"
    ):
        open_store(f"dynamodb://orders?region={REGION}")


def test_command_line_creates_and_describes_the_table(dynamodb: Server, tmp_path: Path) -> None:
    def run(*command: str) -> tuple[int, str, str]:
        environment = {**os.environ, "ORDERKEEP_STORE": dynamodb.url_of(f"shop-{tmp_path.name}-{os.getpid()}")}
        program = [sys.executable, "-m", "orderkeep", *command]
        done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    code, _, message = run("table", "describe")
    assert (code, "run `orderkeep table create`" in message) == (7, True)
    assert run("table", "create", "--shards", "2")[0] == 0
    code, shown, _ = run("table", "describe")
    assert (code, "shards\t2\n" in shown, "problems\t\n" in shown) == (0, True, True)
    assert run("demo", "--orders", "5")[0] == 0
    assert "problems\t0" in run("verify")[1]
    code, _, message = run("--store", "memory://", "table", "create")
    assert (code, "requires a DynamoDB store" in message) == (2, True)


async def test_check_without_describe_permission_checks_the_settings(dynamodb: Server) -> None:
    def deny_describe(operation: str, payload: Json) -> None:
        if operation == "DescribeTable":
            raise Reject("AccessDeniedException")

    table_name = await dynamodb.new_table()
    async with DynamoProxy(dynamodb.endpoint, REGION, before=deny_describe) as proxy:
        await check_table(proxy.url_of(table_name))
        with pytest.raises(StoreUnusable, match="run `orderkeep table create`"):
            await check_table(proxy.url_of("no-such-table"))
    assert proxy.operations() == ["GetItem", "GetItem"]
