"""The feed: in the order of transaction numbers, and never past the oldest transaction that still runs.

Numbers are handed out when a transaction first writes, and commits arrive in another order. Whoever goes on behind
the highest number seen skips what commits later with a lower one. All transactions below the snapshot's xmin have
ended, so what stands below it is all there will ever be.
"""

import re

from orderkeep.application.errors import InvalidCursor
from orderkeep.infrastructure.postgres_repo.rows import CHANGE_COLUMNS

READ_CHANGES = f"""
    WITH edge AS MATERIALIZED (
        SELECT beginning_of_feed + pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS tx FROM feed
    )
    SELECT edge.tx, (SELECT max(tx) FROM changes), found.*
    FROM edge LEFT JOIN LATERAL (
        SELECT tx, place, {CHANGE_COLUMNS} FROM changes
        WHERE (changes.tx, place) > ($1, $2) AND changes.tx < edge.tx
        ORDER BY changes.tx, place LIMIT $3
    ) AS found ON true
    ORDER BY found.tx, found.place
"""  # noqa: S608  # nothing in it comes from outside
"""Each row: below which transaction all is there, the newest that is visible, then a change (or nothing)."""

Position = tuple[int, int]

BEGINNING: Position = (0, 0)

_POSITION = re.compile(r"(0|[1-9][0-9]{0,17}):(0|[1-9][0-9]{0,8})", re.ASCII)


def position_of(text: str | None) -> Position:
    """Return the transaction and the place in it that a page ended with. Raises `InvalidCursor`."""
    if text is None:
        return BEGINNING
    found = _POSITION.fullmatch(text)
    if found is None:
        raise InvalidCursor
    return int(found[1]), int(found[2])


def text_of(position: Position) -> str:
    """Return the position as it is handed out."""
    return f"{position[0]}:{position[1]}"
