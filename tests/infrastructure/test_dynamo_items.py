"""Orders in DynamoDB items: readable if small, exact, forward compatible, and rejected if damaged."""

import base64
import zlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.records import Record
from orderkeep.domain import limits
from orderkeep.domain.attribution import RememberedKey
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnusable
from orderkeep.domain.value_objects import Document
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
from orderkeep.infrastructure.dynamo_repo.items import Item, change_key, head_key, packed, unpacked
from orderkeep.infrastructure.serialization import SCHEMA
from orderkeep.testing.api_keys import api_key
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.personal_data import personal_data, salt_of
from orderkeep.testing.stores import loaded, read_feed, save_a_delivered_order
from tests.servers.dynamodb import REGION, Server


@pytest.fixture
async def store(dynamodb: Server) -> AsyncIterator[DynamoOrderRepository]:
    store = DynamoOrderRepository(await dynamodb.new_table(), region=REGION, endpoint=dynamodb.endpoint)
    yield store
    await store.close()


async def put(store: DynamoOrderRepository, item: Item) -> None:
    await store._table.call("PutItem", {"Item": item})


async def stored(store: DynamoOrderRepository, key: Item) -> Item:
    item = await store._table.get(key)
    assert item is not None
    return item


def test_packed_compresses_texts_longer_than_a_kilobyte() -> None:
    for text in (b"{}", b"x" * 1_024, "ł".encode() * 512):
        assert packed(text) == {"S": text.decode()}
        assert unpacked(packed(text)) == text
    for text in (b"x" * 1_025, "ł".encode() * 513):
        assert zlib.decompress(base64.b64decode(packed(text)["B"])) == text
        assert unpacked(packed(text)) == text


async def test_items_have_the_keys_of_earlier_versions(store: DynamoOrderRepository) -> None:
    order = pending_order(tags=("gift",))
    order.add_personal_data(personal_data(), salt_of(1))
    await store.save(order)
    await store.api_keys().add(api_key())
    await store.records().write_records([Record("cursor", "a", "{}")])
    await store.add_checkpoint("2026-03-04T05:06:07Z", "{}")
    await read_feed(store)
    keys = {(item["pk"]["S"], item["sk"]["S"]) async for page in store._table.scan("pk, sk") for item in page}
    assert keys == {
        ("M", "M"),
        ("O#order-1", "C#0000000001"),
        ("O#order-1", "O"),
        ("O#order-1", "P"),
        ("O#order-1", "T#gift"),
        ("F", "END"),
        ("F", "L#000000000000000001"),
        ("K", "063908197568890123#Key0000001"),
        ("K#Key0000001", "K"),
        ("R#cursor", "R#a"),
        ("V", "2026-03-04T05:06:07Z"),
    }


async def test_items_have_whole_numbers_and_the_documents_schema(store: DynamoOrderRepository) -> None:
    await store.save(pending_order())
    for key in (head_key("order-1"), change_key("order-1", 1)):
        item = await stored(store, key)
        assert item["schema"] == {"N": str(SCHEMA)}
        assert all(value["N"].isdigit() for value in item.values() if "N" in value)
        assert {kind for value in item.values() for kind in value} <= {"S", "N", "B"}


async def test_unknown_attributes_are_ignored_and_kept(store: DynamoOrderRepository) -> None:
    order = pending_order()
    await store.save(order)
    for key in (head_key("order-1"), change_key("order-1", 1)):
        await put(store, await stored(store, key) | {"from_a_newer_version": {"M": {"yes": {"BOOL": True}}}})
    assert await loaded(store, "order-1") == order
    order.confirm(at=SINCE)
    await store.save(order)
    assert "from_a_newer_version" in await stored(store, head_key("order-1"))
    assert [change.version for change in await store.list_changes("order-1", 0, 10)] == [1, 2]
    assert len((await store.read_changes(0, 10)).changes) == 2


async def test_document_of_an_older_schema_is_returned_in_todays(store: DynamoOrderRepository) -> None:
    await store.save(small_order("order-1"))
    item = await stored(store, head_key("order-1"))
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
async def test_damaged_order_raises_store_unusable(
    store: DynamoOrderRepository, name: str, damage: dict[str, str]
) -> None:
    await store.save(pending_order())
    item = await stored(store, head_key("order-1"))
    del item[name]
    await put(store, item | ({name: damage} if damage else {}))
    with pytest.raises(StoreUnusable, match="the stored data was altered"):
        await store.get_by_id("order-1")


async def test_feed_reports_a_missing_change(store: DynamoOrderRepository) -> None:
    await save_a_delivered_order(store)
    assert len((await store.read_changes(0, 10)).changes) == 4
    await store._table.call("DeleteItem", {"Key": change_key("order-1", 2)})
    with pytest.raises(StoreUnusable, match="restore a backup"):
        await store.read_changes(0, 10)


async def test_save_rejects_more_items_than_a_transaction_takes(store: DynamoOrderRepository) -> None:
    orders = [small_order(f"order-{number}", tags=("gift",)) for number in range(34)]
    with pytest.raises(StoreUnusable, match="at most 99 items at once, and these 34 orders are 102"):
        await store.save(*orders)
    assert {order.version for order in orders} == {0}
    assert await store.get_by_id("order-0") is None
    await store.save(*orders[:33])
    with pytest.raises(ConcurrentUpdate):
        await store.save(orders[0], orders[0])


def test_text_longer_than_a_kilobyte_is_compressed() -> None:
    assert packed(b"x" * 1_024) == {"S": "x" * 1_024}
    assert [*packed(b"x" * 1_025)] == ["B"]


async def test_save_reports_an_order_larger_than_an_item(
    store: DynamoOrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderkeep.infrastructure.dynamo_repo.items.LARGEST_PLAIN", 10**9)
    order = small_order("order-1")
    order.metadata = {f"{number}": "x" * 10_000 for number in range(45)}
    with pytest.raises(StoreUnusable, match="400 KB"):
        await store.save(order)
    assert OrderDTO.of(order).version == 0


RANGES = ((0x21, 0x7F), (0x100, 0x600), (0x3000, 0xD800), (0x10000, 0x110000))
"""Characters of one to four bytes in UTF-8: a text of all of them compresses the least."""


async def test_largest_order_that_compresses_the_least_fits_until_it_is_cancelled(store: DynamoOrderRepository) -> None:
    rare = Random(1)

    def text(length: int) -> str:
        return "".join(chr(rare.randrange(*rare.choice(RANGES))) for _ in range(length))

    lines = tuple(LineDTO(text(64), text(200), 1, rare.randrange(10**9), 0, rare.randrange(10**9)) for _ in range(500))
    fields: dict[str, Any] = {
        "user_id": text(128),
        "external_ref": text(128),
        "total": sum(line.unit_price + line.tax for line in lines),
        "lines": lines,
        "documents": tuple(
            Document(rare.randbytes(32).hex(), "receipt", "text/html", n, 1, n, SINCE) for n in range(100)
        ),
    }
    others = [fields["user_id"], fields["external_ref"], *(text for line in lines for text in (line.sku, line.name))]
    metadata = {text(40): text(500) for _ in range(limits.MAX_METADATA_KEYS)}
    while len("".join([*others, *metadata, *metadata.values()]).encode()) > limits.MAX_TEXT_BYTES:
        metadata.popitem()
    order = small_order("o" * 64, **fields, metadata=metadata)
    order.idempotency_keys = {rare.randbytes(16).hex(): RememberedKey(n, rare.randbytes(16).hex()) for n in range(100)}
    await store.save(order)
    order.cancel(text(100), text(1_000), at=SINCE)
    await store.save(order)
    assert OrderDTO.of(await loaded(store, order.id)) == OrderDTO.of(order)
    item = await stored(store, head_key(order.id))
    assert len(base64.b64decode(item["document"]["B"])) > 320_000
