"""The limits of a record and of a transaction, at their boundaries."""

from collections.abc import Sequence

import pytest

from orderkeep.application.records import (
    MAX_NAME,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    MAX_WRITE_BYTES,
    Record,
    check_write,
)

LARGEST = "é" * (MAX_RECORD_BYTES // 2)
MOST_LARGEST = MAX_WRITE_BYTES // MAX_RECORD_BYTES


def some(count: int, content: str = "1", version: int = 0, kind: str = "kind") -> list[Record]:
    return [Record(kind, str(number), content, version) for number in range(count)]


@pytest.mark.parametrize(
    "values, error",
    [
        (("", "a", "1"), "must have 1 to 200 printable characters"),
        (("a", "", "1"), "must have 1 to 200 printable characters"),
        (("🎁" * (MAX_NAME + 1), "a", "1"), "must have 1 to 200 printable characters"),
        (("a", "🎁" * (MAX_NAME + 1), "1"), "must have 1 to 200 printable characters"),
        (("a\n", "a", "1"), "must have 1 to 200 printable characters"),
        (("a", "\x7f", "1"), "must have 1 to 200 printable characters"),
        (("a", "a", f"{LARGEST}1"), "must be JSON of at most 100000 bytes in UTF-8"),
        (("a", "a", '"\0"'), "must be JSON of at most 100000 bytes in UTF-8"),
        (("a", "a", "1", -1), "version of a record must not be negative"),
    ],
)
def test_record_with_other_values_is_rejected(values: tuple[str, str, str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Record(*values)


def test_record_may_have_the_longest_values() -> None:
    record = Record("🎁" * MAX_NAME, "🎁" * MAX_NAME, LARGEST)
    assert (len(record.kind), len(record.id), len(record.content.encode())) == (200, 200, 100_000)


@pytest.mark.parametrize(
    "written, deleted, error",
    [
        (some(MAX_RECORDS + 1), [], "at most 90 records, and these are 91"),
        (
            some(1),
            some(MAX_RECORDS, version=1, kind="other"),
            "at most 90 records, and these are 91",
        ),
        (some(2) + some(1), [], "writes each record once"),
        (some(2, version=1), some(1, version=1), "writes each record once"),
        ([], [*some(1, version=1), Record("other", "1", "")], "does not exist yet cannot be deleted"),
        ([*some(MOST_LARGEST, LARGEST), Record("other", "1", "1")], [], "contents of at most 3000000 bytes in UTF-8"),
    ],
)
def test_transaction_beyond_a_limit_is_rejected(
    written: Sequence[Record], deleted: Sequence[Record], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        check_write(written, deleted)


@pytest.mark.parametrize(
    "written, deleted",
    [
        (some(MAX_RECORDS), []),
        (some(1), some(MAX_RECORDS - 1, version=1, kind="other")),
        (some(MOST_LARGEST, LARGEST), [Record("other", "1", LARGEST, 1)]),
        ([Record("one", "1", "1"), Record("other", "1", "1")], []),
        ([], []),
    ],
)
def test_transaction_at_a_limit_is_accepted(written: Sequence[Record], deleted: Sequence[Record]) -> None:
    check_write(written, deleted)
