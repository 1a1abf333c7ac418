"""Torture finds every planted fault, by the checks named here, in the first rounds; and none in a sound store."""

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.torture import TortureReport, torture
from tests.contract.broken_reads import GivesPositionsBeforeItCommits, PagesByTimeAlone, SkipsEveryFifthChange
from tests.contract.broken_saves import BlindWrites, ChecksThenWrites, LosesRequestKeys, Upserts
from tests.torture.planted import DecidesOnAReplica, FeedsInCircles, ListsInCircles, LooksUpKeysFirst, ReadsAReplica

ROUNDS = 10

PLANTED: list[tuple[type[InMemoryOrderRepository], set[str]]] = [
    (BlindWrites, {"saves", "races", "retries", "histories"}),
    (ChecksThenWrites, {"saves", "races", "retries", "histories"}),
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


def found_by(report: TortureReport) -> dict[str, int]:
    """The checks that saw a violation, and in which round first."""
    return {check.check: check.first.round for check in report.checks if check.first is not None}


@pytest.mark.parametrize("planted, checks", PLANTED, ids=lambda value: getattr(value, "__name__", ""))
async def test_finds_what_is_planted(planted: type[OrderStore], checks: set[str]) -> None:
    report = await torture(planted(), rounds=ROUNDS)
    found = found_by(report)
    assert checks <= found.keys(), report
    assert report.violations >= len(checks)


async def test_finds_nothing_in_a_sound_store() -> None:
    report = await torture(InMemoryOrderRepository(), rounds=ROUNDS)
    assert found_by(report) == {}
    assert (report.violations, report.undecided) == (0, 0)


def test_every_check_finds_something() -> None:
    assert set().union(*(checks for _, checks in PLANTED)) == {
        "saves",
        "races",
        "retries",
        "histories",
        "pages",
        "feed",
    }
