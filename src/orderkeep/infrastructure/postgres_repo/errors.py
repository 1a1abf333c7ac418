"""Errors of PostgreSQL and its driver as exceptions of the domain, by one table."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

BAD_URL = (
    "the URL of PostgreSQL cannot be used: it is postgresql://user:password@host:port/database, where @ : / in a "
    "password stand as %40 %3A %2F"
)
CLOSED = "the store is closed"

_LOST = "the connection to PostgreSQL was lost: try again"
_POOLER = "a pooler in between mixes up prepared statements: update it, or connect without it"
_DAMAGED = "PostgreSQL found damaged data: see its log, then restore a backup"

_UNAVAILABLE = {
    "08": _LOST,
    "25006": "this PostgreSQL server only reads: name the primary in the URL",
    "40": "the transaction met another one: try again",
    "53": "PostgreSQL is short of memory, disk or connections: see its log",
    "53100": "the disk of PostgreSQL is full: make room, then try again",
    "53300": "PostgreSQL takes no more connections: raise max_connections, or make the pools of its users smaller",
    "54": "this is larger than PostgreSQL keeps in one piece",
    "55": "lock timeout: see which session holds locks on the orders' tables",
    "57": "PostgreSQL is starting, stopping or changing over: try again",
    "57014": "PostgreSQL took too long and was stopped: see what it waits for",
    "58": "PostgreSQL met an error of its system: see its log",
    "XX": "PostgreSQL met an error of its own: see its log",
}
_UNUSABLE = {
    "0A": "PostgreSQL cannot do what is needed: update it, or name another server",
    "22": "PostgreSQL refuses a value: is the database encoded in UTF8?",
    "23": "stored orders are inconsistent: the orders' tables were altered; run verify to see where",
    "23505": "the transaction counter was reset under a running service: restart every service after restoring a dump",
    "26": _POOLER,
    "28": "PostgreSQL refuses this user or password: look at the URL and at pg_hba.conf",
    "3D": "there is no such database: make it with createdb, or name another in the URL",
    "3F": "there is no such schema: make it, or name another in search_path",
    "42": "the database lacks tables or columns: they were altered; restore a backup",
    "42501": "this user may not use the orders' tables: grant it the right to",
    "42P05": _POOLER,
    "42P07": "the database holds tables of these names that are not ours: name another database",
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
ERRORS: dict[str, tuple[type[StoreUnavailable], str]] = {
    **{state: (StoreUnavailable, text) for state, text in _UNAVAILABLE.items()},
    **{state: (StoreUnusable, text) for state, text in _UNUSABLE.items()},
}
"""By SQLSTATE, or its first two characters: what is raised, and what the operator can do."""

RACES = frozenset({"23505", "40001", "40P01"})
"""The SQLSTATEs of a save that met another one: there is a row already, not serializable, deadlock."""

FEED_KEY = "changes_in_feed"
"""The one unique constraint that no race violates: the transaction counter was reset under a running service."""

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


def is_race(error: asyncpg.PostgresError) -> bool:
    """Return whether a save failed because another one saved the same order."""
    return error.sqlstate in RACES and getattr(error, "constraint_name", None) != FEED_KEY


def is_no_text(error: BaseException) -> bool:
    """Return whether a parameter is a text that PostgreSQL cannot store: it contains a NUL or half a surrogate pair."""
    nul = isinstance(error, asyncpg.CharacterNotInRepertoireError)
    return nul or (isinstance(error, asyncpg.DataError) and isinstance(error.__cause__, UnicodeEncodeError))


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise `StoreUnavailable` in place of whatever the driver raises."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translated(error) from error


def translated(error: BaseException) -> StoreUnavailable:
    """Return what to raise in place of an error of the driver."""
    state = getattr(error, "sqlstate", None)
    if state:
        kind, message = ERRORS.get(state) or ERRORS.get(state[:2]) or (StoreUnavailable, "PostgreSQL could not do it")
        return kind(f"{message} ({state})")
    name = type(error).__name__
    if isinstance(error, TimeoutError):
        return StoreUnavailable("PostgreSQL did not answer in time: try again, or see what it waits for")
    if isinstance(error, OSError):
        return StoreUnavailable(f"PostgreSQL cannot be reached: is it running, and is the URL right? ({name})")
    return StoreUnavailable(f"{_LOST} ({name})")
