"""Reads the orders in a file for the importer: JSON Lines, or CSV through a converter."""

import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from itertools import islice
from typing import IO, Any

from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.application.use_cases.import_orders import ImportProblem, ImportRow
from orderkeep.domain.value_objects import DEFAULT_CURRENCY
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.import_records import ImportedOrder
from orderkeep.entrypoints.order_files.rows import ColumnMissing, Row, Rows, TextLine
from orderkeep.entrypoints.schemas import parse, parse_json

Converted = tuple[Sequence[Row], dict[str, Any]]
"""The rows of an order, one for each of its lines, and the order with the fields of our JSON."""

Converter = Callable[[Rows], Iterable[Converted]]
"""Yields the orders in the rows of a CSV file."""

LONGEST_LINE = 1024 * 1024
"""In bytes. The largest valid order, as `export` writes it, is shorter."""

DELIMITERS = ",;\t|"
"""The delimiters that are detected."""

LINES_BEFORE_HEADER = 30
"""How many lines above the header may contain something else."""

LARGEST_BEGINNING = 64 * 1024
"""In characters, of the lines in which the header is searched."""

INCOMPLETE = {"line_too_long", "order_too_large", "record_too_long", "rows_apart", "too_many_lines", "unreadable"}
"""Codes of problems after which the rest of an order or of the file is unknown."""

_UTF16 = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


class ConverterFailed(Exception):
    """A converter raised an exception, which is the cause of this one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a CSV file is written. What is None is detected. The header is the first line that has all the `columns`.

    `decimal` is the decimal mark. `timezone` is that of times without an offset, `currency` that
    of a file that has none.
    """

    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    timezone: tzinfo = UTC
    currency: str = DEFAULT_CURRENCY


class OrderFile:
    """The orders in a file, from its beginning: CSV with a converter, or JSON Lines without one. `on_bytes` gets the
    number of bytes read. The iteration raises `ConverterFailed`.

    `encoding`, `delimiter` and `header` are what was found. With `keeps_source`, each row has its text in the file.
    """

    def __init__(
        self,
        file: IO[bytes],
        convert: Converter | None,
        on_bytes: Progress = ignore_progress,
        *,
        layout: Layout = Layout(),  # frozen
        keeps_source: bool = False,
    ) -> None:
        self._file, self._convert, self._on_bytes, self._layout = file, convert, on_bytes, layout
        self._keeps_source = keeps_source
        self.header = self.delimiter = ""
        self.encoding = layout.encoding or "utf-8"

    def __iter__(self) -> Iterator[ImportRow]:
        self._file.seek(0)
        if self._convert is None:
            yield from _read_json_lines(self._read_utf8(may_be_cp1252=False))
            return
        if self._layout.encoding is None:
            self.encoding = _detected_utf16(self._file) or "utf-8"
        is_utf8 = self.encoding.lower().replace("_", "-") in ("utf-8", "utf8")
        lines = self._read_utf8(may_be_cp1252=self._layout.encoding is None) if is_utf8 else self._read_encoded()
        first = deque[TextLine]()
        for line in islice(lines, LINES_BEFORE_HEADER):
            first.append(line)
            if sum(len(text) for _, text, _ in first) > LARGEST_BEGINNING:
                break
        above, self.delimiter = find_header([text for _, text, _ in first], self._layout)
        rows = Rows(
            _chained(first, lines, above),
            self.delimiter,
            # Shops write tab-separated files without quotes, where an inch sign is only that.
            is_quoted=self.delimiter != "\t" or (bool(first) and '"' in first[above][1]),
            decimal=self._layout.decimal,
            timezone=self._layout.timezone,
            currency=self._layout.currency,
            keeps_texts=self._keeps_source,
        )
        self.header = rows.header.text
        yield from _read_csv(rows, self._convert)

    def _read_utf8(self, *, may_be_cp1252: bool) -> Iterator[TextLine]:
        """Yield the lines. A file is in cp1252 if it is not UTF-8 where it first differs from ASCII."""
        number = 0
        while raw := self._file.readline(LONGEST_LINE + 1):
            number += 1
            self._on_bytes(len(raw))
            if len(raw) > LONGEST_LINE:
                yield _too_long(number)
                return
            if number == 1:
                raw = raw.removeprefix(BOM_UTF8)
            if may_be_cp1252 and not raw.isascii():
                may_be_cp1252 = False
                if _is_cp1252(raw):
                    self.encoding = "cp1252"
            yield _text_line(number, raw, self.encoding)

    def _read_encoded(self) -> Iterator[TextLine]:
        text = io.TextIOWrapper(self._file, self.encoding, errors="replace", newline="\n")
        width = 2 if self.encoding.startswith("utf-16") else 1
        number = 0
        try:
            while line := text.readline(LONGEST_LINE + 1):
                number += 1
                self._on_bytes(len(line) * width)
                if len(line) > LONGEST_LINE:
                    yield _too_long(number)
                    return
                if "\ufffd" in line or "\0" in line:
                    message = f"is not text in {self.encoding}: select the encoding with --encoding"
                    yield number, line.replace("\0", "\ufffd"), ImportProblem(number, "", "wrong_encoding", message)
                else:
                    yield number, line.removeprefix("\ufeff") if number == 1 else line, None
        except UnicodeError:  # an encoding that cannot continue after an error
            message = f"is not text in {self.encoding}: the rest of the file was not read"
            yield number + 1, "", ImportProblem(number + 1, "", "unreadable", message)
        finally:
            text.detach()


def find_header(lines: Sequence[str], layout: Layout) -> tuple[int, str]:
    """Return the number of lines above the header, and the delimiter: of the first line that has the columns of the
    layout; or else of the first line that is not empty, which is the delimiter that occurs most often in it.
    """
    if found := _search_header(lines, layout):
        return found
    number = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if layout.delimiter:
        return number, layout.delimiter
    unquoted = re.sub(r'"[^"]*"', "", lines[number]) if lines else ""
    return number, max(DELIMITERS, key=unquoted.count)


def matches(file: IO[bytes], layout: Layout) -> bool:
    """Return whether the file has the columns of the layout."""
    file.seek(0)
    encoding = layout.encoding or _detected_utf16(file) or "utf-8"
    lines = file.read(LARGEST_BEGINNING).decode(encoding, errors="replace").removeprefix("\ufeff").split("\n")
    return _search_header(lines[:LINES_BEFORE_HEADER], layout) is not None


def _search_header(lines: Sequence[str], layout: Layout) -> tuple[int, str] | None:
    for number, line in enumerate(lines if layout.columns else ()):
        for delimiter in layout.delimiter or DELIMITERS:
            if {*layout.columns} <= {*_cells(line, delimiter)}:
                return number, delimiter
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _chained(first: deque[TextLine], rest: Iterator[TextLine], skipped: int) -> Iterator[TextLine]:
    for number in range(len(first)):
        line = first.popleft()  # and not kept
        if number >= skipped:
            yield line
    yield from rest


def _detected_utf16(file: IO[bytes]) -> str | None:
    """Return the encoding, also without a byte order mark: then it has a zero byte in each letter of the header."""
    sample = file.read(16)
    file.seek(0)
    if encoding := _UTF16.get(sample[:2]):
        return encoding
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if sample and not any(sample[offset::2]) and all(sample[1 - offset :: 2]):
            return encoding
    return None


def _is_cp1252(raw: bytes) -> bool:
    try:
        return _UTF8_CHARACTER.search(raw) is None and raw.decode("cp1252") != ""
    except UnicodeDecodeError:
        return False


def _too_long(number: int) -> TextLine:
    message = f"exceeds {LONGEST_LINE:,} bytes: the rest of the file was not read"
    return number, "", ImportProblem(number, "", "line_too_long", message)


def _text_line(number: int, raw: bytes, encoding: str) -> TextLine:
    try:
        text = raw.decode(encoding)
        if "\0" not in text:
            if encoding == "utf-8" or raw.isascii() or not _UTF8_CHARACTER.search(raw):
                return number, text, None
            found = ("wrong_encoding", f"is UTF-8, but earlier lines are {encoding}: select one with --encoding")
        else:
            found = ("nul", "contains a NUL character")
    except UnicodeDecodeError as error:
        text = raw.decode(encoding, errors="replace")
        name = "UTF-8" if encoding == "utf-8" else encoding
        code = "not_utf8" if encoding == "utf-8" else "wrong_encoding"
        found = (code, f"is not {name} at byte {error.start + 1} of the line")
    return number, text.replace("\0", "\ufffd"), ImportProblem(number, "", *found)


def _read_json_lines(lines: Iterator[TextLine]) -> Iterator[ImportRow]:
    for number, line, problem in lines:
        if problem is not None:
            yield ImportRow(number, None, (problem,), line, _is_incomplete((problem,)))
        elif text := line.strip(" \t\r\n"):  # the whitespace of JSON; without it, `strip` removes more
            yield _validated(lambda text: parse_json(ImportedOrder, text.encode()), text, [number], line)


def _read_csv(rows: Rows, convert: Converter) -> Iterator[ImportRow]:
    was_damaged = False
    for order_rows, data in _convert(rows, convert):
        source = "".join([row.text for row in order_rows])
        row = _validated(partial(parse, ImportedOrder), data, [row.line for row in order_rows] or [rows.line], source)
        problems = tuple(sorted((*rows.problems, *row.problems), key=lambda each: each.line))
        is_whole = not problems and not was_damaged
        was_damaged = bool(rows.left_out)  # a row that was left out may be of the next order
        source = "".join([source, *rows.left_out])
        order, personal = (row.order, row.personal) if is_whole else (None, None)
        yield ImportRow(row.line, order, problems, source, _is_incomplete(problems), personal)
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
            [row.line for row in order_rows]  # anything else than rows fails here, in the converter
            yield order_rows, data
    except ColumnMissing as error:
        rows.header.reject(str(error), "column_missing", "is required in the header: the converter reads it")
    except Exception as error:
        raise ConverterFailed(f"raised {type(error).__name__} at line {rows.line} of the file") from error


def _validated(read: Callable[[Any], ImportedOrder], data: Any, numbers: Sequence[int], source: str) -> ImportRow:
    """Return the order, or all that is wrong with it. Its line n is in line `numbers[n]` of the file."""
    try:
        record = read(data)
        return ImportRow(numbers[0], record.to_order(), (), source, personal=record.personal())
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
