"""The store's requests to DynamoDB, as recorded: their number, the permissions they need, and their costs."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Iterable
from uuid import uuid4

import pytest

from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderFilter, OrderStore, utc_now
from orderkeep.application.records import KeepsRecords, Record
from orderkeep.application.use_cases.search_orders import SearchOrdersUseCase
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.bootstrap.stores import open_store, table_setup
from orderkeep.domain.attribution import Attribution
from orderkeep.infrastructure.dynamo_repo.items import RECORD_PREFIX, Item, change_key, head_key
from orderkeep.infrastructure.dynamo_repo.setup import DEFAULT_SHARDS
from orderkeep.testing.orders import SINCE, pending_order, place_command
from orderkeep.testing.stores import EVERYTHING
from tests.docs.dynamo_costs import ID, PAGE, PretendedTable, Units, an_order, costs, personal_order, read_of, size_of
from tests.docs.dynamo_tables import OPERATIONS, SETUP_ACTIONS
from tests.docs.pages import CHECKOUT
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange

HOW_TO = CHECKOUT / "docs" / "how-to" / "run" / "dynamodb.md"


@pytest.fixture
async def behind(dynamodb: Server) -> AsyncIterator[tuple[OrderStore, DynamoProxy]]:
    table = await dynamodb.new_table(shards=DEFAULT_SHARDS)
    async with DynamoProxy(dynamodb.endpoint, REGION) as proxy:
        store = open_store(proxy.url_of(table))
        yield store, proxy
        await store.close()


def parts_of(exchange: Exchange) -> Iterable[str]:
    if exchange.operation == "TransactGetItems":
        return ["GetItem"]
    if exchange.operation != "TransactWriteItems":
        return [{"UpdateItem": "Update", "PutItem": "Put"}.get(exchange.operation, exchange.operation)]  # one action
    return [name for action in exchange.payload["TransactItems"] for name in action]


async def test_service_uses_the_documented_permissions_and_no_others(
    behind: tuple[OrderStore, DynamoProxy],
) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    placed = await do.place_order.execute(place_command(), CommandContext(key="placing"))
    order_id = placed.order.id
    await do.place_order.execute(place_command(), CommandContext(key="placing"))
    for change in (do.confirm_order, do.ship_order, do.deliver_order):
        await change.execute(order_id)
    await do.cancel_order.execute((await do.place_order.execute(place_command(2))).order.id)
    await do.get_order.execute(order_id)
    await do.get_order_at.execute(order_id, utc_now())
    await do.get_order_history.execute(order_id)
    for where in (EVERYTHING, OrderFilter("user-1"), OrderFilter(statuses=("pending",)), OrderFilter(tag="express")):
        await do.list_orders.execute(where)
    await do.create_checkpoint.execute()
    key = await do.create_api_key.execute("till", scopes=["orders:read"])
    authenticator = ApiKeyAuthenticator(api_keys_of(store))
    assert await authenticator.authenticate(key.key)
    await authenticator.close()
    assert (await do.list_api_keys.execute()).keys[0].last_used_at
    await do.revoke_api_key.execute(key.kept.id)
    assert isinstance(store, KeepsRecords)
    written = await store.records().write_records([Record("cursor", "a", "1"), Record("cursor", "b", "1")])
    assert await store.records().get_records("cursor", ["a", "b"]) == written
    await store.records().write_records([], written)
    await do.check_store()
    assert {part for exchange in proxy.exchanges for part in parts_of(exchange)} == set(OPERATIONS)


async def test_verify_only_reads(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    order_id = (await do.place_order.execute(place_command())).order.id
    await do.create_checkpoint.execute()
    await do.confirm_order.execute(order_id)  # is in the inbox, where no reader of the feed has seen it
    proxy.exchanges.clear()
    report = await do.verify_orders.execute()
    assert (report.changes, report.checkpoints, report.problems) == (2, 1, [])
    assert set(proxy.operations()) == {"Scan", "Query", "GetItem", "BatchGetItem"}


async def test_reads_of_orders_are_consistent_and_those_of_lists_are_not(
    behind: tuple[OrderStore, DynamoProxy],
) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    order_id = (await do.place_order.execute(place_command())).order.id
    await do.confirm_order.execute(order_id)
    await do.get_order.execute(order_id)
    await store.read_changes(0, 10)
    assert consistency(proxy) == {"GetItem": {True}, "BatchGetItem": {True}, "Query": {True}, "by_inbox": {False}}
    proxy.exchanges.clear()
    await do.list_orders.execute()
    assert consistency(proxy) == {"by_time": {False}, "BatchGetItem": {False}}


async def test_commands_and_reads_take_the_fewest_round_trips(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    do = build_use_cases(store)

    async def requests_of(work: Awaitable[object]) -> list[str]:
        proxy.exchanges.clear()
        await work
        return proxy.operations()

    placing, cancelling = CommandContext(key="placing"), CommandContext(key="cancelling")
    placed = await do.place_order.execute(place_command(1), placing)  # reads the table's settings
    place, cancel = do.place_order.execute, do.cancel_order.execute
    assert await requests_of(place(place_command(2), CommandContext(key="other"))) == ["TransactWriteItems"]
    assert await requests_of(place(place_command(3))) == ["TransactWriteItems"]
    replay = ["TransactWriteItems", "GetItem", "GetItem"]  # the insert is rejected, then order and change are read
    assert await requests_of(place(place_command(1), placing)) == replay
    assert await requests_of(cancel(placed.order_id, cancelling)) == ["GetItem", "TransactWriteItems"]
    assert await requests_of(cancel(placed.order_id, cancelling)) == ["GetItem", "GetItem"]
    assert await requests_of(do.get_order.execute(placed.order_id)) == ["GetItem"]
    assert await requests_of(do.list_orders.execute(OrderFilter("user-1"))) == ["Query", "BatchGetItem"]
    assert await requests_of(do.list_orders.execute()) == ["Query"] * DEFAULT_SHARDS + ["BatchGetItem"]
    by_label, found = ["Query"] * DEFAULT_SHARDS, ["BatchGetItem"]
    for text, expected in (
        ("web-1", ["GetItem", "Query", *by_label, *found]),
        (placed.order_id, ["GetItem", "Query", *by_label]),
        (f"{placed.order_id[:8]} and more", ["Query", *by_label]),
        ("anna@example.com", ["Query", *by_label, *by_label]),
    ):
        assert sorted(await requests_of(do.search_orders.execute(text))) == sorted(expected), text


def consistency(proxy: DynamoProxy) -> dict[str, set[bool]]:
    """Return the consistency of each operation's reads, or of each index's."""
    found: dict[str, set[bool]] = {}
    for exchange in proxy.exchanges:
        if exchange.operation == "TransactWriteItems":
            continue
        requests = exchange.payload.get("RequestItems", {"": exchange.payload}).values()
        for request in requests:
            found.setdefault(request.get("IndexName", exchange.operation), set()).add(request["ConsistentRead"])
    return found


async def test_setup_uses_the_documented_permissions(dynamodb: Server) -> None:
    table = f"orders-{uuid4()}"
    async with DynamoProxy(dynamodb.endpoint, REGION) as proxy:
        for options in ({}, {"deletion_protection": True}):
            setup = table_setup(proxy.url_of(table))
            await setup.create(**options)
            await setup.close()
        used = set(proxy.operations())
    assert used == set(SETUP_ACTIONS) - {"UpdateContinuousBackups"}  # which DynamoDB Local does not know


def test_documented_policy_allows_what_the_service_uses_and_nothing_else() -> None:
    (policy,) = re.findall(r"```json\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), flags=re.DOTALL)
    orders, records = json.loads(policy)["Statement"]
    assert sorted([*orders["Action"], *records["Action"]]) == sorted(action for action, _ in OPERATIONS.values())
    assert records["Action"] == ["dynamodb:DeleteItem"]
    assert records["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{RECORD_PREFIX}*"]}}


class Meter:
    """Adds up the costs of recorded requests."""

    def __init__(self, proxy: DynamoProxy) -> None:
        self.proxy, self.table = proxy, PretendedTable()

    def read(self) -> Units:
        """Return the cost of the requests since the last call."""
        units = Units()
        for exchange in self.proxy.exchanges:
            units += self._cost(exchange)
        self.proxy.exchanges.clear()
        return units

    def _cost(self, exchange: Exchange) -> Units:
        if exchange.operation == "TransactWriteItems":
            items = exchange.payload["TransactItems"]
            return self.table.transact((name, action) for item in items for name, action in item.items())
        if exchange.operation == "BatchGetItem":
            ((name, request),) = exchange.payload["RequestItems"].items()
            sizes = [size_of(item) for item in exchange.response["Responses"][name]]
            return read_of(sizes, consistent=request["ConsistentRead"])
        items = exchange.response.get("Items") or [exchange.response.get("Item", {})]
        return read_of([sum(map(size_of, items))], consistent=exchange.payload["ConsistentRead"])


async def test_each_use_case_costs_what_the_docs_say(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    documented = dict(costs())
    meter, order = Meter(proxy), an_order()
    await store.ping()
    assert meter.read() == documented["check the store for `/readyz`"]

    async def save(key: str) -> Units:
        order.set_attribution(
            Attribution("customer:user-42-of-the-shop", f"{key:0<32}", "f" * 32, "4bf92f3577b34da6a3ce929d")
        )
        await store.save(order)
        return meter.read()

    await store.save(pending_order())  # reads the table's settings
    meter.read()
    assert await save("placing") == documented["place an order with two tags"]
    assert await store.get_snapshot(ID) is not None
    get = meter.read()
    assert get == documented["get an order"]
    assert len((await SearchOrdersUseCase(store).execute("web-7781-2026")).orders) == 1
    assert meter.read() == documented["search and find one order"]
    order.confirm(at=SINCE)
    assert get + await save("confirming") == documented["confirm, ship, deliver or cancel it"]
    assert await store.get_change(ID, 2) is not None
    assert get + meter.read() == documented["replay a repeated key"]

    for key in (head_key(ID), change_key(ID, 1), change_key(ID, 2)):
        stored: Item | None = await store._table.get(key)  # type: ignore[attr-defined]
        assert stored is not None
        assert without_time(stored) == without_time(meter.table.at(key))
    meter.read()
    page = await store.read_changes(0, PAGE)
    assert len(page.changes) == 3
    meter.read()
    assert (await store.read_changes(page.position, PAGE)).changes == ()
    assert meter.read() == documented["poll the feed when nothing is new"]

    assert isinstance(store, KeepsRecords)
    [record] = await store.records().write_records([Record("cursor", "a", "1")])
    assert meter.read() == documented["write a record of up to 1 KB"]
    assert await store.records().get_records("cursor", ["a"]) == [record]
    assert meter.read() == documented["read a record of up to 4 KB"]


async def test_personal_data_costs_what_the_docs_say(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    meter, order = Meter(proxy), personal_order()
    await store.save(pending_order())  # reads the table's settings
    proxy.exchanges.clear()
    order.set_attribution(
        Attribution("customer:user-42-of-the-shop", f"{'placing':0<32}", "f" * 32, "4bf92f3577b34da6a3ce929d")
    )
    await store.save(order)
    assert meter.read() == dict(costs())["place an order with personal data"]
    assert await store.get_snapshot(ID) is not None
    assert [*await store.get_personal_data([ID])] == [ID]
    assert meter.read() == dict(costs())["get an order with personal data"]


def without_time(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "committed"}


@pytest.mark.parametrize(
    "words, where",
    [("list 50 orders of a user", OrderFilter("user-42-of-the-shop")), ("list 50 orders of all", EVERYTHING)],
)
async def test_page_of_a_list_costs_what_the_docs_say(
    behind: tuple[OrderStore, DynamoProxy], words: str, where: OrderFilter
) -> None:
    store, proxy = behind
    for number in range(2 * PAGE):
        order = an_order()
        order.id = f"{ID[:-3]}{number:03}"
        order.set_attribution(
            Attribution("customer:user-42-of-the-shop", f"{number:032}", "f" * 32, "4bf92f3577b34da6a3ce929d")
        )
        await store.save(order)
    proxy.exchanges.clear()
    assert len((await store.list_page(where, None, PAGE)).documents) == PAGE
    assert Meter(proxy).read() == dict(costs())[words]


async def test_records_are_requested_by_keys_that_dynamodb_accepts(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    assert isinstance(store, KeepsRecords)
    records = store.records()
    for length in range(1_020, 1_026):
        assert await records.get_records("cursor", ["x" * length]) == []
        assert await records.list_records("cursor", "x" * length) == []
    keys = [exchange.payload["Key"]["sk"]["S"] for exchange in proxy.exchanges if exchange.operation == "GetItem"]
    assert max(map(len, keys)) == 1_024
