"""How orders lie in DynamoDB's items: readable where small, exact, forward compatible, and refused where damaged."""

import base64
import zlib
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
from orderkeep.infrastructure.dynamo_repo.items import Item, change_key, head_key, packed, unpacked
from orderkeep.infrastructure.serialization import SCHEMA
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.saving import loaded, save_a_delivered_order
from tests.servers.dynamodb import REGION, Server


@pytest.fixture
async def store(dynamodb: Server) -> AsyncIterator[DynamoOrderRepository]:
    store = DynamoOrderRepository(await dynamodb.new_table(), region=REGION, endpoint=dynamodb.endpoint)
    yield store
    await store.close()


async def put(store: DynamoOrderRepository, item: Item) -> None:
    await store._table.call("PutItem", {"Item": item})


async def kept(store: DynamoOrderRepository, key: Item) -> Item:
    item = await store._table.get(key)
    assert item is not None
    return item


def test_a_text_up_to_a_kilobyte_stays_readable_and_a_longer_one_is_compressed() -> None:
    for text in (b"{}", b"x" * 1_024, "ł".encode() * 512):
        assert packed(text) == {"S": text.decode()}
        assert unpacked(packed(text)) == text
    for text in (b"x" * 1_025, "ł".encode() * 513):
        assert zlib.decompress(base64.b64decode(packed(text)["B"])) == text
        assert unpacked(packed(text)) == text


async def test_no_number_is_other_than_whole_and_the_shape_is_told(store: DynamoOrderRepository) -> None:
    await store.save(pending_order())
    for key in (head_key("order-1"), change_key("order-1", 1)):
        item = await kept(store, key)
        assert item["schema"] == {"N": str(SCHEMA)}
        assert all(value["N"].isdigit() for value in item.values() if "N" in value)
        assert {kind for value in item.values() for kind in value} <= {"S", "N", "B"}


async def test_what_a_newer_version_wrote_beside_is_ignored_and_left_there(store: DynamoOrderRepository) -> None:
    order = pending_order()
    await store.save(order)
    for key in (head_key("order-1"), change_key("order-1", 1)):
        await put(store, await kept(store, key) | {"of_tomorrow": {"M": {"yes": {"BOOL": True}}}})
    assert await loaded(store, "order-1") == order
    order.confirm(at=SINCE)
    await store.save(order)
    assert "of_tomorrow" in await kept(store, head_key("order-1"))
    assert [change.version for change in await store.list_changes("order-1", 0, 10)] == [1, 2]
    assert len((await store.read_changes(None, 10)).changes) == 2


async def test_a_document_of_an_older_shape_is_answered_in_todays(store: DynamoOrderRepository) -> None:
    await store.save(small_order("order-1"))
    item = await kept(store, head_key("order-1"))
    older = item["document"]["S"].replace('"external_ref":null,', "")
    assert older != item["document"]["S"]
    await put(store, item | {"document": {"S": older}, "schema": {"N": "1"}})
    snapshot = await store.get_snapshot("order-1")
    assert snapshot is not None
    assert b'"external_ref":null' in snapshot.json


DAMAGES: list[dict[str, str]] = [{}, {"S": "{"}, {"B": "eHl6"}, {"N": "7"}]
DAMAGED = [(name, damage) for name in ("document", "requests") for damage in DAMAGES] + [
    ("seal", {}),
    ("seal", {"N": "7"}),
]


@pytest.mark.parametrize("name, damage", DAMAGED)
async def test_a_damaged_order_is_told_as_one(store: DynamoOrderRepository, name: str, damage: dict[str, str]) -> None:
    await store.save(pending_order())
    item = await kept(store, head_key("order-1"))
    del item[name]
    await put(store, item | ({name: damage} if damage else {}))
    with pytest.raises(StoreUnusable, match="somebody altered the orders' table"):
        await store.get_by_id("order-1")


async def test_a_change_that_is_gone_is_told_by_the_feed(store: DynamoOrderRepository) -> None:
    await save_a_delivered_order(store)
    assert len((await store.read_changes(None, 10)).changes) == 4
    await store._table.call("DeleteItem", {"Key": change_key("order-1", 2)})
    with pytest.raises(StoreUnusable, match="restore a backup"):
        await store.read_changes(None, 10)


async def test_a_save_of_more_than_dynamodb_takes_is_refused_before_it_is_sent(store: DynamoOrderRepository) -> None:
    orders = [small_order(f"order-{number}", tags=("gift",)) for number in range(34)]
    with pytest.raises(ValueError, match="takes 100 items, these 34 orders are 102"):
        await store.save(*orders)
    assert {order.version for order in orders} == {0}
    assert await store.get_by_id("order-0") is None
    await store.save(*orders[:33])
    with pytest.raises(ConcurrentUpdate):
        await store.save(orders[0], orders[0])


async def test_an_order_that_is_too_large_is_told_as_one(
    store: DynamoOrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderkeep.infrastructure.dynamo_repo.items.LARGEST_PLAIN", 10**9)
    order = small_order("order-1")
    order.metadata = {f"{number}": "x" * 10_000 for number in range(45)}
    with pytest.raises(StoreUnavailable, match="400 KB"):
        await store.save(order)
    assert OrderDTO.of(order).version == 0
