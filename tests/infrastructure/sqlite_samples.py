"""Orders to keep, no two fields equal, and ways to look at the file from outside the store."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orderkeep.domain.entities import Order
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.value_objects import Money

NOON = datetime(2026, 11, 22, 12, 0, 0, 123457, tzinfo=UTC)


def an_order(number: int = 1, **details: Any) -> Order:
    """Return a new order; a higher number is a later one."""
    lamp = OrderLine("A1", "Lamp", 2, Money(4750, "EUR"), Money(30, "EUR"), Money(70, "EUR"))
    given: dict[str, Any] = {
        "user_id": f"user-{number}",
        "total": Money(9961, "EUR"),
        "at": NOON + timedelta(seconds=number),
        "lines": (lamp,),
        "shipping": Money(500, "EUR"),
        "discount": Money(100, "EUR"),
        "tax": Money(21, "EUR"),
        "external_ref": f"web-{number}",
        "tags": ("gift", "express"),
    }
    return Order.place(f"order-{number}", **given | details)


def look(path: Path, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the file itself, past the store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(query, parameters).fetchall()


@contextmanager
def locked_by_somebody_else(path: Path) -> Iterator[None]:
    """Hold the write lock, as another process does while it commits."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class Gate:
    """Stops the writer thread where it looks whether the file is in place, until the test lets it go on."""

    def __init__(self) -> None:
        self._reached, self._open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        assert self._open.wait(30)

    def wait_reached(self) -> None:
        assert self._reached.wait(30)

    def open(self) -> None:
        self._open.set()
