"""Every error that PostgreSQL may report becomes one of ours, and says what to do."""

import asyncpg
import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo.errors import ERRORS, in_our_words, is_race, translated

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
    ("54000", StoreUnavailable, "larger than"),
    ("55P03", StoreUnavailable, "which session holds locks"),
    ("57P01", StoreUnavailable, "stopping"),
    ("57014", StoreUnavailable, "took too long"),
    ("58030", StoreUnavailable, "a system error"),
    ("XX000", StoreUnavailable, "an internal error"),
    ("XX001", StoreUnusable, "damaged"),
    ("XX002", StoreUnusable, "damaged"),
    ("P0001", StoreUnavailable, "PostgreSQL failed"),  # one that has no entry
]


def reported(state: str) -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.PostgresError.get_message_class_for_sqlstate(state)("as PostgreSQL says it")
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


@pytest.mark.parametrize(
    "error, said",
    [
        (TimeoutError(), "did not respond in time"),
        (ConnectionRefusedError(111, "secret host"), "cannot be reached: check that it is running"),
        (asyncpg.InterfaceError("secret"), r"connection to PostgreSQL was lost: try again \(InterfaceError\)"),
    ],
)
def test_driver_error_is_reported_without_its_message(error: Exception, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as raised, in_our_words():
        raise error
    assert "secret" not in str(raised.value)
    assert not isinstance(raised.value, StoreUnusable)


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(KeyError), in_our_words():
        raise KeyError
