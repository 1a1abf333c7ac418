"""Periods of statistics in time zones: days with 23 and 25 hours, days without midnight, days that were skipped."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.errors import InvalidQuery
from orderkeep.application.periods import MAX_DAYS, MAX_PERIODS, edges_of, zone_of

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)


def hours(zone: str, start: date, days: int, by: str = "day") -> list[float]:
    """Return the lengths of the periods."""
    edges = edges_of(start, start + timedelta(days=days), ZoneInfo(zone), by, NOW)
    utc = [edge.astimezone(UTC) for edge in edges]
    return [(last - first) / timedelta(hours=1) for first, last in pairwise(utc)]


@pytest.mark.parametrize(
    "zone, start, expected",
    [
        ("Europe/Berlin", date(2026, 3, 28), [24, 23, 24]),
        ("Europe/Berlin", date(2026, 10, 24), [24, 25, 24]),
        ("Australia/Lord_Howe", date(2026, 4, 4), [24, 24.5, 24]),
        ("America/Havana", date(2026, 3, 7), [24, 23, 24]),
        ("Pacific/Apia", date(2011, 12, 29), [24, 0, 24]),
        ("Asia/Kathmandu", date(2026, 3, 28), [24, 24, 24]),
    ],
)
def test_days_have_the_hours_of_the_time_zone(zone: str, start: date, expected: list[float]) -> None:
    assert hours(zone, start, 3) == expected


def test_day_without_midnight_begins_when_clocks_were_changed() -> None:
    [first, *_] = edges_of(date(2026, 3, 8), date(2026, 3, 9), ZoneInfo("America/Havana"), "day", NOW)
    assert first.isoformat() == "2026-03-08T01:00:00-04:00"


def test_hours_are_counted_from_the_start_of_each_day() -> None:
    assert hours("Europe/Berlin", date(2026, 10, 25), 1, "hour") == [1] * 25
    assert hours("Asia/Kathmandu", date(2026, 10, 25), 2, "hour") == [1] * 48
    assert hours("Australia/Lord_Howe", date(2026, 4, 5), 1, "hour") == [1] * 24 + [0.5]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    def starts(by: str) -> list[str]:
        edges = edges_of(date(2026, 10, 28), date(2026, 12, 2), ZoneInfo("Europe/Berlin"), by, NOW)
        return [edge.date().isoformat() for edge in edges]

    assert starts("week") == [
        *("2026-10-28", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30", "2026-12-02"),
    ]
    assert starts("month") == ["2026-10-28", "2026-11-01", "2026-12-01", "2026-12-02"]


def test_default_range_ends_with_today_in_the_time_zone() -> None:
    for zone, last in (("UTC", date(2026, 12, 1)), ("Asia/Tokyo", date(2026, 12, 2))):
        edges = edges_of(None, None, ZoneInfo(zone), "day", NOW)
        assert (edges[0].date(), edges[-1].date()) == (last - timedelta(days=30), last)
    later = edges_of(date(2027, 1, 1), None, ZoneInfo("UTC"), "day", NOW)
    assert later[-1].date() == date(2027, 1, 2)


@pytest.mark.parametrize(
    "start, end, by, message",
    [
        (date(2026, 1, 2), date(2026, 1, 2), "day", "must be after from: it is the day after the last one"),
        (date(2026, 1, 3), date(2026, 1, 2), "day", "must be after from: it is the day after the last one"),
        (date(1969, 12, 31), None, "day", "must be from 1970-01-01 to 2999-12-31"),
        (None, date(3000, 1, 1), "day", "must be from 1970-01-01 to 2999-12-31"),
        (date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=MAX_DAYS + 1), "month", "must be at most 1100 days after"),
        (date(2026, 1, 1), date(2026, 3, 1), "hour", "must be a longer period: the range has more than 1000 of them"),
        (None, None, "year", "must be one of hour, day, week, month"),
    ],
)
def test_rejects_ranges_that_are_empty_or_too_long(start: date | None, end: date | None, by: str, message: str) -> None:
    with pytest.raises(InvalidQuery, match=message):
        edges_of(start, end, ZoneInfo("UTC"), by, NOW)


def test_accepts_the_largest_ranges() -> None:
    start = date(2020, 1, 1)
    assert len(edges_of(start, start + timedelta(days=MAX_PERIODS), ZoneInfo("UTC"), "day", NOW)) == MAX_PERIODS + 1
    assert len(edges_of(start, start + timedelta(days=MAX_DAYS), ZoneInfo("UTC"), "month", NOW)) == 38


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere", "Europe", "Europe/", "../etc/passwd", "/etc/passwd", "posix/Europe/Berlin", "right/UTC", "a\0b"],
)
def test_rejects_names_that_are_no_time_zone(name: str) -> None:
    with pytest.raises(InvalidQuery, match="must be an IANA time zone, such as Europe/Berlin"):
        zone_of(name)


def test_accepts_names_of_time_zones() -> None:
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")


@given(st.sampled_from(sorted(available_timezones())), st.dates(date(1990, 1, 1), date(2035, 1, 1)))
def test_days_begin_at_a_quarter_of_an_hour_in_every_time_zone(zone: str, start: date) -> None:
    edges = edges_of(start, start + timedelta(days=40), ZoneInfo(zone), "day", NOW)
    utc = [edge.astimezone(UTC) for edge in edges]
    assert all(edge.minute % 15 == 0 and edge.second == 0 for edge in utc)
    assert all(first <= last for first, last in pairwise(utc))
