"""Issuing receipts, as the shop sees it."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import IdempotencyKeyReused, Overloaded, TooManyRequests, UnknownFormat
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.issue_receipt import (
    MOST_AT_ONCE,
    MOST_OF_AN_ACTOR,
    IssuedReceipt,
    IssueReceiptUseCase,
)
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound, StoreUnavailable, StoreUnusable, VersionNotFound
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.value_objects import Document, Money
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from tests.receipts import BrokenDocumentStore, CountingDocumentStore, HeldReceipts, PlainReceipts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORMATS = {"html": PlainReceipts("text/html"), "pdf": PlainReceipts("application/pdf")}
PENDING = b"text/html: order order-1, version 1, pending"


@pytest.fixture
def repo() -> InMemoryOrderRepository:
    return InMemoryOrderRepository([small_order("order-1")])


@pytest.fixture
def files() -> CountingDocumentStore:
    return CountingDocumentStore()


@pytest.fixture
def issue(repo: InMemoryOrderRepository, files: CountingDocumentStore) -> IssueReceiptUseCase:
    return IssueReceiptUseCase(repo, repo, files, FORMATS, clock=lambda: NOON)


async def documents_of(repo: InMemoryOrderRepository, order_id: str = "order-1") -> tuple[Document, ...]:
    order = await repo.get_by_id(order_id)
    assert order is not None
    return order.documents


async def test_issues_a_receipt_of_the_order_as_it_is(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: InMemoryDocumentStore
) -> None:
    issued = await issue.execute("order-1")
    digest = sha256(PENDING).hexdigest()
    assert issued.document == Document(digest, "receipt", "text/html", len(PENDING), 1, 2, NOON)
    result = issued.result
    assert (result.version, result.order.documents, issued.issued_before) == (2, (issued.document,), False)
    assert [event.type for event in result.events] == ["DocumentAttached"]
    assert await documents_of(repo) == (issued.document,)
    assert await files.get(f"orders/order-1/{digest}.html") == PENDING


async def test_issues_one_receipt_for_each_version_and_format(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: CountingDocumentStore
) -> None:
    first = await issue.execute("order-1")
    again = await issue.execute("order-1")
    assert (again.document, again.issued_before) == (first.document, True)
    assert (again.result.order, again.result.events) == (first.result.order, ())
    assert (again.result.unchanged, again.result.replayed) == (True, False)
    pdf = await issue.execute("order-1", file_format="pdf")
    assert (pdf.document.media_type, pdf.document.order_version) == ("application/pdf", 1)
    await CancelOrderUseCase(repo).execute("order-1")
    cancelled = await issue.execute("order-1")
    assert (cancelled.document.order_version, cancelled.document.since_version) == (4, 5)
    assert await documents_of(repo) == (first.document, pdf.document, cancelled.document)
    assert len(files.asked) == 3


async def test_issues_a_receipt_of_the_order_as_it_was(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: InMemoryDocumentStore
) -> None:
    await ConfirmOrderUseCase(repo).execute("order-1")
    issued = await issue.execute("order-1", version=1)
    assert (issued.document.order_version, issued.result.order.status) == (1, "processing")
    assert await files.get(f"orders/order-1/{issued.document.id}.html") == PENDING


@pytest.mark.parametrize("version", [-1, 0, 2, 10**30])
async def test_knows_no_version_that_the_order_never_had(issue: IssueReceiptUseCase, version: int) -> None:
    with pytest.raises(VersionNotFound, match=f"^the order has no version {version}$"):
        await issue.execute("order-1", version=version)


async def test_names_the_formats_there_are(issue: IssueReceiptUseCase) -> None:
    with pytest.raises(UnknownFormat, match=r"^must be one of html, pdf$") as refused:
        await issue.execute("order-1", file_format="docx")
    assert refused.value.field == "format"


async def test_unknown_order_and_order_of_another_customer_are_not_found(issue: IssueReceiptUseCase) -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await issue.execute("order-2")
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await issue.execute("order-1", CommandContext(actor=Actor(ActorKind.CUSTOMER, "somebody-else")))


async def test_refers_to_nothing_that_could_not_be_kept(repo: InMemoryOrderRepository) -> None:
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await IssueReceiptUseCase(repo, repo, BrokenDocumentStore(), FORMATS).execute("order-1")
    assert await documents_of(repo) == ()


async def test_rejects_an_order_whose_id_could_lead_out_of_its_folder() -> None:
    repo = InMemoryOrderRepository([Order("../order-1", "user-7", Money(9_900, "EUR"), "pending", NOON)])
    files = CountingDocumentStore()
    with pytest.raises(StoreUnusable, match="is not valid in a file name"):
        await IssueReceiptUseCase(repo, repo, files, FORMATS).execute("../order-1")
    assert files.asked == []
    assert await documents_of(repo, "../order-1") == ()


async def test_dry_run_returns_the_receipt_and_stores_nothing(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: CountingDocumentStore
) -> None:
    tried = await issue.execute("order-1", CommandContext(dry_run=True))
    assert tried.result.dry_run
    assert (await documents_of(repo), files.asked) == ((), [])
    assert (await issue.execute("order-1")).document == tried.document
    known = await issue.execute("order-1", CommandContext(dry_run=True))
    assert (known.document, known.issued_before, known.result.dry_run) == (tried.document, True, True)


def assert_replays(again: IssuedReceipt, first: IssuedReceipt) -> None:
    assert (again.document, again.result.order, again.result.events) == (
        first.document,
        first.result.order,
        first.result.events,
    )
    assert (again.issued_before, again.result.replayed, first.issued_before) == (True, True, False)


async def test_a_key_leads_to_the_receipt_it_led_to_before_though_the_order_moved_on(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: CountingDocumentStore
) -> None:
    asked = CommandContext(key="the-key")
    first = await issue.execute("order-1", asked)
    await ConfirmOrderUseCase(repo).execute("order-1")
    assert_replays(await issue.execute("order-1", asked), first)
    assert len(files.asked) == 1
    with pytest.raises(IdempotencyKeyReused):
        await issue.execute("order-1", asked, file_format="pdf")


async def test_request_overtaken_by_its_retry_returns_the_result_of_the_retry(
    repo: InMemoryOrderRepository, files: CountingDocumentStore
) -> None:
    asked, ticks = CommandContext(key="the-key"), count()
    overtaking: list[IssuedReceipt] = []

    class SlowReceipts(PlainReceipts):
        async def render(self, order: OrderDTO, personal: PersonalRecord | None = None) -> bytes:
            if not overtaking:
                overtaking.append(await quick.execute("order-1", asked))
            return await super().render(order, personal)

    def issuing(renderer: PlainReceipts) -> IssueReceiptUseCase:
        return IssueReceiptUseCase(repo, repo, files, {"html": renderer}, lambda: NOON + timedelta(hours=next(ticks)))

    quick = issuing(PlainReceipts())
    assert_replays(await issuing(SlowReceipts()).execute("order-1", asked), overtaking[0])
    assert await documents_of(repo) == (overtaking[0].document,)


async def test_many_at_once_issue_one_receipt(
    issue: IssueReceiptUseCase, repo: InMemoryOrderRepository, files: CountingDocumentStore
) -> None:
    issued = await asyncio.gather(*(issue.execute("order-1", SYSTEM_CONTEXT) for _ in range(20)))
    assert len({each.document.id for each in issued}) == 1
    assert [each.issued_before for each in issued].count(False) == 1
    assert len(await documents_of(repo)) == 1
    assert len(set(files.asked)) == 1


@pytest.fixture
def held() -> HeldReceipts:
    return HeldReceipts()


async def requests(
    group: asyncio.TaskGroup, held: HeldReceipts, *actors: Actor
) -> tuple[IssueReceiptUseCase, list[asyncio.Task[IssuedReceipt]]]:
    """Start a dry run of each actor, and return when all of them are being rendered."""
    held.expected = len(actors)
    repo = InMemoryOrderRepository([small_order("order-1")])
    issue = IssueReceiptUseCase(repo, repo, InMemoryDocumentStore(), {"html": held})
    tasks = [group.create_task(issue.execute("order-1", CommandContext(actor=each, dry_run=True))) for each in actors]
    await held.all_started()
    return issue, tasks


STAFF = [Actor(ActorKind.STAFF, f"staff-{number}", frozenset({Scope.READ})) for number in range(9)]


async def test_receipts_in_progress_are_limited_per_actor(held: HeldReceipts) -> None:
    async with asyncio.TaskGroup() as group:
        issue, tasks = await requests(group, held, *[STAFF[0]] * MOST_OF_AN_ACTOR)
        with pytest.raises(TooManyRequests, match=r"^4 receipts are in progress, which is the limit: retry after 1 s$"):
            await issue.execute("order-1", CommandContext(actor=STAFF[0]))
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        assert issue._in_progress[STAFF[0]] == MOST_OF_AN_ACTOR - 1
        held.released.set()
        await issue.execute("order-1", CommandContext(actor=STAFF[1]))
    for _ in range(MOST_OF_AN_ACTOR + 1):
        with pytest.raises(OrderNotFound):
            await issue.execute("another", CommandContext(actor=STAFF[0]))  # an error ends it too
    assert not issue._in_progress


async def test_receipts_in_progress_are_limited_in_all(held: HeldReceipts) -> None:
    async with asyncio.TaskGroup() as group:
        issue, _ = await requests(group, held, *(STAFF[number // 2] for number in range(MOST_AT_ONCE)))
        with pytest.raises(Overloaded, match=r"^too many concurrent receipts, nothing was done: retry after 1 s$"):
            await issue.execute("order-1", CommandContext(actor=STAFF[8]))
        held.released.set()
    await issue.execute("order-1", CommandContext(actor=STAFF[8]))
