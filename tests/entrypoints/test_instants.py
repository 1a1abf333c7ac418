"""Times are accepted in RFC 3339 only."""

from datetime import UTC, datetime

import pytest

from orderkeep.entrypoints.api.orders import ListQuery
from orderkeep.entrypoints.schemas import read_instant


@pytest.mark.parametrize(
    "text, instant",
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22t10:00:00z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00:00-00:30", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-22T23:00:00.123456789+14:00", datetime(2026, 11, 22, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_read_instant_accepts_rfc_3339(text: str, instant: datetime) -> None:
    assert read_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00Z", "20261122T100000Z", "2026-W47-7T10:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T10:00:60Z", "2026-02-29T10:00:00Z", "2026-11-22T10:00:00+24:00",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z", "2026-11-22T10:00:00Z\n",
        "\uff12026-11-22T10:00:00Z", "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00,5Z", "-2026-11-22T10:00:00Z",
    ],
)  # fmt: skip
def test_read_instant_rejects_other_formats(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an (RFC 3339|existing) time"):
        read_instant(text)


def test_read_instant_says_that_a_date_alone_is_not_accepted() -> None:
    with pytest.raises(ValueError, match=r"such as 2026-11-22T10:00:00Z; a date alone is not accepted$"):
        read_instant("2026-11-22")


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00 01:00", "2026-11-22T10:00:00+01:00"])
def test_time_filter_accepts_an_unencoded_plus(text: str) -> None:
    """A `+` in a query is a space."""
    query = ListQuery.model_validate({"created_from": text})
    assert query.created_from == datetime(2026, 11, 22, 9, tzinfo=UTC)
