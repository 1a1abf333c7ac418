"""Orders written to a file, one after the other: each format says how the file begins and how an order looks."""

from __future__ import annotations

import csv
import io

import msgspec

from orderkeep.application.use_cases import OrderFormat
from orderkeep.entrypoints.order_files import own_csv


def _csv_order(json: bytes) -> bytes:
    return _csv_rows(own_csv.rows_of(msgspec.json.decode(json)))


def _csv_rows(rows: object) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


FORMATS = {
    "jsonl": OrderFormat("application/jsonl", b"", lambda json: json + b"\n"),
    "csv": OrderFormat("text/csv", _csv_rows([own_csv.COLUMNS]), _csv_order),
}
"""By the name that is also the file's ending."""
