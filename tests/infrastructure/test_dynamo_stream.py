"""The table's stream: which records contain a change, which cannot be read, and how it is switched on."""

import copy
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from orderkeep.bootstrap.events import stream_reader
from orderkeep.bootstrap.stores import table_setup
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.entrypoints.cli.main import cli
from orderkeep.infrastructure.dynamo_repo.items import api_key_key, record_key
from orderkeep.infrastructure.dynamo_repo.setup import TableSetup
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import cancelled_order, pending_order
from tests.infrastructure.published_changes import feed_of
from tests.infrastructure.stream_records import items_of_save, record
from tests.servers.dynamodb import Server

read = stream_reader()


def change_record(name: str = "INSERT", **changes: Any) -> dict[str, Any]:
    item = items_of_save(cancelled_order())[-1]
    return record({**item, **changes}, 7, name)


async def test_new_change_is_read_as_in_the_feed() -> None:
    assert [read(change_record())] == await feed_of(InMemoryOrderRepository([cancelled_order()]))


def test_records_of_other_items_contain_no_change() -> None:
    others = items_of_save(pending_order())[:-1]
    assert len(others) == 3
    others += [{"pk": {"S": "F"}, "sk": {"S": "END"}}, {"pk": {"S": "M"}, "sk": {"S": "M"}}]
    others += [{"pk": {"S": "F"}, "sk": {"S": "C#0000000001"}}]
    others += [record_key("webhook", "w1"), record_key("O#webhook", "C#0000000001")]
    others += [api_key_key("Key0000001"), {"pk": {"S": "K"}, "sk": {"S": "000000000000000017#Key0000001"}}]
    assert [read(record(item, number)) for number, item in enumerate(others)] == [None] * 10


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_change_that_gets_its_position_is_not_read_twice(name: str) -> None:
    assert read(change_record(name)) is None


UNREADABLE: dict[str, dict[str, Any]] = {
    "no document": {"document": {"S": ""}},
    "a document of another shape": {"document": {"S": '{"id": "order-1"}'}},
    "not compressed": {"document": {"B": "AAAA"}},
    "no version": {"sk": {"S": "C#first"}},
    "no time": {"at": {"S": "yesterday"}},
    "another type": {"actor": {"N": "17"}},
    "no text": {"events": {"S": 5}},
    "altered": {"actor": {"S": "staff:eve"}},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_change_is_rejected(name: str) -> None:
    with pytest.raises(StoreUnusable):
        read(change_record(**UNREADABLE[name]))


def test_record_without_a_new_image_is_rejected() -> None:
    shown = copy.deepcopy(change_record())
    del shown["dynamodb"]["NewImage"]
    with pytest.raises(StoreUnusable, match="NEW_IMAGE"):
        read(shown)


@pytest.mark.parametrize("keys", [{"id": {"S": "1"}}, {}, {"pk": {"N": "1"}, "sk": {"N": "2"}}, None])
def test_record_of_another_table_is_rejected(keys: Any) -> None:
    shown = change_record()
    shown["dynamodb"]["Keys"] = keys
    with pytest.raises(StoreUnusable, match="not of a table of orders"):
        read(shown)


@pytest.fixture
async def setup(dynamodb: Server) -> AsyncIterator[TableSetup]:
    setup = table_setup(dynamodb.url_of(f"orders-{uuid4()}"))
    yield setup
    await setup.close()


async def test_stream_is_switched_on_once_and_described(setup: TableSetup) -> None:
    first = await setup.create()
    assert (first.stream, first.stream_arn) == (None, None)
    switched = await setup.create(stream=True)
    assert switched.stream == "NEW_IMAGE"
    assert switched.stream_arn
    assert switched.stream_arn.startswith("arn:aws:dynamodb:")
    assert await setup.create(stream=True) == await setup.create() == switched


async def test_stream_of_another_view_type_is_rejected_and_unchanged(setup: TableSetup) -> None:
    await setup.create()
    keys_only = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    await setup._table.call("UpdateTable", {"StreamSpecification": keys_only})
    with pytest.raises(StoreUnusable, match="view type KEYS_ONLY: disable it, then"):
        await setup.create(stream=True)
    found = await setup.describe()
    assert (found.stream, found.problems) == ("KEYS_ONLY", ())
    await setup._table.call("UpdateTable", {"StreamSpecification": {"StreamEnabled": False}})
    found = await setup.describe()
    assert (found.stream, found.stream_arn) == (None, None)


def test_command_line_switches_the_stream_on_and_shows_it(dynamodb: Server) -> None:
    run = CliRunner().invoke
    store = ["--store", dynamodb.url_of(f"orders-{uuid4()}")]
    shown = run(cli, [*store, "table", "create"]).stdout
    assert ("stream\t\n" in shown, "stream ARN\t\n" in shown) == (True, True)
    shown = run(cli, [*store, "table", "create", "--stream"]).stdout
    assert "stream\tNEW_IMAGE\n" in shown
    assert "stream ARN\tarn:aws:dynamodb:" in shown
    assert run(cli, [*store, "table", "describe"]).stdout == shown
