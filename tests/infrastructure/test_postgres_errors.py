"""Every error that PostgreSQL may report becomes one of ours, and says what to do."""

import ssl

import asyncpg
import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo.errors import (
    ERRORS,
    ERRORS_WITHOUT_STATE,
    in_our_words,
    is_race,
    translated,
)

EXPECTED = [
    ("08006", StoreUnavailable, "connection to PostgreSQL was lost"),
    ("0A000", StoreUnusable, "upgrade it"),
    ("22021", StoreUnusable, "encoding of the database is UTF8"),
    ("23502", StoreUnusable, "run `orderkeep verify`"),
    ("23505", StoreUnusable, "restart every service"),
    ("25006", StoreUnavailable, "host of the primary"),
    ("26000", StoreUnusable, "a connection pooler"),
    ("28P01", StoreUnusable, "user name or password"),
    ("3D000", StoreUnusable, "createdb"),
    ("3F000", StoreUnusable, "search_path"),
    ("40003", StoreUnavailable, "conflicted with another one"),
    ("42P01", StoreUnusable, "restore a backup"),
    ("42501", StoreUnusable, "GRANT SELECT, INSERT, UPDATE"),
    ("42P05", StoreUnusable, "a connection pooler"),
    ("42P07", StoreUnusable, "use another database"),
    ("53200", StoreUnavailable, "see its log"),
    ("53100", StoreUnavailable, "free some space"),
    ("53300", StoreUnavailable, "max_connections"),
    ("54000", StoreUnusable, "larger than"),
    ("55P03", StoreUnavailable, "which session holds locks"),
    ("57P01", StoreUnavailable, "stopping"),
    ("57014", StoreUnavailable, "took too long"),
    ("58030", StoreUnavailable, "a system error"),
    ("XX000", StoreUnavailable, "an internal error"),
    ("XX001", StoreUnusable, "damaged"),
    ("XX002", StoreUnusable, "damaged"),
    ("P0001", StoreUnavailable, "PostgreSQL failed"),  # one that has no entry
]


def reported(state: str, message: str = "as PostgreSQL says it") -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.PostgresError.get_message_class_for_sqlstate(state)(message)
    error.sqlstate = state
    return error


@pytest.mark.parametrize("state, kind, advice", EXPECTED)
def test_error_names_cause_and_remedy(state: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = reported(state)
    with pytest.raises(StoreUnavailable) as raised, in_our_words():
        raise error

    assert type(raised.value) is kind
    assert advice in str(raised.value)
    assert f"({state})" in str(raised.value)
    assert raised.value.__cause__ is error


def test_every_entry_of_the_table_is_tested() -> None:
    used = {state if state in ERRORS else state[:2] for state, _, _ in EXPECTED}
    assert set(ERRORS) <= used


@pytest.mark.parametrize("state", ["23505", "40001", "40P01"])
def test_conflicting_save_is_a_race(state: str) -> None:
    assert is_race(reported(state))


@pytest.mark.parametrize("state", ["23502", "23503", "40003", "57014", "08006"])
def test_other_failure_of_a_save_is_no_race(state: str) -> None:
    assert not is_race(reported(state))


def test_duplicate_position_in_the_feed_is_no_race() -> None:
    error = reported("23505")
    error.constraint_name = "changes_in_feed"

    assert not is_race(error)
    assert isinstance(translated(error), StoreUnusable)


LOST = "connection to PostgreSQL was lost: try again"
WITHOUT_STATE = [
    (TimeoutError(), StoreUnavailable, "did not respond in time"),
    (ssl.SSLEOFError(8, "secret"), StoreUnavailable, LOST),
    (ssl.SSLZeroReturnError(6, "secret"), StoreUnavailable, LOST),
    (ssl.SSLSyscallError(5, "secret"), StoreUnavailable, LOST),
    (ssl.SSLCertVerificationError(1, "secret"), StoreUnusable, "check sslmode, sslrootcert, sslcert, sslkey"),
    (ssl.SSLError(9, "secret [SSL] PEM lib"), StoreUnusable, "check sslmode, sslrootcert, sslcert, sslkey"),
    (ConnectionError('server at "secret" rejected SSL upgrade'), StoreUnusable, "does not accept TLS: enable it there"),
    (ConnectionRefusedError(111, "secret host"), StoreUnavailable, "cannot be reached: check that it is running"),
    (FileNotFoundError(2, "secret socket"), StoreUnavailable, "cannot be reached: check that it is running"),
    (asyncpg.InterfaceError("secret"), StoreUnavailable, LOST),
    (asyncpg.InternalClientError("secret"), StoreUnavailable, LOST),
]


@pytest.mark.parametrize("error, kind, said", WITHOUT_STATE, ids=lambda each: type(each).__name__)
def test_driver_error_is_reported_without_its_message(
    error: Exception, kind: type[StoreUnavailable], said: str
) -> None:
    with pytest.raises(StoreUnavailable, match=said) as raised, in_our_words():
        raise error
    assert "secret" not in str(raised.value)
    assert f"({type(error).__name__})" in str(raised.value)
    assert type(raised.value) is kind


def test_every_entry_of_the_table_without_states_is_tested() -> None:
    used = {
        next(cause for cause, part, _, _ in ERRORS_WITHOUT_STATE if isinstance(error, cause) and part in str(error))
        for error, _, _ in WITHOUT_STATE
    }
    assert used == {cause for cause, _, _, _ in ERRORS_WITHOUT_STATE}


def test_pooler_in_statement_mode_is_permanent_and_other_errors_of_a_pooler_are_not() -> None:
    said = "transaction blocks not allowed in statement pooling mode"
    assert isinstance(translated(reported("08P01", said)), StoreUnusable)
    assert "use its transaction or session mode" in str(translated(reported("08P01", said)))
    assert not isinstance(translated(reported("08P01", "query_wait_timeout")), StoreUnusable)


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(KeyError), in_our_words():
        raise KeyError
