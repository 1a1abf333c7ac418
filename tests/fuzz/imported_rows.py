"""What must hold of every file of orders: each row is an order or a list of faults, by its line; and what was taken is
written and read again as it is.
"""

import io
from dataclasses import replace

import msgspec

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.entrypoints.order_files.formats import FORMATS, convert
from orderkeep.entrypoints.order_files.reading import Converter, OrderFile
from tests.fuzz.kept_orders import check_kept

CONVERTERS: dict[str, Converter | None] = {"jsonl": None, "csv": convert}


def read_rows(content: bytes, converter: Converter | None) -> list[ImportRow]:
    """Read a file of orders."""
    return list(OrderFile(io.BytesIO(content), converter))


def check_rows(content: bytes, converter: Converter | None) -> None:
    """Read a file of orders, and hold to it what was read."""
    rows = read_rows(content, converter)
    last = content.count(b"\n") + content.count(b"\r") + 1
    before = 0
    for row in rows:
        assert before <= row.line <= last
        before = row.line
        assert row.order is None or not row.problems, "taken, and refused"
        for problem in row.problems:
            assert 1 <= problem.line <= last
            assert problem.code
            assert problem.message
    if any(
        row.order is None for row in rows
    ):  # one that may have lost a line to damage before it has no word of its own
        assert any(row.problems for row in rows), "left out, and no reason told"
    for row in rows[:3]:
        if row.order is not None:
            _check_order(row.order)


def _check_order(dto: OrderDTO) -> None:
    dto = OrderDTO.of(replace(dto, id=dto.id or "order-1").to_order(), dto.version)
    written = msgspec.json.encode(dto)
    for name, converter in CONVERTERS.items():
        form = FORMATS[name]
        (row,) = read_rows(form.beginning + form.order(written), converter)
        assert row.order is not None, f"as {name}, it cannot be read again: {row.problems}"
        again = OrderDTO.of(row.order.to_order(), dto.version)
        assert again == dto, f"as {name}, it reads itself differently"
    try:
        order = dto.to_imported_order()
    except InvalidInput:
        return
    check_kept(order)
