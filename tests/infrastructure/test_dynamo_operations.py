"""What the store asks of DynamoDB, as recorded: no more than the page says it must be allowed to, at its costs."""

import json
import re
from collections.abc import AsyncIterator, Iterable
from uuid import uuid4

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderFilter, OrderStore, utc_now
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import api_key_authenticator
from orderkeep.bootstrap.stores import open_store, table_setup
from orderkeep.domain.events import Attribution
from orderkeep.infrastructure.dynamo_repo.items import Item, change_key, head_key
from orderkeep.infrastructure.dynamo_repo.setup import DEFAULT_SHARDS
from orderkeep.testing.orders import SINCE, pending_order, place_command
from orderkeep.testing.reading import EVERYTHING
from tests.docs.dynamo_costs import ID, PAGE, PretendedTable, Units, an_order, costs, read_of, size_of
from tests.docs.dynamo_tables import OPERATIONS, SETUP_ACTIONS
from tests.docs.pages import CHECKOUT
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import Asked, DynamoProxy

HOW_TO = CHECKOUT / "docs" / "how-to" / "run-on-dynamodb.md"


@pytest.fixture
async def behind(dynamodb: Server) -> AsyncIterator[tuple[OrderStore, DynamoProxy]]:
    table = await dynamodb.new_table(shards=DEFAULT_SHARDS)
    async with DynamoProxy(dynamodb.endpoint, REGION) as proxy:
        store = open_store(proxy.url_of(table))
        yield store, proxy
        await store.close()


def parts_of(asked: Asked) -> Iterable[str]:
    if asked.operation != "TransactWriteItems":
        return [asked.operation.replace("UpdateItem", "Update")]  # the same action allows both
    return [name for action in asked.payload["TransactItems"] for name in action]


async def test_the_service_asks_for_what_the_page_lists_and_nothing_else(
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
    for where in (EVERYTHING, OrderFilter("user-1"), OrderFilter(status="pending"), OrderFilter(tag="express")):
        await do.list_orders.execute(where)
    assert (await do.verify_orders.execute()).problems == []
    key = await do.create_api_key.execute("till", scopes=["orders:read"])
    authenticator = api_key_authenticator(store)
    assert await authenticator.authenticate(key.key)
    await authenticator.close()
    assert (await do.list_api_keys.execute()).keys[0].last_used_at
    await do.revoke_api_key.execute(key.kept.id)
    await do.check_store()
    assert {part for asked in proxy.asked for part in parts_of(asked)} == set(OPERATIONS)


async def test_reads_that_decide_are_consistent_and_those_of_lists_are_not(
    behind: tuple[OrderStore, DynamoProxy],
) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    order_id = (await do.place_order.execute(place_command())).order.id
    await do.confirm_order.execute(order_id)
    await do.get_order.execute(order_id)
    await store.read_changes(None, 10)
    assert consistency(proxy) == {"GetItem": {True}, "BatchGetItem": {True}, "Query": {True}, "by_inbox": {False}}
    proxy.asked.clear()
    await do.list_orders.execute()
    assert consistency(proxy) == {"by_time": {False}, "BatchGetItem": {False}}


def consistency(proxy: DynamoProxy) -> dict[str, set[bool]]:
    """Return how each operation, or each index, was read."""
    found: dict[str, set[bool]] = {}
    for asked in proxy.asked:
        if asked.operation == "TransactWriteItems":
            continue
        requests = asked.payload.get("RequestItems", {"": asked.payload}).values()
        for request in requests:
            found.setdefault(request.get("IndexName", asked.operation), set()).add(request["ConsistentRead"])
    return found


async def test_setting_up_asks_for_what_the_page_lists(dynamodb: Server) -> None:
    table = f"orders-{uuid4()}"
    async with DynamoProxy(dynamodb.endpoint, REGION) as proxy:
        for options in ({}, {"deletion_protection": True}):
            setup = table_setup(proxy.url_of(table))
            await setup.create(**options)
            await setup.close()
        asked = set(proxy.operations())
    assert asked == set(SETUP_ACTIONS) - {"UpdateContinuousBackups"}  # which DynamoDB Local does not know


def test_the_policy_to_copy_allows_what_the_service_asks_for_and_nothing_else() -> None:
    (policy,) = re.findall(r"```json\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), flags=re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    assert sorted(statement["Action"]) == sorted(action for action, _ in OPERATIONS.values())


class Meter:
    """Adds up what recorded requests cost."""

    def __init__(self, proxy: DynamoProxy) -> None:
        self.proxy, self.table = proxy, PretendedTable()

    def read(self) -> Units:
        """Return what was asked since the last reading cost."""
        units = Units()
        for asked in self.proxy.asked:
            units += self._cost(asked)
        self.proxy.asked.clear()
        return units

    def _cost(self, asked: Asked) -> Units:
        if asked.operation == "TransactWriteItems":
            items = asked.payload["TransactItems"]
            return self.table.transact((name, action) for item in items for name, action in item.items())
        if asked.operation == "BatchGetItem":
            ((name, request),) = asked.payload["RequestItems"].items()
            sizes = [size_of(item) for item in asked.answer["Responses"][name]]
            return read_of(sizes, consistent=request["ConsistentRead"])
        items = asked.answer.get("Items") or [asked.answer.get("Item", {})]
        return read_of([sum(map(size_of, items))], consistent=asked.payload["ConsistentRead"])


async def test_each_use_case_costs_what_the_page_says(behind: tuple[OrderStore, DynamoProxy]) -> None:
    store, proxy = behind
    said = dict(costs())
    meter, order = Meter(proxy), an_order()
    await store.ping()
    meter.read()

    async def save(key: str) -> Units:
        order.set_attribution(
            Attribution("customer:user-42-of-the-shop", f"{key:0<32}", "f" * 32, "4bf92f3577b34da6a3ce929d")
        )
        await store.save(order)
        return meter.read()

    await store.save(pending_order())  # so that the table's settings are known
    meter.read()
    assert await store.get_by_id(ID) is None
    looking = meter.read()
    assert looking + await save("placing") == said["place an order with two tags"]
    assert await store.get_snapshot(ID) is not None
    get = meter.read()
    assert get == said["get an order"]
    order.confirm(at=SINCE)
    assert get + await save("confirming") == said["confirm, ship, deliver or cancel it"]
    assert await store.get_change(ID, 2) is not None
    assert get + meter.read() == said["answer a repeated key"]

    for key in (head_key(ID), change_key(ID, 1), change_key(ID, 2)):
        kept: Item | None = await store._table.get(key)  # type: ignore[attr-defined]
        assert kept is not None
        assert without_moment(kept) == without_moment(meter.table.at(key))
    meter.read()
    page = await store.read_changes(None, PAGE)
    assert len(page.changes) == 3
    meter.read()
    assert (await store.read_changes(page.position, PAGE)).changes == ()
    assert meter.read() == said["look whether the feed has something new"]


def without_moment(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "committed"}


@pytest.mark.parametrize(
    "words, where",
    [("list 50 orders of a user", OrderFilter("user-42-of-the-shop")), ("list 50 orders of all", EVERYTHING)],
)
async def test_a_page_of_a_list_costs_what_the_page_says(
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
    proxy.asked.clear()
    assert len(await store.list_snapshots(where, None, PAGE + 1)) == PAGE + 1
    assert Meter(proxy).read() == dict(costs())[words]
