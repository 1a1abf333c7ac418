"""Times in RFC 3339, the format that the HTTP API and order files use."""

import re
from datetime import UTC, datetime

_DAY, _TIME = r"(\d{4}-\d\d-\d\d)", r"((?:[01]\d|2[0-3]):\d\d:\d\d)"
_RFC3339 = re.compile(rf"{_DAY}[Tt ]{_TIME}(\.\d{{1,9}})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def read_instant(text: str) -> datetime:
    """Return the time in UTC, to the microsecond. Raises `ValueError` with a message for people."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-11-22T10:00:00Z")
    day, time, fraction, offset = found.groups(default="")
    try:
        return datetime.fromisoformat(f"{day}T{time}{fraction[:7]}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an existing time in the years 1 to 9999, without leap seconds") from None
