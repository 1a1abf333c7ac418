"""Reads the orders in a file for the importer: JSON Lines, or CSV through a converter."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.application.use_cases.import_orders import ImportProblem, ImportRow
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.order_files.rows import ColumnMissing, Row, Rows, TextLine
from orderkeep.entrypoints.schemas import ImportedOrder, parse_json, read_imported_order

Converted = tuple[Sequence[Row], dict[str, Any]]
"""The rows of an order, one for each of its lines, and the order with the fields of our JSON."""

Converter = Callable[[Rows], Iterable[Converted]]
"""Yields the orders in the rows of a CSV file."""

LONGEST_LINE = 1024 * 1024
"""In bytes. The largest valid order, as `export` writes it, is shorter."""

INCOMPLETE = {"line_too_long", "order_too_large", "record_too_long", "rows_apart", "too_many_lines"}
"""Codes of problems after which the rest of an order or of the file is unknown."""


class ConverterFailed(Exception):
    """A converter raised an exception, which is the cause of this one."""


class OrderFile:
    """The orders in a file, from its beginning: CSV with a converter, or JSON Lines without one. `on_bytes` gets the
    number of bytes read. With `keeps_source`, each row has its text in the file, and `header` is that of the header of
    a CSV file, once its first order has been read. The iteration raises `ConverterFailed`.
    """

    def __init__(
        self,
        file: IO[bytes],
        convert: Converter | None,
        on_bytes: Progress = ignore_progress,
        *,
        delimiter: str = ",",
        keeps_source: bool = False,
    ) -> None:
        self._file, self._convert, self._on_bytes, self._delimiter = file, convert, on_bytes, delimiter
        self.header, self._keeps_source = "", keeps_source

    def __iter__(self) -> Iterator[ImportRow]:
        self._file.seek(0)
        lines = _read_text_lines(self._file, self._on_bytes)
        if self._convert is None:
            yield from _read_json_lines(lines)
            return
        rows = Rows(lines, self._delimiter, keeps_texts=self._keeps_source)
        self.header = rows.header.text
        yield from _read_csv(rows, self._convert)


def _read_text_lines(file: IO[bytes], on_bytes: Progress) -> Iterator[TextLine]:
    """Yield the lines of a UTF-8 file, with or without a byte order mark."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        on_bytes(len(raw))
        if len(raw) > LONGEST_LINE:
            message = f"exceeds {LONGEST_LINE:,} bytes: the rest of the file was not read"
            yield number, "", ImportProblem(number, "", "line_too_long", message)
            return
        yield _text_line(number, raw.removeprefix(BOM_UTF8) if number == 1 else raw)


def _text_line(number: int, raw: bytes) -> TextLine:
    try:
        text = raw.decode()
        if "\0" not in text:
            return number, text, None
        found = ("nul", "contains a NUL character")
    except UnicodeDecodeError as error:
        text = raw.decode(errors="replace")
        found = ("not_utf8", f"is not UTF-8 at byte {error.start + 1} of the line")
    return number, text.replace("\0", "\ufffd"), ImportProblem(number, "", *found)


def _read_json_lines(lines: Iterator[TextLine]) -> Iterator[ImportRow]:
    for number, line, problem in lines:
        if problem is not None:
            yield ImportRow(number, None, (problem,), line, _is_incomplete((problem,)))
        elif text := line.strip(" \t\r\n"):  # the whitespace of JSON; without it, `strip` removes more
            yield _validated(lambda text: parse_json(ImportedOrder, text.encode()).to_order(), text, [number], line)


def _read_csv(rows: Rows, convert: Converter) -> Iterator[ImportRow]:
    was_damaged = False
    for order_rows, data in _convert(rows, convert):
        source = "".join([row.text for row in order_rows])
        row = _validated(read_imported_order, data, [row.line for row in order_rows] or [rows.line], source)
        problems = tuple(sorted((*rows.problems, *row.problems), key=lambda each: each.line))
        is_whole = not problems and not was_damaged
        was_damaged = bool(rows.left_out)  # a row that was left out may be of the next order
        source = "".join([source, *rows.left_out])
        yield ImportRow(row.line, row.order if is_whole else None, problems, source, _is_incomplete(problems))
        rows.problems.clear()
        rows.left_out.clear()
    if rows.problems:
        problems, source = tuple(rows.problems), "".join(rows.left_out)
        yield ImportRow(problems[0].line, None, problems, source, _is_incomplete(problems))


def _is_incomplete(problems: Sequence[ImportProblem]) -> bool:
    return any(problem.code in INCOMPLETE for problem in problems)


def _convert(rows: Rows, convert: Converter) -> Iterator[Converted]:
    """Yield the orders, each with its rows."""
    if rows.problems:
        return
    try:
        for order_rows, data in convert(rows):
            [row.text for row in order_rows]
            yield order_rows, data
    except ColumnMissing as error:
        rows.header.reject(str(error), "column_missing", "is required in the header: the converter reads it")
    except Exception as error:
        raise ConverterFailed(f"raised {type(error).__name__} at line {rows.line} of the file") from error


def _validated(read: Callable[[Any], OrderDTO], data: Any, numbers: Sequence[int], source: str) -> ImportRow:
    """Return the order, or all that is wrong with it. Its line n is in line `numbers[n]` of the file."""
    try:
        return ImportRow(numbers[0], read(data), (), source)
    except InvalidJSON as error:
        found = [("", error.code, str(error).replace("line 1, ", ""))]  # the problem has the line of the file
    except InvalidFields as error:
        found = [((each.pointer or "").removeprefix("/"), each.code, each.message) for each in error.errors]
    problems = []
    for field, code, message in found:
        of_line = re.match("lines/([0-9]+)", field)
        later = numbers[int(of_line[1]) :] if of_line else numbers
        problems.append(ImportProblem((later or numbers)[0], field, code, message))
    return ImportRow(numbers[0], None, tuple(problems), source)
