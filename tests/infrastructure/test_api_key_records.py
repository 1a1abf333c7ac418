"""The stored record of an API key: plain values, checked when they are read, because they may have been altered."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.access.actor import Scope
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.serialization import api_key_of, record_of
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.api_keys import customers_key, full_key
from tests.infrastructure.sqlite_samples import look

RECORD = record_of(full_key(), datetime.isoformat)


def read(**changes: Any) -> Any:
    record = {name: value for name, value in (RECORD | changes).items() if value is not ...}
    return api_key_of(record, datetime.fromisoformat)


def test_a_record_holds_plain_values_and_makes_the_key_again() -> None:
    assert {type(value) for value in RECORD.values()} == {str, type(None)}
    assert RECORD["scopes"] == "orders:read orders:ship"
    assert record_of(replace(full_key(), scopes=frozenset(Scope)), datetime.isoformat)["scopes"].split() == sorted(
        Scope
    )
    assert read() == full_key()


@pytest.mark.parametrize("scope", ["orders:audit", "orders:export"])
def test_scope_of_another_version_grants_nothing(scope: str) -> None:
    assert read(scopes=f"orders:read {scope}").scopes == {Scope.READ}
    assert read(scopes=scope).scopes == frozenset()


def test_fields_that_a_newer_version_wrote_are_left_alone() -> None:
    assert read(note="made by anna") == full_key()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "owner"},
        {"kind": "system"},
        {"kind": ...},
        {"kind": "customer"},
        {"user_id": "user-42"},
        {"digest": None},
        {"digest": ...},
        {"scopes": None},
        {"scopes": ...},
        {"expires_at": "soon"},
        {"revoked_at": 7},
        {"created_at": "1"},
    ],
)
def test_what_was_altered_is_no_key(changes: dict[str, Any]) -> None:
    with pytest.raises(StoreUnusable, match="it was altered"):
        read(**changes)


async def test_a_customers_key_that_lost_its_customer_is_not_taken_for_one_of_staff(tmp_path: Path) -> None:
    store = SqliteOrderRepository(tmp_path / "orders.db")
    await store.api_keys().add(customers_key())
    look(tmp_path / "orders.db", "UPDATE api_keys SET user_id = NULL")
    with pytest.raises(StoreUnusable, match="it was altered"):
        await store.api_keys().get(customers_key().id)
    await store.close()
