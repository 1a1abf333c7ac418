"""The feed over a lagging index: nothing is skipped or repeated, and the changes of an order keep their order."""

import random
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository, feed, saves
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import change_key
from orderkeep.infrastructure.serialization import commit_of
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import read_feed, save_a_delivered_order, save_all
from tests.infrastructure.dynamo_samples import recorded_pauses, store_behind_a_proxy
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange, Json, Reject
from tests.torture.reads_under_writes import read_feed_beside_writers

Behind = tuple[OrderStore, DynamoProxy]


@pytest.fixture
async def behind(dynamodb: Server) -> AsyncIterator[Behind]:
    async with store_behind_a_proxy(dynamodb) as found:
        yield found


def is_inbox(exchange: Exchange) -> bool:
    return exchange.payload.get("IndexName") == "by_inbox"


async def test_changes_that_the_index_shows_late_are_not_skipped(behind: Behind) -> None:
    store, proxy = behind
    chance = random.Random(3)

    def late(exchange: Exchange) -> Json:
        if is_inbox(exchange):
            exchange.response["Items"] = [item for item in exchange.response["Items"] if chance.random() < 0.4]
        return exchange.response

    proxy.after = late
    await read_feed_beside_writers_then_settle(store, proxy)


async def read_feed_beside_writers_then_settle(store: OrderStore, proxy: DynamoProxy) -> None:
    """Read the feed page by page during writes, then with an index that has caught up: every change came once."""
    written: set[tuple[str, int]] = set()
    received: list[ChangeDTO] = []
    position = 0
    for number in range(12):
        order = small_order(f"order-{number}")
        for move in (None, order.confirm, order.ship):
            if move:
                move(at=SINCE)
            await store.save(order)
            written.add((order.id, order.version))
        page = await store.read_changes(position, 5)
        received += page.changes
        position = page.position
    proxy.after = lambda exchange: exchange.response
    received += await read_feed(store, position)
    places = [(change.order_id, change.version) for change in received]
    assert len(places) == len(set(places))
    assert set(places) == written
    for order_id in {order_id for order_id, _ in places}:
        assert [version for of, version in places if of == order_id] == [1, 2, 3]
    assert [(change.order_id, change.version) for change in await read_feed(store)] == places


async def test_change_that_the_index_shows_before_its_predecessor_waits_for_it(behind: Behind) -> None:
    store, proxy = behind

    def newest_only(exchange: Exchange) -> Json:
        if is_inbox(exchange):
            exchange.response["Items"] = [item for item in exchange.response["Items"] if item["sk"]["S"].endswith("4")]
        return exchange.response

    proxy.after = newest_only
    changes = await save_a_delivered_order(store)
    assert await read_feed(store) == changes


async def test_changes_that_the_index_still_shows_are_not_repeated(behind: Behind) -> None:
    store, proxy = behind
    seen: dict[str, Json] = {}

    def never_removed(exchange: Exchange) -> Json:
        if is_inbox(exchange):
            seen.update({str(item["pk"]) + str(item["sk"]): item for item in exchange.response["Items"]})
            exchange.response["Items"] = list(seen.values())
        return exchange.response

    proxy.after = never_removed
    changes = await save_a_delivered_order(store)
    assert await read_feed(store, size=3) == changes
    changes += await save_a_delivered_order(store, "order-2")
    assert await read_feed(store, size=1) == changes


async def test_assigns_positions_to_more_changes_than_a_transaction_takes(behind: Behind) -> None:
    store, _ = behind
    count = await read_feed_beside_writers(store, writers=3, orders_each=8, readers=1, page=200)
    assert count.commits == 3 * 8 * 5 > feed.MOST_APPENDED
    assert len(await read_feed(store, size=7)) == count.commits


async def test_appends_no_more_than_a_transaction_takes_with_predecessors(behind: Behind) -> None:
    store, proxy = behind
    orders = [small_order(f"order-{number:02}") for number in range(60)]
    await save_all(store, orders)
    for order in orders:
        order.confirm(at=SINCE)
    await save_all(store, orders)

    def second_versions_only(exchange: Exchange) -> Json:
        if is_inbox(exchange):
            exchange.response["Items"] = [item for item in exchange.response["Items"] if item["sk"]["S"].endswith("2")]
        return exchange.response

    proxy.after = second_versions_only
    assert len(await read_feed(store, size=200)) == 120


async def test_reads_on_if_another_reader_has_emptied_the_inbox(behind: Behind) -> None:
    store, proxy = behind
    changes = await save_a_delivered_order(store)
    assert await read_feed(store) == changes
    left = 1

    def as_before_the_other_reader(exchange: Exchange) -> Json:
        nonlocal left
        if left and exchange.operation == "Query" and "IndexName" not in exchange.payload:
            left -= 1
            exchange.response["Items"] = []
        return exchange.response

    proxy.after = as_before_the_other_reader
    assert list((await store.read_changes(0, 10)).changes) == changes


async def test_denied_append_to_the_log_is_reported(behind: Behind) -> None:
    store, proxy = behind
    changes = await save_a_delivered_order(store)
    denied = iter([Reject("AccessDeniedException")])

    def deny_once(operation: str, payload: Json) -> None:
        if operation == "TransactWriteItems" and (rejection := next(denied, None)):
            raise rejection

    proxy.before = deny_once
    with pytest.raises(StoreUnavailable, match="allow the actions"):
        await store.read_changes(0, 10)
    assert await read_feed(store) == changes


async def test_reader_waits_longer_each_time_another_one_appends_first(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, proxy = behind
    changes = await save_a_delivered_order(store)
    longest = recorded_pauses(monkeypatch)
    first = iter(range(7))

    def be_late(operation: str, payload: Json) -> None:
        if operation == "TransactWriteItems" and next(first, None) is not None:
            raise Reject("TransactionCanceledException", reasons=("ConditionalCheckFailed",))

    proxy.before = be_late
    assert await read_feed(store) == changes
    assert longest == [0.02, 0.04, 0.08, 0.16, 0.32, 0.32, 0.32]


async def test_clock_going_back_does_not_reorder_an_orders_changes(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = behind
    timestamps = iter(range(9_000, 0, -1_000))
    monkeypatch.setattr(
        "orderkeep.infrastructure.dynamo_repo.saves.timestamps", lambda count: [f"{next(timestamps):018}"]
    )
    changes = await save_a_delivered_order(store)
    assert await read_feed(store) == changes


async def test_reading_changes_with_positions_writes_nothing(behind: Behind) -> None:
    store, proxy = behind
    await save_a_delivered_order(store)
    first = await read_feed(store)
    proxy.exchanges.clear()
    assert await read_feed(store) == first
    assert "TransactWriteItems" not in proxy.operations()


async def test_save_that_commits_late_is_skipped_by_a_cursor_by_time_and_not_by_the_feed(dynamodb: Server) -> None:
    store = DynamoOrderRepository(await dynamodb.new_table(), region=REGION, endpoint=dynamodb.endpoint)
    table = store._table
    slow = list(saves.actions_of(commit_of(small_order("order-1")), "0" * 32, saves.timestamps(1)[0], 1))
    await store.save(small_order("order-2"))
    seen, page = await changes_after(table, ""), await store.read_changes(0, 10)
    await table.transact(slow)
    await store.save(small_order("order-3"))
    seen += await changes_after(table, max(committed for committed, _ in seen))
    rest = await store.read_changes(page.position, 10)
    assert [order_id for _, order_id in seen] == ["order-2", "order-3"]
    assert [change.order_id for change in (*page.changes, *rest.changes)] == ["order-2", "order-1", "order-3"]
    await store.close()


async def changes_after(table: OrdersTable, last: str) -> list[tuple[str, str]]:
    """Return the changes after a time of the commit, as a reader with a cursor by insert key does."""
    items = [item async for page in table.scan("pk, committed") for item in page if "committed" in item]
    return sorted((item["committed"]["S"], item["pk"]["S"][2:]) for item in items if item["committed"]["S"] > last)


async def test_change_of_an_earlier_version_without_its_position_is_found_in_the_log(behind: Behind) -> None:
    store, _ = behind
    changes = [*await save_a_delivered_order(store), *await save_a_delivered_order(store, "order-2")]
    assert await read_feed(store) == changes
    table = store._table  # type: ignore[attr-defined]
    remove = {"Key": change_key("order-2", 3), "UpdateExpression": "REMOVE #position"}
    await table.call("UpdateItem", remove | {"ExpressionAttributeNames": {"#position": "position"}})
    assert await store.position_of_change("order-2", 3) == 7
    assert await store.position_of_change("order-2", 4) == 8


async def test_change_that_the_index_does_not_show_yet_has_no_position(behind: Behind) -> None:
    store, proxy = behind

    def empty(exchange: Exchange) -> Json:
        return exchange.response | ({"Items": []} if is_inbox(exchange) else {})

    await save_a_delivered_order(store)
    proxy.after = empty
    assert await store.position_of_change("order-1", 4) is None
    proxy.after = lambda exchange: exchange.response
    assert await store.position_of_change("order-1", 4) == 4


async def test_position_beyond_the_log_is_rejected(behind: Behind) -> None:
    store, _ = behind
    changes = await save_a_delivered_order(store)
    for position in (len(changes) + 1, 10**17):
        with pytest.raises(InvalidCursor):
            await store.read_changes(position, 10)
