"""Orders from JSON Lines: an order a line, as `export` writes it and HTTP answers it."""

from __future__ import annotations

from collections.abc import Iterator

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.application.use_cases import ImportProblem, ImportRow
from orderkeep.entrypoints.order_files.imported import import_row
from orderkeep.entrypoints.order_files.text_lines import TextLine

BLANK = " \t\r\n"
"""What may stand around JSON (RFC 8259, 2); `strip` alone would take away much else."""


def read_jsonl_orders(lines: Iterator[TextLine]) -> Iterator[ImportRow]:
    """Yield the orders in the lines that are not empty, and all that is wrong with them."""
    for line in lines:
        if line.problem is not None:
            yield ImportRow(line.number, None, (line.problem,))
        elif line.text.strip(BLANK):
            yield _order_of(line)


def _order_of(line: TextLine) -> ImportRow:
    try:
        data = read_json(line.text.strip(BLANK).encode())
    except InvalidJSON as error:
        message = str(error).replace("line 1, ", "")  # the line of the file is told beside it
        return ImportRow(line.number, None, (ImportProblem(line.number, "", error.code, message),))
    return import_row(data, (), [line.number])
