"""The map `orderkeep`: CSV files as `export` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orderkeep.entrypoints.order_files import own_csv
from orderkeep.entrypoints.order_files.csv_orders import Row
from orderkeep.entrypoints.order_files.fields import ORDER_FIELDS
from orderkeep.entrypoints.order_files.imported import Fault
from orderkeep.entrypoints.schemas import ImportedOrder


class OwnLayout:
    """Columns are named as the fields are. Columns that an order can do without may be left away."""

    delimiter = ","

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        needed = [name for name, field in ImportedOrder.model_fields.items() if field.is_required()]
        missing = [Fault(name, "column_missing", "must be in the header") for name in needed if name not in columns]
        unknown = [name for name in columns if name not in own_csv.COLUMNS]
        hint = "is no column that this map knows: name another map with --map"
        return missing + [Fault(name, "column_unknown", hint) for name in unknown]

    def key_of(self, row: Row) -> str:
        return row.cells.get("id") or row.cells.get("external_ref") or ""

    def order_columns(self) -> Iterable[str]:
        return ORDER_FIELDS

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        return own_csv.order_in([row.cells for row in rows]), []
