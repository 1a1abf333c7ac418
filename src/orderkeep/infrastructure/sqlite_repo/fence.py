"""The fence of a SQLite store: triggers that reject writes, so that each transaction of each process sees them.

The process that moves orders opens the fence within its own transaction, and closes it before it commits.
"""

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
STATE = "SELECT state FROM orderkeep_fence"
OPEN = "UPDATE orderkeep_fence SET is_open = true"
CLOSE = "UPDATE orderkeep_fence SET is_open = false"

LIFT = "; ".join(
    (
        *(f"DROP TRIGGER IF EXISTS {name}" for name in _TRIGGERS),
        "CREATE TABLE IF NOT EXISTS orderkeep_fence (state TEXT NOT NULL, is_open INTEGER NOT NULL DEFAULT false)",
        "DELETE FROM orderkeep_fence",
    )
)


def fencing(state: Fence) -> str:
    """Return the script that puts up the fence, or changes its state."""
    insert = f"INSERT INTO orderkeep_fence (state) VALUES ('{state}')"  # noqa: S608
    return "; ".join((LIFT, insert, *(f"CREATE TRIGGER {name} {body}" for name, body in _TRIGGERS.items())))
