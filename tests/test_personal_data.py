"""Personal data of an order: placed, edited and imported with it, and shown to staff and to its customer."""

import json
from dataclasses import replace

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ports import ListPosition, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.entities import Order, OrderChanges
from orderkeep.domain.exceptions import InvalidEmail, OrderNotFound
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, place_command, small_order
from orderkeep.testing.personal_data import order_of_person, personal_data, problems_of, stored
from orderkeep.testing.stores import loaded, order_in
from tests.test_import_orders import kept_elsewhere

KEY = CommandContext(key="the-key")
OWNER = Actor(ActorKind.CUSTOMER, "user-1")
STAFF = Actor(ActorKind.STAFF, "anna", frozenset({Scope.READ}))
PERSONAL = json.loads(personal_data().json)


class CountingStore(InMemoryOrderRepository):
    reads = 0

    async def get_personal_data(self, order_ids):  # type: ignore[no-untyped-def]
        self.reads += 1
        return await super().get_personal_data(order_ids)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore([order_of_person(1), small_order("order-2", user_id="user-1")])


@pytest.fixture
def do(store: CountingStore) -> UseCases:
    return build_use_cases(store)


def shown(json_of_order: bytes | None) -> dict[str, object]:
    """Return the personal data in an order, which is otherwise a stored document."""
    assert json_of_order is not None
    order = json.loads(json_of_order)
    assert order_in(json_of_order).id == order["id"]
    return {name: order[name] for name in PERSONAL if name in order}


async def test_place_stores_and_returns_personal_data(do: UseCases, store: CountingStore) -> None:
    result = await do.place_order.execute(place_command(personal=personal_data()))
    assert (shown(result.json), result.personal) == (PERSONAL, personal_data())
    assert await stored(store, result.order_id) == {result.order_id: personal_data()}
    assert result.order.personal_data == (await loaded(store, result.order_id)).personal_data
    trial = await do.place_order.execute(place_command(personal=personal_data()), CommandContext(dry_run=True))
    assert (trial.json, trial.personal) == (None, personal_data())


async def test_place_rejects_invalid_personal_data(do: UseCases) -> None:
    with pytest.raises(InvalidEmail):
        await do.place_order.execute(place_command(personal=PersonalData(Customer(email="no"))))


async def test_salts_differ(do: UseCases) -> None:
    orders = [(await do.place_order.execute(place_command(personal=personal_data()))).order for _ in range(2)]
    assert orders[0].personal_data != orders[1].personal_data


async def test_order_without_personal_data_needs_no_further_query(do: UseCases, store: CountingStore) -> None:
    placed = await do.place_order.execute(place_command(9), KEY)
    await do.place_order.execute(place_command(9), KEY)
    await do.confirm_order.execute(placed.order_id)
    await do.get_order.execute(placed.order_id)
    await do.list_orders.execute(OrderFilter(user_id="user-9"))
    await do.edit_order.execute(placed.order_id, {"tags": ("a",)})
    assert store.reads == 0
    assert shown((await do.get_order.execute(placed.order_id)).json) == {}


@pytest.mark.parametrize("actor", [OWNER, STAFF])
async def test_reads_show_it_to_staff_and_to_the_customer(do: UseCases, actor: Actor, store: CountingStore) -> None:
    assert shown((await do.get_order.execute("order-1", actor)).json) == PERSONAL
    page = await do.list_orders.execute(actor=actor)
    assert [shown(order) for order in page.orders] == [PERSONAL, {}]
    exported = [order async for order in do.export_orders.execute(actor=actor)]
    assert [shown(order) for order in exported] == [PERSONAL, {}]
    assert store.reads == 3


async def test_no_other_customer_sees_it(do: UseCases) -> None:
    with pytest.raises(OrderNotFound):
        await do.get_order.execute("order-1", replace(OWNER, id="user-2"))


async def test_commands_return_it_and_history_does_not(do: UseCases) -> None:
    result = await do.confirm_order.execute("order-1", KEY)
    again = await do.confirm_order.execute("order-1", KEY)
    assert shown(result.json) == PERSONAL
    assert (again.personal, again.json) == (personal_data(), None)
    assert (await do.get_order_at.execute("order-1", 1)).personal_data is not None
    assert "Main St" not in repr(await do.get_order_history.execute("order-1"))
    trial = await do.cancel_order.execute("order-1", CommandContext(dry_run=True))
    assert trial.personal == personal_data()


async def test_exports_in_the_document_store_contain_none(do: UseCases) -> None:
    exported = [order async for order in do.export_orders.execute(personal_data=False)]
    assert [shown(order) for order in exported] == [{}, {}]


class OtherQueries(OrderQueries):
    """Orders with a mark, of a source that is no store of ours."""

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return OrderSnapshot(order_id, "user-1", SINCE, 1, b'{"id":"order-1","personal_data":"x"}')

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        raise NotImplementedError


async def test_orders_of_other_sources_are_returned_as_they_are() -> None:
    snapshot = await GetOrderUseCase(OtherQueries()).execute("order-1")
    assert snapshot.json == b'{"id":"order-1","personal_data":"x"}'


async def test_metadata_of_the_same_name_is_no_personal_data(do: UseCases) -> None:
    order = (await do.place_order.execute(place_command(metadata={"personal_data": "x"}))).order
    assert shown((await do.get_order.execute(order.id)).json) == {}


async def test_edit_merges_personal_data(do: UseCases, store: CountingStore) -> None:
    result = await do.edit_order.execute(
        "order-1", {"customer": {"phone": None}, "shipping_address": None, "tags": ("a",)}
    )
    data = personal_data()
    assert data.customer is not None
    after = PersonalData(replace(data.customer, phone=None), None, data.billing_address)
    assert [event.type for event in result.events] == ["PersonalDataChanged", "DetailsChanged"]
    assert (await stored(store, "order-1"), result.personal) == ({"order-1": after}, after)
    unchanged = await do.edit_order.execute("order-1", {"customer": {"phone": None}})
    assert (unchanged.events, unchanged.version, unchanged.personal) == ((), 2, after)
    removed = await do.edit_order.execute("order-1", {"customer": None, "billing_address": None})
    assert (await stored(store, "order-1"), removed.order.personal_data, removed.personal) == ({}, None, None)
    added = await do.edit_order.execute("order-1", {"billing_address": {"city": "Oslo"}})
    assert added.personal == PersonalData(billing_address=Address(city="Oslo"))
    assert await problems_of(store) == []
    with pytest.raises(OrderNotFound):
        await do.edit_order.execute("order-9", {"customer": None})


async def key_used(do: UseCases, changes: OrderChanges) -> CommandResult:
    return await do.edit_order.execute("order-1", changes, KEY)


async def test_key_of_an_edit_is_compared_with_the_stored_data(do: UseCases) -> None:
    changes: OrderChanges = {"customer": {"name": "Ann"}}
    await key_used(do, changes)
    assert (await key_used(do, changes)).replayed
    with pytest.raises(IdempotencyKeyReused):
        await key_used(do, {"customer": {"name": "Ben"}})
    await do.edit_order.execute("order-1", {"customer": {"name": "Cleo"}})  # now it cannot be compared
    assert (await key_used(do, {"customer": {"name": "Ben"}})).replayed


async def test_key_of_a_placement_is_compared_with_the_stored_data(do: UseCases) -> None:
    await do.place_order.execute(place_command(9), KEY)
    assert (await do.place_order.execute(place_command(9), KEY)).replayed
    with pytest.raises(IdempotencyKeyReused):
        await do.place_order.execute(place_command(9, personal=personal_data()), KEY)


async def test_no_fingerprint_depends_on_personal_data(do: UseCases, store: CountingStore) -> None:
    fingerprints = set()
    for number, data in enumerate((None, personal_data(1), personal_data(2))):
        context = CommandContext(key=f"key-{number}")
        order_id = (await do.place_order.execute(place_command(personal=data), context)).order_id
        fingerprints |= {each.fingerprint for each in (await loaded(store, order_id)).idempotency_keys.values()}
    assert len(fingerprints) == 1


class PlainRepository:
    """The article's repository: two methods, and no port of ours."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}

    async def get_by_id(self, order_id: str) -> Order | None:
        return self.orders.get(order_id)

    async def save(self, *orders: Order) -> None:
        self.orders |= {order.id: order for order in orders}


async def test_repository_of_two_methods_gets_the_data_with_the_order() -> None:
    repo = PlainRepository()
    place = PlaceOrderUseCase(repo)  # type: ignore[arg-type]
    result = await place.execute(PlaceOrder(user_id="a", total=1, currency="EUR", personal=personal_data()))
    record = repo.orders[result.order_id].personal_record
    assert (record and record.data, result.personal, result.json) == (personal_data(), personal_data(), None)


async def test_import_stores_personal_data_and_compares_it(do: UseCases, store: CountingStore) -> None:
    order = kept_elsewhere(1)
    for data, outcome in (
        (personal_data(), (1, 0, [])),
        (personal_data(), (0, 1, [])),
        (None, (0, 1, [])),
        (replace(personal_data(), customer=Customer("Ann")), (0, 0, ["already_kept"])),
    ):
        report = await do.import_orders.execute([ImportRow(1, order, personal=data)])
        assert (report.imported, report.unchanged, [each.code for each in report.problems]) == outcome
    assert "differs in customer" in report.problems[0].message
    [imported] = [each for each in await loaded_all(store) if each.external_ref == order.external_ref]
    assert await stored(store, imported.id) == {imported.id: personal_data()}

    await do.erase_personal_data.execute([imported.id])
    report = await do.import_orders.execute([ImportRow(1, order, personal=personal_data())])
    assert (report.unchanged, await stored(store, imported.id)) == (1, {})


async def loaded_all(store: InMemoryOrderRepository) -> list[Order]:
    return [await loaded(store, order_id) for order_id in list(store._orders)]


async def test_import_reports_invalid_personal_data(do: UseCases) -> None:
    row = ImportRow(3, kept_elsewhere(1), personal=PersonalData(Customer(email="no")))
    [problem] = (await do.import_orders.execute([row])).problems
    assert (problem.line, problem.field, problem.code) == (3, "customer/email", "invalid_email")
