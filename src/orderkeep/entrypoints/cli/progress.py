"""A progress bar on stderr, where somebody looks on and stdout is no table on the same screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orderkeep.application.ports import Progress, ignore_progress


@contextmanager
def progress(what: str, total: int | None = None, *, unit: str = "", quiet: bool = False) -> Iterator[Progress]:
    """Show how far something is; the function given is told how much more is done. `total` may be unknown."""
    if quiet or not sys.stderr.isatty():
        yield ignore_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    columns.insert(2, TaskProgressColumn(show_speed=False) if total else TextColumn(f"{{task.completed}} {unit}"))
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(what, total=total)

        def advance(count: int) -> None:
            bars.advance(task, count)

        yield advance
