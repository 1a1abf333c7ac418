"""Torture finds every planted fault, by the checks named here; and none in a sound store."""

import asyncio
import copy

import pytest

from orderkeep.application.ports import ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.contract.broken_reads import GivesPositionsBeforeItCommits, PagesByTimeAlone, SkipsEveryFifthChange
from tests.contract.broken_saves import BlindWrites, ChecksThenWrites, LosesRequestKeys, Upserts
from tests.torture.planted import DecidesOnAReplica, FeedsInCircles, ListsInCircles, LooksUpKeysFirst, ReadsAReplica
from tests.torture.torture import TortureReport, torture

ROUNDS = 10
MOST_ROUNDS = 200
"""A fault that takes luck to hit is hit in every third round or so: 200 without it do not happen."""

PLANTED: list[tuple[type[InMemoryOrderRepository], set[str]]] = [
    (BlindWrites, {"saves", "races", "retries", "histories"}),
    (ChecksThenWrites, {"saves", "races", "retries", "facts", "histories"}),
    (LooksUpKeysFirst, {"retries", "histories"}),
    (LosesRequestKeys, {"retries", "histories"}),
    (Upserts, {"saves", "retries", "histories"}),
    (ReadsAReplica, {"histories"}),
    (DecidesOnAReplica, {"histories"}),
    (GivesPositionsBeforeItCommits, {"feed"}),
    (SkipsEveryFifthChange, {"feed"}),
    (PagesByTimeAlone, {"pages"}),
    (ListsInCircles, {"pages"}),
    (FeedsInCircles, {"feed"}),
]


def found_by(report: TortureReport) -> set[str]:
    """The checks that saw a violation."""
    return {check.check for check in report.checks if check.first is not None}


@pytest.mark.parametrize("planted, checks", PLANTED, ids=lambda value: getattr(value, "__name__", ""))
async def test_linearizability_checker_finds_planted_violations(planted: type[OrderStore], checks: set[str]) -> None:
    store, found = planted(), set[str]()
    for _ in range(MOST_ROUNDS):
        found |= found_by(await torture(store, rounds=1))
        if found >= checks:
            return
    pytest.fail(f"not found: {checks - found}")


async def test_finds_nothing_in_a_sound_store() -> None:
    report = await torture(InMemoryOrderRepository(), rounds=ROUNDS)
    assert found_by(report) == set()
    assert (report.violations, report.undecided) == (0, 0)


def test_every_check_finds_something() -> None:
    assert set().union(*(checks for _, checks in PLANTED)) == {
        "saves",
        "races",
        "retries",
        "facts",
        "histories",
        "pages",
        "feed",
    }


class LosesAnswers(InMemoryOrderRepository):
    """Commits, and then cannot say so: as where a connection breaks behind COMMIT."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = 0

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        self.saves += 1
        copies = copy.deepcopy(orders) if self.saves % 5 == 0 else orders
        saved = await super().save(*copies)
        if copies is not orders:
            raise StoreUnavailable("the connection broke")
        return saved


class LosesAnswersAndChecksNoVersions(LosesAnswers, BlindWrites):
    pass


class NeverAnswers(InMemoryOrderRepository):
    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        await asyncio.Event().wait()
        return SnapshotPage(b"", None)


async def test_lost_response_violates_no_guarantee() -> None:
    report = await torture(LosesAnswers(), rounds=ROUNDS)
    assert found_by(report) == set()
    assert {check.check: check.undecided for check in report.checks}["histories"] == 0
    assert report.undecided > ROUNDS


async def test_lost_response_hides_no_fault() -> None:
    report = await torture(LosesAnswersAndChecksNoVersions(), rounds=ROUNDS)
    assert "histories" in found_by(report)


async def test_a_round_that_does_not_end_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.torture.torture.LONGEST_ROUND_SECONDS", 0.2)
    report = await torture(NeverAnswers(), rounds=1)
    assert [check.first.seen for check in report.checks if check.check == "pages" and check.first] == [
        "the round did not end within 0.2 seconds"
    ]
