"""Copying a store: what continues, what is rejected as a target, and which differences are found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.application.errors import NotAllowed
from orderkeep.application.records import Record
from orderkeep.application.store_copy import CannotCopy, CopiedChange, NotACopy, WholeStore
from orderkeep.application.use_cases import copy_store
from orderkeep.application.use_cases.compare_stores import MOST_DIFFERENCES, CompareStoresUseCase
from orderkeep.application.use_cases.copy_store import CopyReport, CopyStoreUseCase
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.personal_data import Customer, PersonalData
from orderkeep.domain.value_objects import INTERNAL, Document
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order

KEY = ApiKey(id="k1", name="warehouse", digest="d", kind=ActorKind.STAFF, created_at=SINCE)
DOCUMENT = Document("d" * 64, "receipt", "text/html", 5, 1, 2, SINCE)


def whole(repo: InMemoryOrderRepository, files: InMemoryDocumentStore | None = None) -> WholeStore:
    return WholeStore(repo, repo.api_keys(), repo.records(), files)


async def filled(*numbers: int) -> InMemoryOrderRepository:
    """A store with orders of two changes each."""
    repo = InMemoryOrderRepository()
    for number in numbers:
        order = small_order(f"order-{number}")
        await repo.save(order)
        order.add_note(f"note {number}", INTERNAL, at=SINCE)
        await repo.save(order)
    return repo


async def copied(source: InMemoryOrderRepository, target: InMemoryOrderRepository) -> CopyReport:
    return await CopyStoreUseCase(whole(source), whole(target)).execute()


async def differences(source: InMemoryOrderRepository, target: InMemoryOrderRepository) -> list[tuple[str, str]]:
    report = await CompareStoresUseCase(whole(source), whole(target)).execute()
    return [(each.order_id, each.message) for each in report.differences]


async def test_copies_what_is_new_and_reports_progress() -> None:
    source, target = await filled(1, 2, 3), InMemoryOrderRepository()
    use_case, seen = CopyStoreUseCase(whole(source), whole(target)), list[int]()
    assert await use_case.count_changes() == 6
    assert await use_case.execute(seen.append) == CopyReport(6, 6, 0, 0)
    assert seen == [6]
    assert await use_case.count_changes() == 0
    assert await use_case.execute() == CopyReport(6, 0, 0, 0)
    assert await differences(source, target) == []


async def test_an_empty_store_has_an_empty_copy() -> None:
    assert await copied(await filled(), InMemoryOrderRepository()) == CopyReport(0, 0, 0, 0)


@pytest.mark.parametrize("use_case", [CopyStoreUseCase, CompareStoresUseCase])
async def test_requires_the_scope(use_case: type[Any]) -> None:
    reader = Actor(ActorKind.STAFF, "eve", frozenset({Scope.READ}))
    with pytest.raises(NotAllowed):
        await use_case(whole(await filled(1)), whole(InMemoryOrderRepository())).execute(actor=reader)


async def test_rejects_a_target_with_other_orders() -> None:
    target = await filled(4)
    with pytest.raises(NotACopy, match="has changes that are not of the source"):
        await copied(await filled(1, 2, 3), target)
    assert await differences(target, await filled(4)) == []


async def test_rejects_a_target_that_was_used_since() -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    await copied(source, target)
    await target.save(small_order("order-2"))
    with pytest.raises(NotACopy, match="has more changes than the source"):
        await copied(source, target)


async def test_compares_the_last_changes_of_an_earlier_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_store, "COMPARED", 1)
    with pytest.raises(NotACopy):
        await copied(await filled(1, 2, 3), await filled(1, 4))


async def test_rejects_a_target_with_an_api_key_of_its_own() -> None:
    target = InMemoryOrderRepository()
    await target.api_keys().add(KEY)
    with pytest.raises(NotACopy, match="has the API key k1, which the source does not have"):
        await copied(await filled(1), target)


async def test_reports_a_target_that_is_written_meanwhile() -> None:
    class Busy(InMemoryOrderRepository):
        async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:
            raise ConcurrentUpdate(changes[0].order_id)

    with pytest.raises(NotACopy, match="another process wrote to the target: order order-1 differs"):
        await copied(await filled(1), Busy())


async def test_reports_a_target_that_gets_another_order_meanwhile() -> None:
    class Used(InMemoryOrderRepository):
        async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:
            await self.save(small_order("order-9"))
            await super().write_copies(after + 1, changes)

    with pytest.raises(NotACopy, match="another process wrote to the target: position 2 is another change"):
        await copied(await filled(1), Used())


async def test_a_store_that_does_not_support_copies_is_named() -> None:
    class Own:
        pass

    with pytest.raises(CannotCopy, match="Own does not support copies"):
        assert WholeStore(Own()).changes  # type: ignore[arg-type]


async def test_the_position_must_be_the_end_of_the_feed() -> None:
    source, target = await filled(1, 2), InMemoryOrderRepository()
    with pytest.raises(ConcurrentUpdate):
        await target.write_copies(2, await source.read_copies(2, 2))
    with pytest.raises(ConcurrentUpdate):
        await target.write_copies(0, await source.read_copies(1, 1))


async def test_revocations_and_uses_of_keys_follow() -> None:
    source, target = await filled(), InMemoryOrderRepository()
    keys = source.api_keys()
    await keys.add(KEY)
    await keys.add(replace(KEY, id="k2", created_at=SINCE + timedelta(seconds=1)))
    assert (await copied(source, target)).api_keys == 2
    await keys.revoke("k1", SINCE + timedelta(days=1))
    await keys.note_use("k2", SINCE + timedelta(days=2))
    assert await differences(source, target) == [("", "the API key k1 differs"), ("", "the API key k2 differs")]
    await copied(source, target)
    assert await differences(source, target) == []


async def test_records_follow() -> None:
    source, target = await filled(), InMemoryOrderRepository()
    records = source.records()
    [webhook, position] = await records.write_records(
        [Record("webhook", "wh_1", '{"url": 1}'), Record("webhook-progress", "wh_1", "1")]
    )
    await records.write_records([Record("projection", "statistics", "{}"), Record("publisher", "events", "{}")])
    assert (await copied(source, target)).records == 3
    await records.write_records([replace(position, content="2")])
    await records.write_records([], [webhook])
    assert await differences(source, target) == [
        ("", "the record webhook wh_1 differs"),
        ("", "the record webhook-progress wh_1 differs"),
    ]
    assert (await copied(source, target)).records == 2
    assert await differences(source, target) == []
    assert [each.content for each in await target.records().list_records("webhook-progress")] == ["2"]


async def test_what_a_store_does_not_support_is_left_out() -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    await source.api_keys().add(KEY)
    await source.records().write_records([Record("webhook", "wh_1", "{}")])
    report = await CopyStoreUseCase(whole(source), WholeStore(target)).execute()
    assert report == CopyReport(2, 2, 0, 0)
    assert await CopyStoreUseCase(WholeStore(source), whole(target)).execute() == CopyReport(2, 0, 0, 0)


async def test_files_are_copied_before_the_orders_that_list_them() -> None:
    source, (ours, theirs) = await filled(), (InMemoryDocumentStore(), InMemoryDocumentStore())
    for number, content in ((1, b"hello"), (2, None)):
        order = small_order(f"order-{number}")
        await source.save(order)
        order.attach(replace(DOCUMENT, id=str(number) * 64), at=SINCE)
        await source.save(order)
        if content:
            await ours.put(f"orders/order-{number}/{str(number) * 64}.html", content, "text/html")
    target = InMemoryOrderRepository()
    report = await CopyStoreUseCase(whole(source, ours), whole(target, theirs)).execute()
    assert report == CopyReport(4, 4, 0, 0, documents=1)
    assert await theirs.get(f"orders/order-1/{'1' * 64}.html") == b"hello"


async def test_personal_data_that_was_replaced_or_erased_is_not_copied() -> None:
    source, target = await filled(), InMemoryOrderRepository()
    first, second = (PersonalData(Customer(email=f"{name}@example.com")) for name in ("ada", "bea"))
    for order_id in ("replaced", "erased"):
        order = small_order(order_id)
        order.add_personal_data(first, b"salt-of-16-bytes")
        await source.save(order)
    order.erase_personal_data(at=SINCE)
    await source.save(order)
    await target.write_copies(0, await source.read_copies(0, 1))
    assert (await target.get_personal_data(["replaced"]))["replaced"].data == first
    replaced = await source.get_by_id("replaced")
    assert replaced is not None
    replaced.set_personal_data(second, b"other-of-16-byte", at=SINCE)
    await source.save(replaced)
    await copied(source, target)
    found = await target.get_personal_data(["replaced", "erased"])
    assert {order_id: record.data for order_id, record in found.items()} == {"replaced": second}
    assert await differences(source, target) == []


async def test_every_difference_of_an_order_is_found() -> None:
    source, target = await filled(1, 2, 3, 4, 5, 6), InMemoryOrderRepository()
    order = small_order("order-7")
    order.add_personal_data(PersonalData(Customer("Ada")), b"salt-of-16-bytes")
    await source.save(order)
    await copied(source, target)
    heads = target._orders
    heads["order-1"] = replace(heads["order-1"], document=heads["order-1"].document.replace(b"9900", b"9901"))
    heads["order-2"] = replace(heads["order-2"], seal="0" * 64)
    heads["order-3"] = replace(heads["order-3"], requests=b'{"k":{"version":1,"fingerprint":"f"}}')
    tagged = heads["order-4"].document.replace(b'"tags":[]', b'"tags":["x"]')
    heads["order-4"] = replace(heads["order-4"], document=tagged)
    del heads["order-5"]
    target._personal.clear()
    assert await differences(source, target) == [
        ("order-1", "differs"),
        ("order-2", "differs"),
        ("order-3", "the idempotency keys differ"),
        ("order-4", "differs"),
        ("order-4", "the tags or the external reference differ"),
        ("order-5", "is missing in the target"),
        ("order-7", "the personal data differs"),
    ]
    del source._orders["order-1"]
    assert ("order-1", "is missing in the source") in await differences(source, target)
    report = await CompareStoresUseCase(whole(source), whole(target)).execute(every=6)
    assert (report.orders, report.changes, report.differences) == (7, 13, [])


async def test_the_feeds_are_compared_change_by_change() -> None:
    assert await differences(await filled(1, 2), await filled(1)) == [("", "the source has 4 changes, the target 2")]
    assert await differences(await filled(1, 2), await filled(2, 1)) == [
        ("order-1", "position 1 has version 1, and in the target version 1 of order order-2"),
        ("order-1", "position 2 has version 2, and in the target version 2 of order order-2"),
        ("order-2", "position 3 has version 1, and in the target version 1 of order order-1"),
        ("order-2", "position 4 has version 2, and in the target version 2 of order order-1"),
    ]


async def test_lists_a_limited_number_of_differences() -> None:
    numbers = range(1_000, 1_000 + MOST_DIFFERENCES)
    source = await filled(*numbers)
    report = await CompareStoresUseCase(whole(source), whole(await filled(*reversed(numbers)))).execute()
    assert len(report.differences) == MOST_DIFFERENCES


async def test_pages_of_different_lengths_are_compared() -> None:
    class Short(InMemoryOrderRepository):
        async def read_copies(self, after: int, limit: int) -> list[CopiedChange]:
            return await super().read_copies(after, min(limit, 3))

    source, target = await filled(1, 2, 3, 4), Short()
    await copied(source, target)
    assert await differences(source, target) == []
