"""Erasing personal data: from the order, its receipts and its label, in each order of a user."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from orderkeep.application import documents
from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import IdempotencyKeyReused, InvalidQuery, NotAllowed
from orderkeep.application.use_cases.erase_personal_data import Erasure
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.exceptions import OrderNotFound, StoreUnusable
from orderkeep.domain.limits import MAX_ERASED_ORDERS
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.value_objects import Document
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, place_command, small_order
from orderkeep.testing.personal_data import found_by, order_of_person, personal_data, problems_of, salt_of, stored
from orderkeep.testing.stores import list_orders, loaded
from tests.receipts import PlainReceipts

LATER = SINCE + timedelta(hours=1)
KEY = CommandContext(key="the-key")


class PurgingStore(InMemoryOrderRepository):
    purged = 0

    async def purge(self) -> None:
        await super().purge()
        self.purged += 1


@pytest.fixture
def store() -> PurgingStore:
    orders = [order_of_person(number) for number in (1, 2)]
    return PurgingStore([*orders, order_of_person(3, user_id="user-3"), small_order("order-4", user_id="user-1")])


@pytest.fixture
def files() -> InMemoryDocumentStore:
    return InMemoryDocumentStore()


@pytest.fixture
def do(store: PurgingStore, files: InMemoryDocumentStore) -> UseCases:
    return build_use_cases(store, files, {"html": PlainReceipts()})


async def with_data(store: InMemoryOrderRepository) -> Sequence[str]:
    return sorted(await stored(store, *[f"order-{number}" for number in range(1, 5)]))


async def test_erases_the_given_orders_once(do: UseCases, store: PurgingStore) -> None:
    asked = ["order-1", "order-4", "order-1"]
    assert await do.erase_personal_data.execute(asked) == Erasure(orders=2, erased=1)
    assert await with_data(store) == ["order-2", "order-3"]
    [change] = await store.list_changes("order-1", 1, 10)
    assert [event.type for event in change.events] == ["PersonalDataErased"]
    assert await do.erase_personal_data.execute(asked) == Erasure(orders=2, erased=0)
    assert (await loaded(store, "order-1")).version == 2
    assert await found_by(store, "zoe.1@example.com") == []
    assert await problems_of(store) == []


async def test_erases_all_orders_of_a_user_page_by_page(do: UseCases, store: PurgingStore) -> None:
    await store.save(*[order_of_person(number) for number in range(10, 300)])
    done: list[int] = []
    erasure = await do.erase_personal_data.execute(user_id="user-1", on_progress=done.append)
    assert (erasure, sum(done)) == (Erasure(orders=293, erased=292), 293)
    assert await with_data(store) == ["order-3"]
    assert [order.id for order in await list_orders(store) if order.personal_data] == ["order-3"]
    assert await do.erase_personal_data.execute(user_id="nobody") == Erasure(orders=0, erased=0)


async def test_purges_the_store_once_also_if_nothing_was_left(do: UseCases, store: PurgingStore) -> None:
    await do.erase_personal_data.execute(["order-1", "order-2"])
    await do.erase_personal_data.execute(["order-1"])
    assert store.purged == 2


async def test_dry_run_erases_nothing(do: UseCases, store: PurgingStore, files: InMemoryDocumentStore) -> None:
    await do.issue_receipt.execute("order-1")
    before = dict(files._contents)
    assert await do.erase_personal_data.execute(["order-1"], CommandContext(dry_run=True)) == Erasure(1, 1)
    assert await with_data(store) == ["order-1", "order-2", "order-3"]
    assert (files._contents, store.purged) == (before, 0)


async def test_unknown_order_is_reported_before_anything_is_erased(do: UseCases, store: PurgingStore) -> None:
    with pytest.raises(OrderNotFound):
        await do.erase_personal_data.execute(["order-1", "order-9"])
    assert await with_data(store) == ["order-1", "order-2", "order-3"]


async def test_order_that_is_gone_meanwhile_is_reported(do: UseCases) -> None:
    with pytest.raises(OrderNotFound):
        await do.erase_personal_data._erase_order("order-9", CommandContext())


@pytest.mark.parametrize(
    "order_ids, user_id", [((), None), (("order-1",), "user-1"), (("x",) * (MAX_ERASED_ORDERS + 1), None)]
)
async def test_takes_some_orders_or_a_user(do: UseCases, order_ids: Sequence[str], user_id: str | None) -> None:
    with pytest.raises(InvalidQuery) as raised:
        await do.erase_personal_data.execute(order_ids, user_id=user_id)
    assert raised.value.parameter == "orders"


async def test_customers_cannot_erase(do: UseCases) -> None:
    for actor in (
        Actor(ActorKind.CUSTOMER, "user-1", frozenset({Scope.ERASE})),
        Actor(ActorKind.STAFF, "anna", frozenset({Scope.WRITE})),
    ):
        with pytest.raises(NotAllowed):
            await do.erase_personal_data.execute(["order-1"], CommandContext(actor=actor))


async def test_receipts_are_replaced_by_ones_without_personal_data(
    do: UseCases, store: PurgingStore, files: InMemoryDocumentStore
) -> None:
    first = (await do.issue_receipt.execute("order-1")).document
    await do.edit_order.execute("order-1", {"customer": {"name": "Somebody Else"}})
    second = (await do.issue_receipt.execute("order-1")).document
    contents = [await files.get(documents.document_key("order-1", each)) or b"" for each in (first, second)]
    assert [b"Main St" in content for content in contents] == [True, True]
    assert salt_of(1).hex() not in str(contents)

    await do.erase_personal_data.execute(["order-1"])
    order = await loaded(store, "order-1")
    assert [(each.order_version, each.since_version) for each in order.documents] == [(1, 5), (3, 5)]
    assert {first.id, second.id}.isdisjoint({each.id for each in order.documents})
    for key in (documents.document_key("order-1", each) for each in (first, second)):
        assert await files.get(key) is None
    for each in order.documents:
        found = await do.get_document.execute("order-1", each.id)
        assert (b"Main St" in found.content, len(found.content)) == (False, each.size)
    again = await do.erase_personal_data.execute(["order-1"])
    assert (again, (await loaded(store, "order-1")).version) == (Erasure(1, 0), 5)
    report = await do.verify_orders.execute(read_documents=True)
    assert (report.problems, report.documents_read) == ([], 2)


async def test_receipts_without_personal_data_stay(do: UseCases, store: PurgingStore) -> None:
    await do.issue_receipt.execute("order-4")
    await do.edit_order.execute("order-4", {"customer": {"name": "Ann"}})
    await do.edit_order.execute("order-4", {"customer": {"name": "Ben"}})
    await do.issue_receipt.execute("order-4", version=3)  # issued when the data had been replaced
    before = (await loaded(store, "order-4")).documents
    await do.erase_personal_data.execute(["order-4"])
    after = await loaded(store, "order-4")
    assert (after.documents, len(before), after.personal_data) == (before, 2, None)


async def test_receipt_that_shows_no_personal_data_keeps_its_file(
    store: PurgingStore, files: InMemoryDocumentStore
) -> None:
    class AnonymousReceipts(PlainReceipts):
        async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
            return await super().render(order)

    do = build_use_cases(store, files, {"html": AnonymousReceipts()})
    document = (await do.issue_receipt.execute("order-1")).document
    await do.erase_personal_data.execute(["order-1"])
    assert [each.id for each in (await loaded(store, "order-1")).documents] == [document.id]
    assert (await do.verify_orders.execute(read_documents=True)).problems == []


async def test_document_of_an_unknown_version_stays(do: UseCases, store: PurgingStore) -> None:
    lost = Document("f" * 64, "receipt", "text/html", 7, 9, 9, SINCE)
    await store.save(small_order("order-5", documents=(lost,)))
    assert await do.erase_personal_data.execute(["order-5"]) == Erasure(1, 0)


async def test_receipt_of_a_format_that_cannot_be_rendered_stops_the_erasure(
    do: UseCases, store: PurgingStore, files: InMemoryDocumentStore
) -> None:
    await do.issue_receipt.execute("order-1")
    without_pdf = build_use_cases(store, files, {})
    with pytest.raises(StoreUnusable, match="a receipt of order order-1 cannot be rendered again: install its package"):
        await without_pdf.erase_personal_data.execute(["order-1"])
    assert await with_data(store) == ["order-1", "order-2", "order-3"]


async def test_receipt_that_loses_a_race_to_an_erasure_shows_nothing(
    store: PurgingStore, files: InMemoryDocumentStore
) -> None:
    class SlowReceipts(PlainReceipts):
        async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
            content = await super().render(order, personal)
            if personal is not None:
                await quick.erase_personal_data.execute(["order-1"])
            return content

    quick = build_use_cases(store, files, {"html": PlainReceipts()})
    slow = build_use_cases(store, files, {"html": SlowReceipts()})
    issued = await slow.issue_receipt.execute("order-1")
    assert [issued.document] == [*(await loaded(store, "order-1")).documents]
    assert [b"Main St" in content for content in files._contents.values()] == [False]


async def test_data_whose_commitment_was_lost_is_erased(do: UseCases, store: PurgingStore) -> None:
    order = await loaded(store, "order-1")
    order.personal_data = order.saved_personal_data = None  # as a version that does not have the field
    order.confirm(at=LATER)
    await store.save(order)
    assert await problems_of(store) == ["the personal data was added: no change of the order made it"]
    assert await do.erase_personal_data.execute(["order-1"]) == Erasure(1, 1)
    assert await with_data(store) == ["order-2", "order-3"]
    assert await problems_of(store) == []


async def test_repeated_placement_after_an_erasure_is_a_replay(do: UseCases) -> None:
    command = place_command(7, personal=personal_data(7))
    placed = await do.place_order.execute(command, KEY)
    with pytest.raises(IdempotencyKeyReused):
        await do.place_order.execute(place_command(7, personal=personal_data(8)), KEY)
    await do.erase_personal_data.execute([placed.order_id])
    for data in (personal_data(7), personal_data(8), None):
        again = await do.place_order.execute(place_command(7, personal=data), KEY)
        assert (again.replayed, again.personal, again.order_id) == (True, None, placed.order_id)
    assert "customer" not in json.loads((await do.get_order.execute(placed.order_id)).json)
