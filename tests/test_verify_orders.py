"""Proving that what is kept is what was committed: every alteration of a store's content is found."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import FeedPage
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.issue_receipt import IssueReceiptUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.entities import Attribution
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.serialization import hash_of
from orderkeep.testing.orders import small_order
from tests.receipts import PlainReceipts


class Tampered(InMemoryOrderRepository):
    """A store whose content is within reach of whoever has access to the machine."""

    def alter(self, version: int, **changes: Any) -> None:
        changed = self._changes["order-1"][version - 1]
        self._changes["order-1"][version - 1] = replace(changed, **changes)

    def alter_and_hash_again(self, version: int, **changes: Any) -> None:
        self.alter(version, **changes)
        self.alter(version, hash=hash_of(self._changes["order-1"][version - 1]))

    def alter_order(self, **changes: Any) -> None:
        self._orders["order-1"] = replace(self._orders["order-1"], **changes)

    def set_back(self) -> None:
        self.alter_order(document=self._changes["order-1"][1].document)

    def drop_change(self, version: int) -> None:
        del self._changes["order-1"][version - 1]

    def drop_from_feed(self) -> None:
        del self._feed[1]

    def rewrite_total(self) -> None:
        for version in (1, 2, 3):
            document = self._changes["order-1"][version - 1].document.replace(b"9900", b"1")
            self.alter(version, document=document)
        self.alter_order(document=self._orders["order-1"].document.replace(b"9900", b"1"))


async def three_changes() -> Tampered:
    first = small_order("order-1")
    first.external_ref, first.tags = "web-1", ("express", "fragile")
    store = Tampered([first, small_order("order-2")])
    await ConfirmOrderUseCase(store).execute("order-1", CommandContext(key="confirm-1"))
    await ShipOrderUseCase(store).execute("order-1")
    return store


async def test_finds_nothing_where_nothing_was_altered() -> None:
    told = list[int]()
    report = await VerifyOrdersUseCase(await three_changes()).execute(told.append)
    assert (report.orders, report.changes, report.problems) == (2, 4, [])
    assert sum(told) == 2


@pytest.mark.parametrize(
    "tamper, found",
    [
        (lambda store: store.alter(2, actor="staff:mallory"), [(2, "the change does not match its hash")]),
        (
            lambda store: store.alter_and_hash_again(2, actor="staff:mallory"),
            [(3, "the change does not follow the previous one")],
        ),
        (
            lambda store: store.alter_and_hash_again(3, actor="staff:mallory"),
            [(3, "the order differs from its last change")],
        ),
        (lambda store: store.set_back(), [(3, "the order differs from its last change")]),
        (lambda store: store.alter_order(seal="f" * 64), [(3, "the order differs from its last change")]),
        (
            lambda store: store.rewrite_total(),
            [(version, "the change does not match its hash") for version in (1, 2, 3)],
        ),
        (
            lambda store: store.drop_change(2),
            [
                (2, "the change is missing"),
                (3, "the change does not follow the previous one"),
                (3, "the idempotency keys differ from those of its changes"),
                (0, "the feed contains 4 changes, the orders 3"),
            ],
        ),
        (lambda store: store.drop_from_feed(), [(0, "the feed contains 3 changes, the orders 4")]),
        (
            lambda store: store.alter_order(requests=b"{}"),
            [(3, "the idempotency keys differ from those of its changes")],
        ),
        (
            lambda store: store.alter_order(version=4),
            [(3, "is indexed under another user, time or version")],
        ),
        (lambda store: store.alter_order(status="pending"), [(3, "is not found by its status")] * 2),
        (lambda store: store.alter_order(external_ref="web-2"), [(3, "is not found by its external_ref")] * 2),
        (lambda store: store.alter_order(tags=("gift",)), [(3, "is not found by its tag")] * 4),
    ],
    ids=[
        "actor",
        "re-hashed",
        "last-re-hashed",
        "set-back",
        "seal",
        "total",
        "dropped",
        "feed",
        "keys",
        "version",
        "status",
        "external_ref",
        "tag",
    ],
)
async def test_finds_what_was_altered(tamper: Callable[[Tampered], None], found: list[tuple[int, str]]) -> None:
    store = await three_changes()
    tamper(store)
    report = await VerifyOrdersUseCase(store).execute()
    assert [(problem.version, problem.message) for problem in report.problems] == found


async def test_finds_an_order_that_has_lost_all_of_its_history() -> None:
    store = await three_changes()
    for _ in range(3):
        store.drop_change(1)
    report = await VerifyOrdersUseCase(store).execute()
    assert (report.problems[0].order_id, report.problems[0].version) == ("order-1", 0)
    assert report.problems[0].message == "the order differs from its last change"


class Unreadable(InMemoryOrderRepository):
    """A store with a damaged row in the history of one order, which is also in the way of the feed."""

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        if order_id == "order-1":
            raise StoreUnusable("a row cannot be read")
        return await super().list_changes(order_id, after_version, limit)

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        raise StoreUnusable("a row cannot be read")


async def test_goes_on_behind_what_cannot_be_read() -> None:
    store = Unreadable([small_order("order-1"), small_order("order-2")])
    report = await VerifyOrdersUseCase(store).execute()
    assert (report.orders, report.changes) == (2, 1)
    assert [(problem.order_id, problem.message) for problem in report.problems] == [
        ("order-1", "a row cannot be read"),
        ("", "the feed cannot be read after 0 changes: a row cannot be read"),
    ]


@pytest.mark.parametrize("changes", [99, 100, 101, 103])
async def test_finds_nothing_in_an_order_that_has_forgotten_its_older_keys(changes: int) -> None:
    order = small_order("order-1")
    store = InMemoryOrderRepository()
    for number in range(changes):
        order.set_attribution(Attribution("staff:anna", f"key-{number}", f"print-{number}"))
        await store.save(order)
    assert len(order.idempotency_keys) == min(changes, 100)
    report = await VerifyOrdersUseCase(store).execute()
    assert (report.changes, report.problems) == (changes, [])


class Reachable(InMemoryDocumentStore):
    """Documents within reach of whoever has access to the machine."""

    def alter(self) -> None:
        self._contents = dict.fromkeys(self._contents, b"altered")

    def lose(self) -> None:
        self._contents.clear()

    def forbid(self) -> None:
        raise_it = StoreUnusable("the bucket is somebody else's")

        async def refuse(key: str) -> bytes | None:
            raise raise_it

        self.get = refuse  # type: ignore[method-assign]


async def one_receipt(files: InMemoryDocumentStore) -> InMemoryOrderRepository:
    store = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    await IssueReceiptUseCase(store, store, files, {"html": PlainReceipts()}).execute("order-1")
    return store


async def test_reads_documents_where_it_is_asked_to() -> None:
    files = Reachable()
    store = await one_receipt(files)
    report = await VerifyOrdersUseCase(store, files).execute(read_documents=True)
    assert (report.documents, report.documents_read, report.problems) == (1, 1, [])
    files.lose()
    for verify, reads in ((VerifyOrdersUseCase(store, files), False), (VerifyOrdersUseCase(store), True)):
        report = await verify.execute(read_documents=reads)
        assert (report.documents, report.documents_read, report.problems) == (1, 0, [])


@pytest.mark.parametrize(
    "harm, version, said",
    [
        (Reachable.alter, 2, r"the receipt [0-9a-f]{64} was altered"),
        (Reachable.lose, 2, r"the receipt [0-9a-f]{64} is missing"),
        (Reachable.forbid, 0, r"the bucket is somebody else's"),
    ],
)
async def test_finds_a_document_that_is_not_as_it_was_kept(
    harm: Callable[[Reachable], None], version: int, said: str
) -> None:
    files = Reachable()
    store = await one_receipt(files)
    harm(files)
    report = await VerifyOrdersUseCase(store, files).execute(read_documents=True)
    (problem,) = report.problems
    assert (problem.order_id, problem.version) == ("order-1", version)
    assert re.fullmatch(said, problem.message)
    assert (report.orders, report.changes) == (2, 3)
