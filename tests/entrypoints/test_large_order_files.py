"""Files and orders that are too large: given up where a limit is passed, with the line and the limit, and not kept."""

import io
import itertools
import json
import tracemalloc
from typing import Any

import pytest

from orderkeep.entrypoints.order_files.formats import COLUMNS, LINE_FIELDS, ORDER_FIELDS, PERSONAL_COLUMNS, convert
from orderkeep.entrypoints.order_files.reading import LONGEST_LINE, Converter, OrderFile
from tests.entrypoints.order_file_reading import rows_in

HEADER = ",".join(COLUMNS).encode() + b"\n"


class Endless(io.RawIOBase):
    """A file that repeats itself for ever; `given` is how much of it was taken."""

    def __init__(self, beginning: bytes, pattern: bytes) -> None:
        super().__init__()
        self.parts = itertools.chain(beginning, itertools.cycle(pattern))
        self.given = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert self.given == 0
        return 0

    def readinto(self, buffer: Any) -> int:
        buffer[:] = bytes(itertools.islice(self.parts, len(buffer)))
        self.given += len(buffer)
        assert self.given < 20 * LONGEST_LINE, "it goes on reading"
        return len(buffer)


@pytest.mark.parametrize(
    "beginning, pattern, converter, line, what",
    [
        (b"", b"[", None, 1, "exceeds 1,048,576 bytes"),
        (HEADER, b"z", convert, 2, "exceeds 1,048,576 bytes"),
        (HEADER, b'"\n",', convert, 2, "record larger than 1,048,576 characters"),
        (HEADER + b'"', b"z\n", convert, 2, "field larger than field limit (131072)"),
    ],
)
def test_a_file_without_end_is_given_up_where_a_record_is_too_long(
    beginning: bytes, pattern: bytes, converter: Converter | None, line: int, what: str
) -> None:
    file = Endless(beginning, pattern)
    rows = list(OrderFile(io.BufferedReader(file), converter))
    [problem] = [problem for row in rows for problem in row.problems if what in problem.message]
    assert problem.line >= line
    assert file.given < 3 * LONGEST_LINE


def test_the_largest_order_there_can_be_is_imported_again() -> None:
    wide = "\U0001f69a"
    line = {"sku": wide * 64, "name": wide * 200, "quantity": 1_000_000, "unit_price": 1, "discount": 0, "tax": 0}
    order = {
        "id": "x" * 64, "user_id": wide * 128, "total": 500_000_000, "currency": "EUR", "lines": [line] * 500,
        "status": "cancelled", "created_at": "2026-03-02T00:00:00.123456Z", "external_ref": wide * 128,
        "tags": [f"{n:02}" + wide * 48 for n in range(20)],
        "metadata": {f"{n:02}" + wide * 38: wide * 500 for n in range(50)},
        "cancellation": {"at": "2026-03-02T00:00:00.123456Z", "reason": wide * 100, "note": wide * 1_000},
        "documents": [dict.fromkeys(("id", "kind", "media_type", "size", "created_at", "by"), "d" * 64)] * 100,
    }  # fmt: skip
    rows = rows_in(json.dumps(order, ensure_ascii=False, separators=(",", ":")), None)
    assert [row.order is not None for row in rows] == [True]


def test_the_rows_of_one_order_do_not_fill_memory() -> None:
    order = ["1", "anna", "pending", "", "EUR"] + [""] * (len(ORDER_FIELDS) - 5)
    row = ",".join([*order, *["z" * 50_000] * len(LINE_FIELDS), *[""] * len(PERSONAL_COLUMNS)]).encode() + b"\n"
    content = HEADER + row * 100
    tracemalloc.start()
    try:
        rows = list(OrderFile(io.BytesIO(content), convert))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    problems = [problem for row in rows for problem in row.problems if problem.code == "order_too_large"]
    assert [problem.message for problem in problems] == ["makes this order exceed 16,777,216 characters"]
    assert most < 30 * 1024 * 1024
