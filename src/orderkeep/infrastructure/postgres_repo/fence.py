"""The fence of a PostgreSQL store: triggers that reject writes, so that each transaction of each process sees them.

To create them waits for the transactions that have written to the tables, and holds back those that want to.
"""

from orderkeep.application.store_copy import Fence

MOVED = "OKM01"
"""The SQLSTATE of a rejected write."""

MOVES = "SET LOCAL orderkeep.moves = on"
"""Accepts the writes of this transaction: it is the one that moves orders."""

LOCK_SECONDS = 2
"""How long other writers wait at most for one that holds up the fence, before it is tried again."""

ATTEMPTS = 10
LOCKED = ("55P03", "40P01")
"""The SQLSTATEs of a lock that was not granted in time, and of a deadlock."""

TABLES = ("orders", "changes", "order_tags", "personal_data", "api_keys", "records")

STATE = """
    SELECT max(d.description) FROM pg_proc AS p JOIN pg_description AS d ON d.objoid = p.oid
    WHERE p.proname = 'orderkeep_reject_write' AND d.classoid = 'pg_proc'::regclass
        AND p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'orders'::regclass)
"""
"""From one snapshot: `to_regprocedure` may find a function that has just replaced another one, without its comment."""

COUNT_CHANGES = "SELECT count(*) FROM changes"

LOCK = f"LOCK TABLE {', '.join(TABLES)} IN SHARE ROW EXCLUSIVE MODE"
LIFT = "DROP FUNCTION IF EXISTS orderkeep_reject_write() CASCADE"


def state_and_owner(comment: str | None) -> tuple[Fence, str] | None:
    """Return the state of the fence and its owner, which are the comment of its function."""
    if comment is None:
        return None
    state, _, owner = comment.partition(" ")
    return Fence(state), owner


def fencing(state: Fence, owner: str) -> tuple[str, ...]:
    """Return the statements that put up the fence, in place of an earlier one."""
    return (
        LIFT,
        f"""
        CREATE FUNCTION orderkeep_reject_write() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF coalesce(current_setting('orderkeep.moves', true), '') <> 'on' THEN
                RAISE EXCEPTION 'orderkeep: store moved' USING ERRCODE = '{MOVED}';
            END IF;
            RETURN NULL;
        END $$
        """,
        f"COMMENT ON FUNCTION orderkeep_reject_write() IS '{state} {owner}'",
        *(
            f"CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION orderkeep_reject_write()"
            for table in TABLES
        ),
    )
