"""Importing orders that were kept elsewhere, with their dates and statuses."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ids import order_id_for_external_ref
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.import_orders import (
    CheckedOrder,
    ImportOptions,
    ImportOrdersUseCase,
    ImportProblem,
    ImportReport,
    ImportRow,
)
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.value_objects import Cancellation
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from orderkeep.testing.stores import list_orders
from tests.contract.test_memory_store import PoliteStore

ANNA = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)


def kept_elsewhere(number: int, **changes: object) -> OrderDTO:
    """Return an order as a file tells it: without an id, known by its external_ref."""
    order = OrderDTO(
        id="",
        user_id=f"user-{number}",
        total=1_000 + number,
        currency="EUR",
        status="processing",
        created_at=datetime(1996, 7, 4, number % 24, tzinfo=UTC),
        updated_at=datetime(1996, 7, 16, number % 24, tzinfo=UTC),
        external_ref=f"northwind-{number}",
    )
    return replace(order, **changes)  # type: ignore[arg-type]


def file_of(*orders: OrderDTO) -> Iterator[ImportRow]:
    return (ImportRow(line, order) for line, order in enumerate(orders, start=1))


NOW = datetime(2026, 3, 2, 10, 11, 12, tzinfo=UTC)


async def run(repo: InMemoryOrderRepository, *orders: OrderDTO, **options: Any) -> ImportReport:
    """Import the orders on 2 March 2026, after a dry run that must report the same."""
    use_case = ImportOrdersUseCase(repo, lambda: NOW)
    before = len((await repo.read_changes(0, 1_000)).changes)
    expected = await use_case.execute(file_of(*orders), ImportOptions(**options, dry_run=True))
    assert len((await repo.read_changes(0, 1_000)).changes) == before
    report = await use_case.execute(file_of(*orders), ImportOptions(**options))
    assert report == expected
    return report


async def test_keeps_dates_and_statuses_as_they_were() -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1), kept_elsewhere(2, status="shipped"))
    order = await repo.get_by_id(order_id_for_external_ref("northwind-2"))
    assert order is not None
    expected = kept_elsewhere(2, id=order.id, status="shipped", version=1)
    assert OrderDTO.of(order) == OrderDTO.of(expected.to_order())
    assert [(each.id, each.shipped_at) for each in order.shipments] == [("s1", expected.updated_at)]
    (change,) = await repo.list_changes(order.id, 0, 10)
    assert (change.events[0].type, change.events[0].data) == ("OrderImported", {"status": "shipped"})
    assert change.at == NOW


async def test_says_what_the_file_holds() -> None:
    orders = [kept_elsewhere(n, status="shipped" if n < 3 else "pending") for n in range(5)]
    dear = kept_elsewhere(9, total=7, currency="JPY")
    lines = OrderDTO.of(place_command(8).to_order("order-8", datetime(2026, 1, 2, 3, tzinfo=UTC)))
    report = await run(InMemoryOrderRepository(), *orders, dear, lines)
    assert (report.orders, report.lines, report.imported, report.problem_count) == (7, 2, 7, 0)
    assert report.statuses == {"shipped": 3, "pending": 3, "processing": 1}
    assert report.totals == {"EUR": 5_010, "JPY": 7, "CHF": place_command(8).total}


async def test_changes_nothing_when_it_is_done_again() -> None:
    repo = InMemoryOrderRepository()
    orders = [kept_elsewhere(number) for number in range(130)]
    await run(repo, *orders)
    report = await run(repo, *orders)
    assert (report.imported, report.unchanged, report.present, report.problem_count) == (0, 130, 0, 0)
    assert len((await repo.read_changes(0, 1_000)).changes) == 130


async def test_finishes_what_an_import_that_was_killed_began() -> None:
    repo = InMemoryOrderRepository()
    await run(repo, *(kept_elsewhere(number) for number in range(70)))
    report = await run(repo, *(kept_elsewhere(number) for number in range(100)))
    assert (report.imported, report.unchanged) == (30, 70)


async def test_imports_every_order_once_where_two_import_the_same_file_at_once() -> None:
    repo = PoliteStore()
    orders = [kept_elsewhere(number) for number in range(90)]
    use_case = ImportOrdersUseCase(repo)
    one, other = await asyncio.gather(use_case.execute(file_of(*orders)), use_case.execute(file_of(*orders)))
    assert one.imported + other.imported == 90
    assert one.unchanged + other.unchanged == 90
    assert len((await repo.read_changes(0, 1_000)).changes) == 90


async def test_takes_no_notice_of_the_version_that_a_file_says() -> None:
    repo = InMemoryOrderRepository()
    for version, outcome in ((7, "imported"), (8, "unchanged")):
        for order in (kept_elsewhere(1, version=version), kept_elsewhere(2, id="order-2", version=version)):
            assert getattr(await run(repo, order), outcome) == 1
    kept = await repo.get_by_id("order-2")
    assert kept is not None
    assert kept.version == 1


async def test_leaves_an_order_alone_that_went_on_since() -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1))
    order_id = order_id_for_external_ref("northwind-1")
    await ShipOrderUseCase(repo).execute(order_id)
    report = await run(repo, kept_elsewhere(1))
    assert (report.imported, report.unchanged, report.problem_count) == (0, 1, 0)
    order = await repo.get_by_id(order_id)
    assert order is not None
    assert order.status == "shipped"


async def test_a_number_of_a_placed_order_with_the_same_content_is_present() -> None:
    repo = InMemoryOrderRepository()
    placed = await PlaceOrderUseCase(repo, clock=lambda: NOW).execute(place_command(external_ref="web-1"))
    same = replace(placed.order, id="", created_at=datetime(2026, 3, 1, tzinfo=UTC))
    report = await run(repo, same, kept_elsewhere(2))
    assert (report.imported, report.present, report.problem_count) == (1, 1, 0)
    found = await list_orders(repo, OrderFilter(external_ref="web-1"))
    assert [order.id for order in found] == [placed.order_id]


@pytest.mark.parametrize(
    "changes", [{"total": 1234, "lines": ()}, {"user_id": "other"}, {"tags": ()}, {"currency": "EUR"}]
)
async def test_a_number_of_a_placed_order_with_other_content_is_a_problem(changes: dict[str, Any]) -> None:
    repo = InMemoryOrderRepository()
    placed = await PlaceOrderUseCase(repo, clock=lambda: NOW).execute(place_command(external_ref="web-1"))
    report = await run(repo, replace(placed.order, id="", **changes), kept_elsewhere(2))
    differing = ", ".join(sorted(changes, key=["user_id", "total", "currency", "lines", "tags"].index))
    message = f"is that of the stored order {placed.order_id}, which differs in {differing}: it was not changed"
    assert report.problems == [ImportProblem(1, "external_ref", "already_kept", message)]
    assert (report.imported, report.present) == (0, 0)
    assert len((await repo.read_changes(0, 10)).changes) == 1


async def test_order_numbers_are_trimmed_and_normalized() -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1, external_ref="W-1 é"))
    again = kept_elsewhere(1, external_ref=" W-1 e\N{COMBINING ACUTE ACCENT}\N{NO-BREAK SPACE}")
    assert (await run(repo, again)).unchanged == 1
    pasted = kept_elsewhere(1, external_ref="\N{ZERO WIDTH SPACE}W-1 é\N{ZERO WIDTH NO-BREAK SPACE} ")
    assert (await run(repo, pasted)).unchanged == 1
    report = await run(repo, kept_elsewhere(3), kept_elsewhere(4, external_ref="northwind-3\t"))
    assert [(each.line, each.code) for each in report.problems] == [(2, "duplicate_order")]
    assert [each.code for each in (await run(repo, kept_elsewhere(5, external_ref=" \t"))).problems] == [
        "field_missing"
    ]


async def test_prefix_keeps_the_numbers_of_shops_apart() -> None:
    repo = InMemoryOrderRepository()
    for prefix in ("de-", "fr-", ""):
        report = await run(repo, kept_elsewhere(1, user_id=f"user{prefix}", external_ref=" 77 "), prefix=prefix)
        assert report.imported == 1
    found = await list_orders(repo, OrderFilter())
    assert {(order.external_ref, order.user_id) for order in found} == {
        ("de-77", "userde-"),
        ("fr-77", "userfr-"),
        ("77", "user"),
    }
    assert (await run(repo, kept_elsewhere(1, user_id="userde-", external_ref="77"), prefix="de-")).unchanged == 1


@pytest.mark.parametrize(
    "field, changes",
    [
        ("created_at", {"created_at": NOW + timedelta(minutes=6), "updated_at": NOW + timedelta(minutes=6)}),
        ("updated_at", {"updated_at": datetime(2999, 1, 1, tzinfo=UTC)}),
        (
            "cancellation/at",
            {"status": "cancelled", "cancellation": Cancellation(None, None, datetime(2999, 1, 1, tzinfo=UTC))},
        ),
    ],
)
async def test_orders_from_the_future_are_rejected(field: str, changes: dict[str, Any]) -> None:
    report = await run(InMemoryOrderRepository(), kept_elsewhere(1), kept_elsewhere(2, **changes))
    [problem] = report.problems
    assert (problem.line, problem.field, problem.code) == (2, field, "invalid_time")
    now, instead = NOW.isoformat(timespec="seconds"), ", or import the order as dated ahead"
    assert problem.message.endswith(
        f", and now is {now}; correct it or the clock of this machine{instead if field == 'created_at' else ''}"
    )


async def test_order_is_not_imported_with_a_change_before_its_creation() -> None:
    early = datetime(1996, 7, 3, 23, 59, 59, 999_999, tzinfo=UTC)
    [problem] = (await run(InMemoryOrderRepository(), kept_elsewhere(24, updated_at=early))).problems
    assert (problem.field, problem.message) == ("updated_at", "must not be before created_at")


AHEAD = NOW + timedelta(days=30)


@pytest.mark.parametrize("status", ["pending", "shipped"])
async def test_order_that_is_dated_ahead_changes_when_it_is_changed(status: str) -> None:
    repo, given = InMemoryOrderRepository(), kept_elsewhere(1, id="order-1", status=status)
    given = replace(given, created_at=AHEAD, updated_at=AHEAD)
    assert (await run(repo, given)).problem_count == 1
    assert (await run(repo, given, dated_ahead=True)).imported == 1
    assert (await run(repo, given, dated_ahead=True)).unchanged == 1
    later = NOW + timedelta(hours=1)
    if status == "pending":
        await CancelOrderUseCase(repo, repo, lambda: later).execute("order-1")
    else:
        await DeliverOrderUseCase(repo, repo, lambda: later).execute("order-1")
    order = await repo.get_by_id("order-1")
    assert order is not None
    assert (order.created_at, order.updated_at) == (AHEAD, later)
    times = [change.at for change in await repo.list_changes("order-1", 0, 10)]
    assert times == [NOW, later]
    assert {shipment.shipped_at for shipment in order.shipments} <= {NOW}
    assert order.cancellation is None or order.cancellation.at == later


async def test_stored_order_that_is_dated_ahead_is_read_back() -> None:
    stored = kept_elsewhere(1, id="order-1", created_at=AHEAD, updated_at=NOW - timedelta(days=1))
    assert (await run(InMemoryOrderRepository(), stored)).problem_count == 1
    repo = InMemoryOrderRepository()
    assert (await run(repo, stored, dated_ahead=True)).imported == 1
    order = await repo.get_by_id("order-1")
    assert order is not None
    assert (order.created_at, order.updated_at) == (AHEAD, NOW - timedelta(days=1))


async def test_order_that_is_dated_ahead_has_no_other_time_in_the_future() -> None:
    given = replace(kept_elsewhere(1), created_at=AHEAD, updated_at=AHEAD + timedelta(seconds=1))
    [problem] = (await run(InMemoryOrderRepository(), given, dated_ahead=True)).problems
    assert problem.field == "updated_at"


async def test_a_clock_that_is_minutes_ahead_is_tolerated() -> None:
    repo, ahead = InMemoryOrderRepository(), NOW + timedelta(minutes=4)
    assert (await run(repo, kept_elsewhere(1, id="order-1", created_at=ahead, updated_at=ahead))).imported == 1
    (change,) = await repo.list_changes("order-1", 0, 10)
    assert change.at == ahead


# --- following the status ---


@pytest.mark.parametrize(
    "stored, file, events",
    [
        ("pending", "processing", ["OrderConfirmed"]),
        ("pending", "delivered", ["OrderConfirmed", "OrderShipped", "OrderDelivered"]),
        ("processing", "cancelled", ["OrderCancelled"]),
        ("shipped", "delivered", ["OrderDelivered"]),
    ],
)
async def test_update_follows_the_status_by_commands(stored: str, file: str, events: list[str]) -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1, status=stored))
    changed = kept_elsewhere(1, status=file, updated_at=datetime(1996, 8, 1, tzinfo=UTC))
    if file == "cancelled":
        changed = replace(changed, cancellation=Cancellation("refund", "broken", datetime(1996, 8, 1, tzinfo=UTC)))
    without = await run(repo, changed, kept_elsewhere(2))
    assert [(each.line, each.field, each.code) for each in without.problems] == [(1, "status", "status_differs")]
    assert without.imported == 0
    report = await run(repo, changed, kept_elsewhere(2), update=True)
    assert (report.imported, report.updated, report.problem_count) == (1, 1, 0)
    order = await repo.get_by_id(order_id_for_external_ref("northwind-1"))
    assert order is not None
    assert order.status == file
    if order.cancellation:
        assert (order.cancellation.reason, order.cancellation.note, order.cancellation.at) == ("refund", "broken", NOW)
    changes = await repo.list_changes(order.id, 1, 10)
    assert [(each.events[0].type, each.at) for each in changes] == [(name, NOW) for name in events]
    for options in ({}, {"update": True}):
        assert (await run(repo, changed, kept_elsewhere(2), **options)).unchanged == 2


async def test_update_follows_a_placed_order() -> None:
    repo = InMemoryOrderRepository()
    placed = await PlaceOrderUseCase(repo, clock=lambda: NOW).execute(place_command(external_ref="web-1"))
    sent = replace(placed.order, id="", status="shipped", created_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert (await run(repo, sent, update=True)).updated == 1
    order = await repo.get_by_id(placed.order_id)
    assert order is not None
    assert order.status == "shipped"


@pytest.mark.parametrize("stored, file", [("cancelled", "shipped"), ("shipped", "cancelled")])
async def test_status_that_no_command_leads_to_is_a_problem(stored: str, file: str) -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1, status=stored))
    report = await run(repo, kept_elsewhere(1, status=file), update=True)
    message = f"is {file}, but the order is stored as {stored}: no command leads there"
    assert report.problems == [ImportProblem(1, "status", "status_conflict", message)]


async def test_update_reports_an_order_that_another_writer_changed_meanwhile() -> None:
    repo = InMemoryOrderRepository()
    order_id = order_id_for_external_ref("northwind-1")
    await run(repo, kept_elsewhere(1))

    shipped = kept_elsewhere(1, status="shipped")

    class CancelledMeanwhile(InMemoryOrderRepository):
        """Another writer cancels the order after the import has read it again."""

        def __init__(self) -> None:
            self.__dict__, self.loads = repo.__dict__, 0

        async def get_by_id(self, order_id: str) -> Order | None:
            self.loads += 1
            if self.loads == 3:
                await CancelOrderUseCase(repo).execute(order_id)
            return await super().get_by_id(order_id)

    store = CancelledMeanwhile()
    report = await ImportOrdersUseCase(store).execute(file_of(shipped), ImportOptions(update=True))
    assert [(each.field, each.code) for each in report.problems] == [("status", "cannot_ship_order")]
    order = await repo.get_by_id(order_id)
    assert order is not None
    assert order.status == "cancelled"


# --- skipping invalid orders ---


async def test_skip_invalid_writes_the_others() -> None:
    repo = InMemoryOrderRepository()
    await run(repo, kept_elsewhere(1))
    orders = [kept_elsewhere(1, total=5), kept_elsewhere(2, status="lost"), kept_elsewhere(3)]
    rejected: list[int] = []
    report = await ImportOrdersUseCase(repo).execute(
        file_of(*orders), ImportOptions(skip_invalid=True), on_rejected=lambda row: rejected.append(row.line)
    )
    assert (report.imported, report.problem_count, rejected) == (1, 2, [1, 2])
    assert (await run(repo, kept_elsewhere(3))).unchanged == 1


async def test_skip_invalid_writes_nothing_of_a_file_that_was_read_incompletely() -> None:
    repo = InMemoryOrderRepository()
    problem = ImportProblem(2, "", "line_too_long", "exceeds")
    rows = [ImportRow(1, kept_elsewhere(1)), ImportRow(2, None, (problem,), incomplete=True)]
    report = await ImportOrdersUseCase(repo).execute(rows, ImportOptions(skip_invalid=True))
    assert (report.imported, report.incomplete) == (0, True)


async def test_imports_its_own_export_for_any_actor() -> None:
    repo = InMemoryOrderRepository()
    placed = (await PlaceOrderUseCase(repo, clock=lambda: NOW).execute(place_command())).order
    elsewhere = InMemoryOrderRepository()
    assert (await run(elsewhere, placed)).imported == 1
    assert (await run(repo, placed)).unchanged == 1
    by_anna = await ImportOrdersUseCase(elsewhere).execute(file_of(placed), actor=ANNA)
    assert by_anna.unchanged == 1


async def test_imported_order_is_found_although_a_later_order_has_its_number() -> None:
    repo = InMemoryOrderRepository()
    imported = kept_elsewhere(1, external_ref="web-1")
    await run(repo, imported)
    await PlaceOrderUseCase(repo, clock=lambda: NOW).execute(place_command(external_ref="web-1"))
    report = await run(repo, imported)
    assert (report.unchanged, report.present, report.problems) == (1, 0, [])


async def test_each_order_of_a_batch_records_the_actor_and_a_key_of_its_own() -> None:
    repo = InMemoryOrderRepository()
    await ImportOrdersUseCase(repo).execute(file_of(*map(kept_elsewhere, range(3))), actor=ANNA)
    changes = (await repo.read_changes(0, 10)).changes
    assert [change.actor for change in changes] == ["staff:anna"] * 3
    assert len({change.key for change in changes} - {None}) == 3


async def test_reports_an_order_that_is_kept_with_other_content() -> None:
    repo = InMemoryOrderRepository()
    order = replace(kept_elsewhere(1), id="order-1")
    await run(repo, order)
    report = await run(repo, kept_elsewhere(2), replace(order, total=99))
    assert (report.imported, report.problem_count) == (0, 1)
    message = "is that of the stored order order-1, which differs in total: it was not changed"
    assert report.problems == [ImportProblem(2, "id", "already_kept", message)]
    earlier = await run(repo, replace(order, created_at=order.created_at - timedelta(seconds=1)))
    assert "which differs in created_at:" in earlier.problems[0].message
    by_anna = await ImportOrdersUseCase(repo).execute(file_of(replace(order, total=98)), actor=ANNA)
    assert [problem.code for problem in by_anna.problems] == ["already_kept"]


async def test_reports_every_problem_by_its_line_and_writes_nothing() -> None:
    repo = InMemoryOrderRepository()
    unreadable = ImportRow(7, None, (ImportProblem(7, "total", "invalid_amount", "must be a decimal number"),))
    rows = [
        ImportRow(1, kept_elsewhere(1)),
        ImportRow(2, kept_elsewhere(2, status="lost")),
        ImportRow(3, kept_elsewhere(3, currency="GOLD")),
        ImportRow(4, kept_elsewhere(1)),
        ImportRow(5, kept_elsewhere(5, external_ref=None)),
        ImportRow(6, kept_elsewhere(6, total=-1)),
        unreadable,
        ImportRow(8, kept_elsewhere(8, id="order-8")),
        ImportRow(9, kept_elsewhere(9, id="order-8")),
    ]
    report = await ImportOrdersUseCase(repo).execute(rows)
    assert [(problem.line, problem.field, problem.code) for problem in report.problems] == [
        (2, "status", "unknown_status"),
        (3, "currency", "unknown_currency"),
        (4, "external_ref", "duplicate_order"),
        (5, "external_ref", "field_missing"),
        (6, "total", "amount_out_of_range"),
        (7, "total", "invalid_amount"),
        (9, "id", "duplicate_order"),
    ]
    assert (report.orders, report.problem_count) == (2, 7)
    assert (await repo.read_changes(0, 10)).changes == ()


async def test_counts_problems_after_the_first_thousand() -> None:
    orders = [kept_elsewhere(number, status="lost") for number in range(1_003)]
    report = await run(InMemoryOrderRepository(), *orders)
    assert (len(report.problems), report.problem_count) == (1_000, 1_003)


async def test_checks_all_and_writes_nothing_in_a_dry_run() -> None:
    repo = InMemoryOrderRepository()
    report = await ImportOrdersUseCase(repo).execute(file_of(kept_elsewhere(1)), ImportOptions(dry_run=True))
    assert (report.orders, report.imported) == (1, 1)
    assert (await repo.read_changes(0, 10)).changes == ()


async def test_stops_if_the_store_is_unavailable() -> None:
    repo = InMemoryOrderRepository()
    await repo.close()
    with pytest.raises(StoreUnavailable):
        await run(repo, kept_elsewhere(1))


async def test_reads_the_file_once_and_writes_what_it_checked() -> None:
    repo, checked, kept = InMemoryOrderRepository(), kept_elsewhere(1), list[CheckedOrder]()
    rows = file_of(checked, kept_elsewhere(2, id="order-2"))
    report = await ImportOrdersUseCase(repo).execute(rows, buffer=kept)
    assert [(each.line, each.id_field, each.order.id) for each in kept] == [
        (1, "external_ref", order_id_for_external_ref("northwind-1")),
        (2, "id", "order-2"),
    ]
    assert (report.imported, list(rows)) == (2, [])
    assert {order.id for order in await list_orders(repo, OrderFilter())} == {each.order.id for each in kept}


async def test_buffers_no_order_that_will_not_be_written() -> None:
    repo, kept = InMemoryOrderRepository(), list[CheckedOrder]()
    rows = file_of(kept_elsewhere(1), kept_elsewhere(2, status="lost"), kept_elsewhere(3))
    report = await ImportOrdersUseCase(repo).execute(rows, buffer=kept)
    assert (report.orders, [each.line for each in kept if each.line != 1]) == (2, [])
    await ImportOrdersUseCase(repo).execute(file_of(kept_elsewhere(4)), ImportOptions(dry_run=True), buffer=kept)
    assert all(each.line == 1 for each in kept)
    assert await list_orders(repo, OrderFilter()) == []


class OvertakenStore(InMemoryOrderRepository):
    """Another writer inserts an order while an import saves its own."""

    other: Order | None = None

    async def save_each(self, orders: Sequence[Order]) -> list[bool]:
        if self.other is not None:
            await self.save(self.other)
        return [False for _ in orders]


@pytest.mark.parametrize("total, outcome", [(None, (1, 0, 0)), (1_001, (0, 1, 0)), (7, (0, 0, 1))])
async def test_order_that_another_writer_inserts_meanwhile_is_compared(
    total: int | None, outcome: tuple[int, int, int]
) -> None:
    store, order = OvertakenStore(), kept_elsewhere(1, id="order-1")
    store.other = replace(order, total=total).to_imported_order(NOW) if total else None
    report = await ImportOrdersUseCase(store, lambda: NOW).execute(file_of(order), ImportOptions())
    assert (report.imported, report.unchanged, report.problem_count) == outcome


async def test_total_of_an_order_whose_rows_are_apart_is_not_reported() -> None:
    """It does not add up because the later rows are missing; that of another order is an error of its own."""
    orders = [kept_elsewhere(number, shipping=9_000) for number in (1, 2)]
    apart = ImportProblem(3, "", "rows_apart", "continues the order of line 1", continues=1)
    report = await ImportOrdersUseCase(InMemoryOrderRepository()).execute(
        [*file_of(*orders), ImportRow(3, None, (apart,))]
    )
    assert [(each.line, each.code) for each in report.problems] == [(2, "total_mismatch"), (3, "rows_apart")]
    assert report.problem_count == 2
