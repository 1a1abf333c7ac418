"""Periods of statistics: hours, days, weeks and months of a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from orderkeep.application.errors import InvalidQuery

BY = ("hour", "day", "week", "month")
"""The lengths of periods. A week begins on Monday."""

DEFAULT_DAYS = 30
MAX_PERIODS = 1_000
MAX_DAYS = 1_100
"""The longest range: three years. It limits what one request reads."""

_DATES = (date(1970, 1, 1), date(2999, 12, 31))
_NOT_IANA = ("posix/", "right/")


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone. Raises `InvalidQuery`."""
    try:
        if not name.startswith(_NOT_IANA):
            return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: the name of a folder
        pass
    raise InvalidQuery("must be an IANA time zone, such as Europe/Berlin", "timezone")


def edges_of(start: date | None, end: date | None, zone: ZoneInfo, by: str, now: datetime) -> list[datetime]:
    """Return the limits of the periods, in the time zone. Raises `InvalidQuery`."""
    if by not in BY:
        raise InvalidQuery(f"must be one of {', '.join(BY)}", "by")
    for name, day in (("from", start), ("to", end)):
        if day is not None and not _DATES[0] <= day <= _DATES[1]:
            raise InvalidQuery(f"must be from {_DATES[0]} to {_DATES[1]}", name)
    if end is None:
        end = max(now.astimezone(zone).date(), start or _DATES[0]) + timedelta(days=1)
    start = start or max(end - timedelta(days=DEFAULT_DAYS), _DATES[0])
    if start >= end:
        raise InvalidQuery("must be after from: it is the day after the last one", "to", "from")
    if (end - start).days > MAX_DAYS:
        raise InvalidQuery(f"must be at most {MAX_DAYS} days after from", "to", "from")
    days = [start, *_starts(start, end, by), end]
    edges = [_midnight(day, zone) for day in days]
    if by == "hour":
        edges = [*[hour for first, last in pairwise(edges) for hour in _hours(first, last)], edges[-1]]
    if len(edges) > MAX_PERIODS + 1:
        raise InvalidQuery(f"must be a longer period: the range has more than {MAX_PERIODS} of them", "by")
    return edges


def _starts(start: date, end: date, by: str) -> Iterator[date]:
    day = start + timedelta(days=1)
    while day < end:
        if by in ("hour", "day") or (by == "week" and day.weekday() == 0) or (by == "month" and day.day == 1):
            yield day
        day += timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of the day. Where clocks skip midnight, it is the first hour that exists."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).astimezone(zone)


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    moment = first.astimezone(UTC)
    while moment < last.astimezone(UTC):
        yield moment.astimezone(first.tzinfo)
        moment += timedelta(hours=1)
