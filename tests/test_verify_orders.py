"""Proving that what is kept is what was committed: every alteration of a store's content is found."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import FeedEntry, StoredOrder
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.issue_receipt import IssueReceiptUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.infrastructure.serialization import ChangeRecord, hash_of
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
        del self._feed[-1]

    def repeat_in_feed(self) -> None:
        self._feed[-1] = self._feed[0]

    def drop_order(self) -> None:
        del self._orders["order-1"]

    def add_order(self) -> None:
        self._orders["order-0"] = replace(self._orders["order-1"], id="order-0")

    def changes_of_first(self) -> list[ChangeRecord]:
        return self._changes["order-1"]

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
    assert (report.documents, report.documents_read, report.checkpoints) == (0, 0, 0)
    assert sum(told) == 2


def differs(column: str) -> tuple[int, str]:
    return 3, f"the value of {column} in the order differs from the changes"


OTHERS_IN_FEED = (0, "the feed contains other changes than the orders")


@pytest.mark.parametrize(
    "tamper, found",
    [
        (lambda store: store.alter(2, actor="staff:mallory"), [(2, "the change does not match its hash")]),
        (
            lambda store: store.alter_and_hash_again(2, actor="staff:mallory"),
            [(3, "the change does not follow the previous one"), OTHERS_IN_FEED],
        ),
        (
            lambda store: store.alter_and_hash_again(3, actor="staff:mallory"),
            [differs("seal"), OTHERS_IN_FEED],
        ),
        (lambda store: store.set_back(), [differs("document")]),
        (lambda store: store.alter_order(seal="f" * 64), [differs("seal")]),
        (
            lambda store: store.rewrite_total(),
            [(version, "the change does not match its hash") for version in (1, 2, 3)],
        ),
        (
            lambda store: store.drop_change(2),
            [
                (2, "the change is missing"),
                (3, "the change does not follow the previous one"),
                differs("requests"),
                (0, "the feed contains 4 changes, the orders 3"),
            ],
        ),
        (lambda store: store.drop_from_feed(), [(0, "the feed contains 3 changes, the orders 4")]),
        (lambda store: store.repeat_in_feed(), [OTHERS_IN_FEED]),
        (lambda store: store.drop_order(), [(3, "the order is missing")]),
        (lambda store: store.add_order(), [(0, "the order was added: no change of the order made it")]),
        (lambda store: store.alter_order(requests=b"{}"), [differs("requests")]),
        (lambda store: store.alter_order(version=4), [differs("version")]),
        (lambda store: store.alter_order(user_id="user-9"), [differs("user_id")]),
        (lambda store: store.alter_order(status="pending"), [differs("status")]),
        (lambda store: store.alter_order(external_ref="web-2"), [differs("external_ref")]),
        (lambda store: store.alter_order(tags=("gift",)), [differs("tags")]),
        (lambda store: store.alter_order(document=b"not JSON"), [differs("document")]),
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
        "feed-repeated",
        "order-dropped",
        "order-added",
        "keys",
        "version",
        "user",
        "status",
        "external_ref",
        "tag",
        "document",
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
    assert report.problems[0].message == "the order was added: no change of the order made it"


class Scripted(Tampered):
    """A store whose parts can be replaced by what another store would return."""

    counts: Mapping[str, int] = {}
    damage: Sequence[str] = ()
    unreadable: tuple[str, ...] = ()
    entries: Sequence[FeedEntry] | None = None

    async def count_rows(self) -> Mapping[str, int]:
        return self.counts

    async def find_damage(self) -> Sequence[str]:
        return self.damage

    async def stored_order(self, key: str) -> StoredOrder:
        if key in self.unreadable:
            raise StoreUnusable("a row cannot be read")
        return await super().stored_order(key)

    async def stored_keys(self) -> AsyncIterator[str]:
        async for key in super().stored_keys():
            yield key
        if "keys" in self.unreadable:
            raise StoreUnusable("an index cannot be read")

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        found = [entry async for entry in super().feed_entries(settled=settled)]
        for entry in found if self.entries is None else self.entries:
            if "feed" in self.unreadable:
                raise StoreUnusable("an entry cannot be read")
            yield entry


async def test_continues_after_what_cannot_be_read() -> None:
    store = Scripted([small_order("order-1"), small_order("order-2")])
    store.unreadable, store.damage = ("order-1", "keys", "feed"), ["an index is damaged"]
    report = await VerifyOrdersUseCase(store).execute()
    assert (report.orders, report.changes) == (1, 1)
    assert [(problem.order_id, problem.message) for problem in report.problems] == [
        ("", "an index is damaged"),
        ("order-1", "a row cannot be read"),
        ("", "an index cannot be read"),
        ("", "the feed cannot be read after 0 changes: an entry cannot be read"),
    ]


async def test_finds_rows_that_belong_to_no_order() -> None:
    store = Scripted([small_order("order-1"), small_order("order-2")])
    store.counts = {"order": 2, "change": 2, "tag": 1}
    report = await VerifyOrdersUseCase(store).execute()
    found = "the store contains 1 rows of the kind tag, the orders 0"
    assert [(problem.order_id, problem.message) for problem in report.problems] == [("", found)]


@pytest.mark.parametrize(
    "positions, gaps",
    [
        ([(1,), (2,), (3,)], []),
        ([(2,), (3,), (4,)], ["order-1"]),
        ([(1,), (3,), (4,)], ["order-2"]),
        ([(7, 0), (7, 1), (9, 0)], []),
        ([(7, 0), (7, 2), (9, 0)], ["order-2"]),
        ([(7, 0), (8, 1), (9, 0)], ["order-2"]),
        ([(7, 1), (8, 0), (9, 0)], ["order-1"]),
    ],
)
async def test_finds_gaps_in_the_feed(positions: list[tuple[int, ...]], gaps: list[str]) -> None:
    store = Scripted([small_order(f"order-{number}") for number in (1, 2, 3)])
    entries = [entry async for entry in store.feed_entries()]
    store.entries = [replace(entry, position=place) for entry, place in zip(entries, positions, strict=True)]
    report = await VerifyOrdersUseCase(store).execute()
    assert [problem.order_id for problem in report.problems] == gaps
    assert {problem.message for problem in report.problems} <= {"the feed has a gap before this change"}


def as_stored_before(store: Tampered, fingerprint: str | None = None, schema: int | None = None) -> None:
    """Make the changes those of a version that stored neither the fingerprint nor the schema in them."""
    previous = ""
    for change in store.changes_of_first():
        change.fingerprint, change.schema, change.previous_hash = fingerprint, schema, previous
        change.hash = previous = hash_of(change)
    store.alter_order(seal=previous)


async def test_accepts_changes_of_a_version_that_did_not_store_fingerprints() -> None:
    store = await three_changes()
    as_stored_before(store)
    assert (await VerifyOrdersUseCase(store).execute()).problems == []
    store.alter_order(requests=b"not JSON")
    report = await VerifyOrdersUseCase(store).execute()
    assert [(problem.version, problem.message) for problem in report.problems] == [differs("requests")]


async def test_finds_fingerprint_removed_from_a_change() -> None:
    store = await three_changes()
    store.alter(2, fingerprint=None)
    report = await VerifyOrdersUseCase(store).execute()
    assert [(problem.version, problem.message) for problem in report.problems] == [
        (2, "the change does not match its hash")
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


class Repositioned(Tampered):
    """A store whose order "order-1" has its changes at other positions of the feed, the last one at none."""

    async def stored_order(self, key: str) -> StoredOrder:
        stored = await super().stored_order(key)
        places: Sequence[tuple[int, ...]] = ((2,), (1,), ())
        changes = [
            replace(change, entry=replace(change.entry, position=place), in_feed=bool(place))
            for change, place in zip(stored.changes, places, strict=False)
        ]
        return replace(stored, changes=changes) if stored.order_id == "order-1" else stored


async def test_positions_of_the_changes_of_an_order_are_checked() -> None:
    store = await three_changes()
    store.__class__ = Repositioned
    messages = [problem.message for problem in (await VerifyOrdersUseCase(store).execute()).problems]
    assert "the change is before its predecessor in the feed" in messages
    assert "the feed contains 4 changes, the orders 3" in messages
