"""Waiting for a lock that another process holds."""

import random
import sqlite3
import time
from collections.abc import Callable

from orderkeep.infrastructure.sqlite_repo.errors import is_busy

BUSY_SECONDS = 5.0
"""How long one process waits for another's lock before it gives up with `StoreUnavailable`."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.002


def patiently(action: Callable[[], object]) -> None:
    """Do it, again and again while somebody else holds the lock. Raises the last error when patience ends.

    SQLite's own waiting backs off to 100 ms a step, so that among busy processes one starves; and two that enter
    WAL at once it does not let wait at all.
    """
    deadline = None
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            deadline = deadline or now + BUSY_SECONDS
            if not is_busy(error) or now >= deadline:
                raise
        time.sleep(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))  # noqa: S311
