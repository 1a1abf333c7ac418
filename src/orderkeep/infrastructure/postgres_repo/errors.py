"""Errors of PostgreSQL and its driver as exceptions of the domain, by one table."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from orderkeep.domain.exceptions import StoreMoved, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo.fence import MOVED

BAD_URL = (
    "the URL of the PostgreSQL store is invalid: use postgresql://user:password@host:port/database, and write @ : / in "
    "a password as %40 %3A %2F"
)
CLOSED = "the store is closed"

_LOST = "the connection to PostgreSQL was lost: try again"
_POOLER = "a connection pooler mixes up prepared statements: upgrade it, or connect to PostgreSQL directly"
_STATEMENT_MODE = "the connection pooler is in statement mode: use its transaction or session mode"
_DAMAGED = "PostgreSQL found damaged data: see its log, then restore a backup"
READ_ONLY = "this PostgreSQL server is read-only, such as a standby: use the host of the primary in the URL"
NO_PRIVILEGE = (
    "this user lacks privileges on the tables: GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA … TO …, and "
    "GRANT DELETE ON order_tags, personal_data, records TO …"
)

_UNAVAILABLE = {
    "08": _LOST,
    "25006": READ_ONLY,
    "40": "the transaction conflicted with another one: try again",
    "53": "PostgreSQL is out of memory, disk space or connections: see its log",
    "53100": "the disk of PostgreSQL is full: free some space, then try again",
    "53300": "PostgreSQL accepts no more connections: raise max_connections, or run fewer processes",
    "55": "lock timeout: find out which session holds locks on the tables",
    "57": "PostgreSQL is starting, stopping or failing over: try again",
    "57014": "the statement took too long and was cancelled: find out what it waits for",
    "58": "PostgreSQL had a system error: see its log",
    "XX": "PostgreSQL had an internal error: see its log",
}
_UNUSABLE = {
    "0A": "PostgreSQL lacks a required feature: upgrade it, or use another server",
    "22": "PostgreSQL rejected a value: check that the encoding of the database is UTF8",
    "23": "the stored orders are inconsistent: the tables were altered; run `orderkeep verify` to find out where",
    "23505": "the transaction counter was reset under a running service: restart every service after restoring a dump",
    "26": _POOLER,
    "28": "PostgreSQL rejected the user name or password: check the URL and pg_hba.conf",
    "54": "this is larger than PostgreSQL can store in one row: save less at once",
    "3D": "the database does not exist: create it with createdb, or correct its name in the URL",
    "3F": "the schema does not exist: create it, or correct search_path",
    "42": "tables or columns are missing in the database: they were altered; restore a backup",
    "42501": NO_PRIVILEGE,
    "42P05": _POOLER,
    "42P07": "another program's tables of the same names are in this database: use another database or schema",
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
ERRORS: dict[str, tuple[type[StoreUnavailable], str]] = {
    **{state: (StoreUnavailable, text) for state, text in _UNAVAILABLE.items()},
    **{state: (StoreUnusable, text) for state, text in _UNUSABLE.items()},
}
"""By SQLSTATE, or its first two characters: the exception to raise, and what the operator can do. `StoreUnavailable` is
temporary; `StoreUnusable` lasts until an operator fixes the cause.
"""

_REACH = "PostgreSQL cannot be reached: check that it is running, and the host and port in the URL"
_SLOW = "PostgreSQL did not respond in time: try again, or find out what it waits for"
_TLS = "TLS with PostgreSQL failed: check sslmode, sslrootcert, sslcert, sslkey and the host in the URL"
_NO_TLS = "PostgreSQL does not accept TLS: enable it there, or set sslmode=disable in the URL"

ERRORS_WITHOUT_STATE: tuple[tuple[type[Exception], str, type[StoreUnavailable], str], ...] = (
    (TimeoutError, "", StoreUnavailable, _SLOW),
    (ssl.SSLEOFError, "", StoreUnavailable, _LOST),
    (ssl.SSLZeroReturnError, "", StoreUnavailable, _LOST),
    (ssl.SSLSyscallError, "", StoreUnavailable, _LOST),
    (ssl.SSLError, "", StoreUnusable, _TLS),
    (ConnectionError, "rejected SSL upgrade", StoreUnusable, _NO_TLS),
    (OSError, "", StoreUnavailable, _REACH),
    (Exception, "", StoreUnavailable, _LOST),
)
"""By class and a part of the message, the first match: errors of the connection and the driver."""

_STATEMENT_POOLING = "statement pooling"
"""In the message of PgBouncer, which reports almost everything as 08P01."""

RACES = frozenset({"23505", "40001", "40P01"})
"""The SQLSTATEs of a save that conflicts with another one: duplicate row, serialization failure, deadlock."""

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
    """Raise `StoreUnavailable` for any error of the driver."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translated(error) from error


def translated(error: BaseException) -> StoreUnavailable:
    """Return the exception to raise for an error of the driver."""
    state = getattr(error, "sqlstate", None)
    if state == MOVED:
        return StoreMoved()
    if state == "08P01" and _STATEMENT_POOLING in str(error):
        return StoreUnusable(f"{_STATEMENT_MODE} ({state})")
    if state:
        kind, message = ERRORS.get(state) or ERRORS.get(state[:2]) or (StoreUnavailable, "PostgreSQL failed")
        return kind(f"{message} ({state})")
    kind, message = next(
        (found, text)
        for cause, part, found, text in ERRORS_WITHOUT_STATE
        if isinstance(error, cause) and part in str(error)
    )
    return kind(f"{message} ({type(error).__name__})")
