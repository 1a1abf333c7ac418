"""Every error that PostgreSQL may report becomes one of ours, and says what to do."""

import asyncpg
import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo.errors import ERRORS, in_our_words, is_race, translated

EXPECTED = [
    ("08006", StoreUnavailable, "connection to PostgreSQL was lost"),
    ("0A000", StoreUnusable, "update it"),
    ("22021", StoreUnusable, "encoded in UTF8"),
    ("23502", StoreUnusable, "run verify"),
    ("23505", StoreUnusable, "restart every service"),
    ("25006", StoreUnavailable, "name the primary"),
    ("26000", StoreUnusable, "a pooler in between"),
    ("28P01", StoreUnusable, "user or password"),
    ("3D000", StoreUnusable, "createdb"),
    ("3F000", StoreUnusable, "search_path"),
    ("40003", StoreUnavailable, "met another one"),
    ("42P01", StoreUnusable, "restore a backup"),
    ("42501", StoreUnusable, "grant it the right"),
    ("42P05", StoreUnusable, "a pooler in between"),
    ("42P07", StoreUnusable, "name another database"),
    ("53200", StoreUnavailable, "see its log"),
    ("53100", StoreUnavailable, "make room"),
    ("53300", StoreUnavailable, "max_connections"),
    ("54000", StoreUnavailable, "larger than"),
    ("55P03", StoreUnavailable, "which session holds locks"),
    ("57P01", StoreUnavailable, "stopping"),
    ("57014", StoreUnavailable, "took too long"),
    ("58030", StoreUnavailable, "an error of its system"),
    ("XX000", StoreUnavailable, "an error of its own"),
    ("XX001", StoreUnusable, "damaged"),
    ("XX002", StoreUnusable, "damaged"),
    ("P0001", StoreUnavailable, "PostgreSQL could not do it"),  # one that has no entry
]


def reported(state: str) -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.PostgresError.get_message_class_for_sqlstate(state)("as PostgreSQL says it")
    error.sqlstate = state
    return error


@pytest.mark.parametrize("state, kind, advice", EXPECTED)
def test_says_what_to_do(state: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = reported(state)
    with pytest.raises(StoreUnavailable) as raised, in_our_words():
        raise error

    assert type(raised.value) is kind
    assert advice in str(raised.value)
    assert f"({state})" in str(raised.value)
    assert raised.value.__cause__ is error


def test_every_entry_of_the_table_is_expected_above() -> None:
    used = {state if state in ERRORS else state[:2] for state, _, _ in EXPECTED}
    assert set(ERRORS) <= used


@pytest.mark.parametrize("state", ["23505", "40001", "40P01"])
def test_a_save_that_met_another_one_is_a_race(state: str) -> None:
    assert is_race(reported(state))


@pytest.mark.parametrize("state", ["23502", "23503", "40003", "57014", "08006"])
def test_any_other_failure_of_a_save_is_none(state: str) -> None:
    assert not is_race(reported(state))


def test_a_number_of_the_feed_that_comes_twice_is_no_race() -> None:
    error = reported("23505")
    error.constraint_name = "changes_in_feed"

    assert not is_race(error)
    assert isinstance(translated(error), StoreUnusable)


@pytest.mark.parametrize(
    "error, said",
    [
        (TimeoutError(), "did not answer in time"),
        (ConnectionRefusedError(111, "secret host"), "cannot be reached: is it running, and is the URL right?"),
        (asyncpg.InterfaceError("secret"), r"connection to PostgreSQL was lost: try again \(InterfaceError\)"),
    ],
)
def test_failures_of_the_driver_keep_their_secrets(error: Exception, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as raised, in_our_words():
        raise error
    assert "secret" not in str(raised.value)
    assert not isinstance(raised.value, StoreUnusable)


def test_what_is_no_error_of_the_driver_stays_as_it_is() -> None:
    with pytest.raises(KeyError), in_our_words():
        raise KeyError
