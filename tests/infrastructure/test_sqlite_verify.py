"""Verifying a file that somebody edited with another tool: what SQLite searches by is held to what the order says."""

import sqlite3
from pathlib import Path

import pytest

from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.orders import pending_order


@pytest.mark.parametrize(
    "edit, found",
    [
        ("UPDATE orders SET status = 'shipped'", ["is not found by its status"] * 2),
        (
            "UPDATE orders SET user_id = 'user-2'",
            ["is indexed under another user, time or version"]
            + [f"is not found by its {name}" for name in ("user", "status", "external_ref")],
        ),
        (
            "UPDATE orders SET version = 2",
            ["is indexed under another user, time or version"],
        ),
        ("UPDATE orders SET external_ref = NULL", ["is not found by its external_ref"] * 2),
        ("DELETE FROM order_tags WHERE tag = 'express'", ["is not found by its tag"] * 2),
        (
            'UPDATE orders SET requests = \'{"k":{"version":1,"fingerprint":"f"}}\'',
            ["the idempotency keys differ from those of its changes"],
        ),
        ("UPDATE changes SET at = at + 1", ["the change does not match its hash"]),
    ],
    ids=["status", "user", "version", "external_ref", "tag", "keys", "time"],
)
async def test_finds_an_edited_column(tmp_path: Path, edit: str, found: list[str]) -> None:
    path = tmp_path / "orders.db"
    store = SqliteOrderRepository(path)
    await store.save(pending_order())
    await store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(edit)
    connection.close()
    store = SqliteOrderRepository(path)
    report = await VerifyOrdersUseCase(store).execute()
    await store.close()
    assert [problem.message for problem in report.problems] == found
