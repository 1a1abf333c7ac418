"""The lines of a file to import, and the errors in them, each with its line number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from orderkeep.application.use_cases.import_orders import ImportProblem, ImportRow
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.schemas import read_imported_order

LONGEST_LINE = 1024 * 1024
"""In bytes. The largest valid order, as `export` writes it, is shorter."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line, with its line ending. Invalid characters have been replaced, so that the lines after it can be read."""

    number: int
    text: str
    problem: ImportProblem | None = None


def read_text_lines(file: IO[bytes], on_bytes: Callable[[int], object]) -> Iterator[TextLine]:
    """Yield the lines of a UTF-8 file, with or without a byte order mark. `on_bytes` gets the size of each."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        on_bytes(len(raw))
        if len(raw) > LONGEST_LINE:
            message = f"exceeds {LONGEST_LINE:,} bytes: the rest of the file was not read"
            yield TextLine(number, "", ImportProblem(number, "", "line_too_long", message))
            return
        yield _text_line(number, raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw)


def _text_line(number: int, raw: bytes) -> TextLine:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problem = ImportProblem(number, "", "not_utf8", f"is not UTF-8 at byte {error.start + 1} of the line")
        return TextLine(number, raw.decode(errors="replace"), problem)
    if "\0" in text:
        problem = ImportProblem(number, "", "nul", "contains a NUL character")
        return TextLine(number, text.replace("\0", "\ufffd"), problem)
    return TextLine(number, text)


class Fault(NamedTuple):
    """A value that could not be read. `field` is a path such as `lines/0/quantity`, or a column."""

    field: str
    code: str
    message: str


def import_row(data: Any, faults: Sequence[Fault], lines: Sequence[int]) -> ImportRow:
    """Validate an order from a file. It starts in line `lines[0]`; its order line n is in line `lines[n]`."""
    found = list(faults)
    order = None
    try:
        order = read_imported_order(data)
    except InvalidFields as error:
        reported = {fault.field for fault in faults}
        for invalid in error.errors:
            field = invalid.pointer.removeprefix("/")
            if field not in reported:
                found.append(Fault(field, invalid.code, invalid.message))
    problems = tuple(ImportProblem(_line_of(fault.field, lines), *fault) for fault in found)
    return ImportRow(lines[0], None if problems else order, problems)


def _line_of(field: str, lines: Sequence[int]) -> int:
    parts = field.split("/")
    if parts[0] == "lines" and len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(lines):
        return lines[int(parts[1])]
    return lines[0]
