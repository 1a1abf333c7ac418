"""Lists over lagging indexes, and what they cost."""

import json
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.errors import NoOrderMatches
from orderkeep.application.ports import ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.application.use_cases.find_order import FindOrderUseCase
from orderkeep.application.use_cases.list_orders import as_stored
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.dynamo_repo import client, items, repository
from orderkeep.infrastructure.dynamo_repo.items import INDEXES, Item, head_item, packed, partitions_of, tag_item
from orderkeep.infrastructure.dynamo_repo.lists import next_batch
from orderkeep.infrastructure.serialization import ChangeRecord, commit_of
from orderkeep.testing.orders import SINCE, large_order, pending_order, small_order
from orderkeep.testing.stores import EVERYTHING, loaded, save_all
from tests.infrastructure.dynamo_samples import store_behind_a_proxy
from tests.servers.dynamodb import Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange, Json

Behind = tuple[OrderStore, DynamoProxy]


def ids_on(page: SnapshotPage) -> list[str]:
    return [json.loads(document)["id"] for document in page.documents]


@pytest.fixture
async def behind(dynamodb: Server) -> AsyncIterator[Behind]:
    async with store_behind_a_proxy(dynamodb) as found:
        yield found


async def test_order_that_left_a_list_is_not_shown_while_the_index_lags(behind: Behind) -> None:
    store, proxy = behind
    await save_all(store, [small_order(f"order-{number}") for number in range(6)])
    pending = OrderFilter(statuses=("pending",))
    then: dict[str, Json] = {}

    def remember(exchange: Exchange) -> Json:
        if exchange.operation == "Query":
            then[str(exchange.payload["ExpressionAttributeValues"])] = exchange.response
        return exchange.response

    def as_then(exchange: Exchange) -> Json:
        return then.get(str(exchange.payload.get("ExpressionAttributeValues")), exchange.response)

    proxy.after = remember
    assert len((await store.list_page(pending, None, 4)).documents) == 4
    moved = await loaded(store, "order-5")
    moved.confirm(at=SINCE)
    await store.save(moved)
    proxy.after = as_then

    assert ids_on(await store.list_page(pending, None, 4)) == ["order-4", "order-3", "order-2", "order-1"]


async def test_order_whose_tag_was_removed_is_not_shown_while_the_index_lags(behind: Behind) -> None:
    store, proxy = behind
    await save_all(store, [small_order(f"order-{number}", tags=("gift", "late")) for number in range(3)])
    gifts, on_hold = OrderFilter(tag="gift"), as_stored(OrderFilter(on_hold=True))
    for number in (1, 2):
        held = await loaded(store, f"order-{number}")
        held.put_on_hold("address", at=SINCE)
        await store.save(held)
    then: dict[str, Json] = {}

    def remember(exchange: Exchange) -> Json:
        if exchange.operation == "Query":
            then[str(exchange.payload["ExpressionAttributeValues"])] = exchange.response
        return exchange.response

    def as_then(exchange: Exchange) -> Json:
        return then.get(str(exchange.payload.get("ExpressionAttributeValues")), exchange.response)

    proxy.after = remember
    for where in (gifts, on_hold):
        assert ids_on(await store.list_page(where, None, 4))[:2] == ["order-2", "order-1"]
    changed = await loaded(store, "order-2")
    changed.tags = ("late",)
    changed.release(at=SINCE)
    await store.save(changed)
    proxy.after = as_then

    assert ids_on(await store.list_page(gifts, None, 4)) == ["order-1", "order-0"]
    assert ids_on(await store.list_page(on_hold, None, 4)) == ["order-1"]


async def test_order_that_moves_between_listed_statuses_is_shown_once(behind: Behind) -> None:
    store, proxy = behind
    both = OrderFilter(statuses=("pending", "processing"))
    await save_all(store, [small_order(f"order-{number}") for number in range(6)])
    partition = ":value"
    entries: list[Json] = []

    def remember(exchange: Exchange) -> Json:
        if exchange.operation == "Query":
            entries.extend(exchange.response["Items"])
        return exchange.response

    def still_there(exchange: Exchange) -> Json:  # the index also has the entries of before
        if exchange.operation == "Query":
            status = exchange.payload["ExpressionAttributeValues"][partition]["S"]
            left = [entry for entry in entries if entry["status_shard"]["S"] == status]
            exchange.response["Items"] = left or exchange.response["Items"]
        return exchange.response

    proxy.after = remember
    await store.list_page(both, None, 9)
    moved = await loaded(store, "order-3")
    moved.confirm(at=SINCE)
    await store.save(moved)
    proxy.after = still_there

    for limit in (9, 3):
        page = await store.list_page(both, None, limit)
        assert ids_on(page) == [f"order-{number}" for number in range(5, -1, -1)][:limit]


async def test_page_cost_does_not_depend_on_the_number_of_orders(behind: Behind) -> None:
    store, proxy = behind
    orders = [small_order(f"order-{number:03}", tags=("gift",), external_ref=f"web-{number}") for number in range(60)]
    await save_all(store, orders)
    for where in (EVERYTHING, OrderFilter("user-42"), OrderFilter(statuses=("pending",)), OrderFilter(tag="gift")):
        proxy.exchanges.clear()
        assert len((await store.list_page(where, ListPosition(SINCE, "order-050"), 6)).documents) == 6
        queries = [exchange for exchange in proxy.exchanges if exchange.operation == "Query"]
        assert sum(exchange.response["ScannedCount"] for exchange in queries) <= 9 * len(queries)
        assert proxy.operations().count("BatchGetItem") == 1


async def test_page_reads_only_the_documents_it_returns(behind: Behind) -> None:
    store, proxy = behind
    await save_all(store, [small_order(f"order-{number}") for number in range(9)])
    for where in (EVERYTHING, OrderFilter("user-42")):
        proxy.exchanges.clear()
        page = await store.list_page(where, None, 8)
        assert page.next == ListPosition(SINCE, "order-1")
        (batch,) = [exchange for exchange in proxy.exchanges if exchange.operation == "BatchGetItem"]
        ((_, request),) = batch.payload["RequestItems"].items()
        assert len(request["Keys"]) == 8
        assert "requests" not in request["ExpressionAttributeNames"].values()


async def test_page_reads_few_documents_before_their_size_is_known(behind: Behind) -> None:
    """A document has up to 400 KB: a batch is as many as fit if they are as large, and at most twice those found."""
    store, proxy = behind
    await store.save(*(small_order(f"order-{number:02}") for number in range(40, 60)))
    await save_all(store, [large_order(f"order-{number:02}") for number in range(20, 40)])
    await save_all(store, [small_order(f"order-{number:02}") for number in range(20)])

    def batches() -> list[int]:
        requests = [each.payload["RequestItems"] for each in proxy.exchanges if each.operation == "BatchGetItem"]
        return [len(request["Keys"]) for of_table in requests for request in of_table.values()]

    proxy.exchanges.clear()
    assert len((await store.list_page(EVERYTHING, None, 200)).documents) == 24
    assert batches() == [20, 40]
    proxy.exchanges.clear()
    assert len((await store.list_page(EVERYTHING, ListPosition(SINCE, "order-40"), 200)).documents) == 4
    assert batches() == [20]


def test_batch_is_what_fits_and_at_most_twice_what_was_read() -> None:
    small, large = 300, 200_000
    assert [next_batch(0, 0, limit) for limit in (200, 7)] == [20, 7]
    assert [next_batch(20, 20 * small, limit) for limit in (200, 50, 20)] == [40, 30, 0]
    assert next_batch(60, 60 * small, 200) == 100  # as many as BatchGetItem accepts
    assert next_batch(4, 4 * large, 200) == 2


async def test_large_changes_that_are_small_when_compressed_are_unpacked_one_by_one(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = behind
    order = large_order("order-1")
    for _ in range(9):
        await store.save(order)
    unpacked = 0

    def change_record_of(item: Item) -> ChangeRecord:
        nonlocal unpacked
        unpacked += 1
        return items.change_record_of(item)

    monkeypatch.setattr(repository, "change_record_of", change_record_of)
    assert len(await store.list_changes("order-1", 0, 200)) == 4
    assert len((await store.read_changes(0, 200)).changes) == 4
    assert unpacked == 2 * 5


async def test_list_of_a_user_id_that_fits_into_the_keys_of_some_statuses_is_empty(behind: Behind) -> None:
    store, proxy = behind
    where = OrderFilter("u" * (items.LONGEST_KEY - len("pending#")), statuses=("pending", "cancelled"))
    assert await store.list_page(where, None, 9) == SnapshotPage(b"", None)
    assert "Query" not in proxy.operations()  # DynamoDB would reject the longer key, which DynamoDB Local accepts


async def test_keys_that_a_batch_leaves_unprocessed_are_requested_again(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.001)
    store, proxy = behind
    await save_all(store, [small_order(f"order-{number}") for number in range(8)])
    processed = 3

    def partly(exchange: Exchange) -> Json:
        if exchange.operation == "BatchGetItem":
            ((table, request),) = exchange.payload["RequestItems"].items()
            done = [{"pk": item["pk"], "sk": item["sk"]} for item in exchange.response["Responses"][table][:processed]]
            left = {"Keys": [key for key in request["Keys"] if key not in done]}
            exchange.response["Responses"][table] = exchange.response["Responses"][table][:processed]
            exchange.response["UnprocessedKeys"] = {table: request | left} if left["Keys"] else {}
        return exchange.response

    proxy.after = partly
    assert ids_on(await store.list_page(EVERYTHING, None, 8)) == [f"order-{number}" for number in range(7, -1, -1)]
    assert proxy.operations().count("BatchGetItem") == 3
    processed = 0
    with pytest.raises(StoreUnavailable, match="limits the rate"):
        await store.list_page(EVERYTHING, None, 8)
    assert proxy.operations().count("BatchGetItem") == 3 + client.ATTEMPTS


def test_every_filter_queries_keys_that_a_save_writes() -> None:
    order = commit_of(pending_order(tags=("gift", "a#b"), user_id="user#1")).order
    shards = 3
    written = head_item(order, packed(order.document), shards)
    by_tag = tag_item(order, "a#b", shards)
    for user in (None, "user#1"):
        for where in (
            OrderFilter(user),
            OrderFilter(user, statuses=("pending", "shipped")),
            OrderFilter(user, external_ref="web-1"),
            OrderFilter(user, tag="a#b"),
        ):
            index, partitions = partitions_of(where, shards)
            attribute, sort_key = INDEXES[index]
            item = by_tag if where.tag else written
            assert item[attribute]["S"] in partitions, where
            assert sort_key == "placed"
            assert sort_key in item


def test_different_labels_and_users_have_different_keys() -> None:
    one = partitions_of(OrderFilter("b#c", tag="a"), 1)
    other = partitions_of(OrderFilter("c", tag="a#b"), 1)
    assert one != other


async def test_filters_that_cannot_be_keys_list_nothing(behind: Behind) -> None:
    store, proxy = behind
    await store.ping()
    proxy.exchanges.clear()
    for absurd in ("", "\ud800", "u" * 3_000):
        assert await store.list_page(OrderFilter(absurd), None, 10) == SnapshotPage(b"", None)
    assert set(proxy.operations()) <= {"GetItem"}


async def test_order_is_found_by_id_or_reference_but_not_by_prefix(behind: Behind) -> None:
    store, proxy = behind
    find = FindOrderUseCase(store)
    await store.save(small_order("0198f2a1-7c3e", external_ref="web-1042"), small_order("0198f2a1-9d21"))
    assert await find.execute("0198f2a1-7c3e") == await find.execute("web-1042") == "0198f2a1-7c3e"
    proxy.exchanges.clear()
    with pytest.raises(NoOrderMatches, match="; this store cannot find orders by the beginning of an ID"):
        await find.execute("0198f2a1")
    assert proxy.operations() == ["GetItem", "Query"]
