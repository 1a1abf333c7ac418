"""The fence of a SQLite store: triggers that reject writes, so that each transaction of each process sees them.

The process that moves orders opens the fence within its own transaction, and closes it before it commits.
"""

import sqlite3

from orderkeep.application.store_copy import Fence

MESSAGE = "orderkeep: store moved"

TABLES = ("orders", "changes", "order_tags", "personal_data", "api_keys", "records")
_TRIGGERS = {
    f"fence_{table}_{operation}": f"""
        BEFORE {operation} ON {table} BEGIN
            SELECT RAISE(ABORT, '{MESSAGE}') FROM orderkeep_fence WHERE NOT is_open;
        END
    """  # noqa: S608
    for table in TABLES
    for operation in ("INSERT", "UPDATE", "DELETE")
}

EXISTS = "SELECT 1 FROM sqlite_master WHERE name = 'orderkeep_fence'"
STATE = "SELECT state, owner FROM orderkeep_fence"
OPEN = "UPDATE orderkeep_fence SET is_open = true"
CLOSE = "UPDATE orderkeep_fence SET is_open = false"

_CREATE = """
    CREATE TABLE IF NOT EXISTS orderkeep_fence
    (state TEXT NOT NULL, owner TEXT NOT NULL, is_open INTEGER NOT NULL DEFAULT false)
"""


def put_up(connection: sqlite3.Connection, state: Fence, owner: str) -> Fence | None:
    """Put up the fence, within a transaction, and return the state of the one that it replaces."""
    connection.execute(_CREATE)
    found = connection.execute(STATE).fetchone()
    lift(connection, found[1] if found else owner)
    connection.execute("INSERT INTO orderkeep_fence (state, owner) VALUES (?, ?)", (state, owner))
    for name, body in _TRIGGERS.items():
        connection.execute(f"CREATE TRIGGER {name} {body}")
    return Fence(found[0]) if found else None


def lift(connection: sqlite3.Connection, owner: str) -> bool:
    """Take down the fence, within a transaction; return False if it has another owner."""
    connection.execute(_CREATE)
    found = connection.execute(STATE).fetchone()
    if found and found[1] != owner:
        return False
    connection.execute("DELETE FROM orderkeep_fence")
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    return True
