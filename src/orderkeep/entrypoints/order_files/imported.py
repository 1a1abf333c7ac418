"""What was read from a file, held against the schema; what is wrong is told by the line of the file it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orderkeep.application.use_cases import ImportProblem, ImportRow
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.schemas import read_imported_order


class Fault(NamedTuple):
    """Something that could not be read. `field` is a path such as `lines/0/quantity`, or a column."""

    field: str
    code: str
    message: str


def import_row(data: Any, faults: Sequence[Fault], lines: Sequence[int]) -> ImportRow:
    """Return the order for the importer. `lines[0]` is where the order begins, `lines[n]` where its line n stands."""
    found = list(faults)
    order = None
    try:
        order = read_imported_order(data)
    except InvalidFields as error:
        told = {fault.field for fault in faults}
        for wrong in error.errors:
            field = wrong.pointer.removeprefix("/")
            if field not in told:
                found.append(Fault(field, wrong.code, wrong.message))
    problems = tuple(ImportProblem(_line_of(fault.field, lines), *fault) for fault in found)
    return ImportRow(lines[0], None if problems else order, problems)


def _line_of(field: str, lines: Sequence[int]) -> int:
    parts = field.split("/")
    if parts[0] == "lines" and len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(lines):
        return lines[int(parts[1])]
    return lines[0]
