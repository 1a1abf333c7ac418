"""The one way into this package for reading: a file, its format and its map, as orders for the importer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from orderkeep.application.use_cases import ImportRow
from orderkeep.entrypoints.order_files.csv_orders import Layout, read_csv_orders
from orderkeep.entrypoints.order_files.csv_records import read_records
from orderkeep.entrypoints.order_files.jsonl_orders import read_jsonl_orders
from orderkeep.entrypoints.order_files.mapped_layout import MappedLayout
from orderkeep.entrypoints.order_files.maps import OWN, load_map
from orderkeep.entrypoints.order_files.own_layout import OwnLayout
from orderkeep.entrypoints.order_files.text_lines import read_text_lines

Open = Callable[[], AbstractContextManager[IO[bytes]]]
"""Gives the file from its beginning: it is read twice, to check and to write."""


def order_reader(
    open_file: Open, layout: Layout | None, on_bytes: Callable[[int], object]
) -> Callable[[], Iterator[ImportRow]]:
    """Return what reads the orders of a file, from its beginning at each call: JSON Lines where there is no layout,
    else CSV. `on_bytes` is told how much was read.
    """

    def read() -> Iterator[ImportRow]:
        with open_file() as file:
            lines = read_text_lines(file, on_bytes)
            if layout is None:
                yield from read_jsonl_orders(lines)
            else:
                yield from read_csv_orders(read_records(lines, layout.delimiter), layout)

    return read


def layout_of(map_name: str) -> Layout:
    """Return what the columns of a CSV file mean by that map. Raises `InvalidMap`."""
    return OwnLayout() if map_name == OWN else MappedLayout(load_map(map_name))
