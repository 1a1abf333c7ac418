"""The records of a CSV file (RFC 4180), each with the line it begins in; damage is told by line and stepped over."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orderkeep.application.use_cases import ImportProblem
from orderkeep.entrypoints.order_files.text_lines import LONGEST_LINE, TextLine

LONGEST_RECORD = LONGEST_LINE
"""In characters: the lines of one record together. A quoted cell may go on over many."""

FAULTS = (
    ("unexpected end of data", "opens a quoted cell that is never closed", True),
    ("record larger than", f"is longer than {LONGEST_RECORD:,} characters: is a closing quote missing?", True),
    ("field larger than", "has a cell of more than 131,072 characters: is a closing quote missing?", True),
    ("new-line character", "has a carriage return outside of quotes", False),
    ("expected after", "has text behind the closing quote of a cell", False),
)
"""How the csv module says what is wrong, how we do, and whether what follows cannot be told apart any more."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `cells` is None where they could not be told apart."""

    line: int
    cells: list[str] | None
    problems: tuple[ImportProblem, ...] = ()


def read_records(lines: Iterator[TextLine], delimiter: str) -> Iterator[Record]:
    """Yield the records that are not empty."""
    taken: list[TextLine] = []
    reader = csv.reader(_texts(lines, taken), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message, is_last = _in_our_words(str(error))
            number = taken[0].number
            yield Record(number, None, (*_problems(taken), ImportProblem(number, "", "malformed_csv", message)))
            if is_last:
                return
            continue
        problems = _problems(taken)
        if problems or any(cells):
            yield Record(taken[0].number, None if problems else cells, problems)


def _texts(lines: Iterable[TextLine], taken: list[TextLine]) -> Iterator[str]:
    length = 0
    for line in lines:
        taken.append(line)
        length = len(line.text) + (length if len(taken) > 1 else 0)
        if length > LONGEST_RECORD:
            raise csv.Error("record larger than the limit")
        yield line.text


def _problems(lines: Iterable[TextLine]) -> tuple[ImportProblem, ...]:
    return tuple(line.problem for line in lines if line.problem is not None)


def _in_our_words(said: str) -> tuple[str, bool]:
    for theirs, ours, is_last in FAULTS:
        if theirs in said:
            return ours, is_last
    return "is not CSV", True
