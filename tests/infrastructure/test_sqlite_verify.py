"""Verifying a SQLite file that was edited with another tool: every way to tamper with it is found."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.orders import SINCE
from tests.infrastructure.tampering import (
    LEAST,
    State,
    Way,
    Ways,
    as_in_schema_2,
    checkpoint_of,
    drawn_ways,
    listed_on_the_page,
    on_the_page,
    save_orders,
    try_ways,
    ways_in_sql,
)

NOT_OF_ORDERS = {"api_keys", "checkpoints"}
"""Tables that are not recomputed from changes."""


def state_of(path: Path) -> State:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
            for table in tables
            if table not in NOT_OF_ORDERS
        }


def load(path: Path, state: State) -> State | None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, rows in state.items():
            connection.execute(f"DELETE FROM {table}")
            for row in rows:
                names, values = ", ".join(row), ", ".join("?" * len(row))
                try:
                    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", [*row.values()])
                except sqlite3.IntegrityError:
                    return None
    return state_of(path)


def as_other_types(state: State) -> Ways:
    """SQLite stores a value of any type in any column."""
    for table, rows in state.items():
        for column, value in rows[0].items() if rows else ():
            other = value.encode() if isinstance(value, str) else f"about {value}"
            yield f"{table}.{column}: of another type", partial(set_in_first_row, table, column, other)
            if isinstance(value, int):
                yield f"{table}.{column}: a fraction added", partial(set_in_first_row, table, column, value + 0.25)


def set_in_first_row(table: str, column: str, value: object, state: State) -> None:
    state[table][0][column] = value


def without_gap(way: Way) -> Way:
    def renumbering(state: State) -> None:
        way(state)
        for position, row in enumerate(sorted(state["changes"], key=lambda row: int(row["position"])), start=1):
            row["position"] = position

    return renumbering


def ways_of(state: State) -> Ways:
    yield from drawn_ways(state)
    yield from as_other_types(state)
    by_hand = dict(ways_in_sql(("position",)))
    yield from by_hand.items()
    for name in ("an older order's last change removed, its row set back", "a whole order removed"):
        yield f"{name}, positions renumbered", without_gap(by_hand[name])


async def test_verify_finds_every_way_to_tamper_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"

    def opened() -> SqliteOrderRepository:
        return SqliteOrderRepository(path)

    store = opened()
    await save_orders(store)
    file = await checkpoint_of(store)
    assert (await VerifyOrdersUseCase(store).execute()).problems == []
    await store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM checkpoints")
    state = state_of(path)

    async def loaded(tampered: State) -> State | None:
        return load(path, tampered)

    found = await try_ways(ways_of(state), state, loaded, opened, file)
    assert found.not_at_all == []
    assert len(found.by_verify) >= LEAST
    assert on_the_page(found.by_checkpoint) == listed_on_the_page("SQLite")


async def test_verify_accepts_changes_of_schema_2(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    store = SqliteOrderRepository(path)
    await save_orders(store)
    await store.close()
    state = state_of(path)
    as_in_schema_2(state)
    load(path, state)
    store = SqliteOrderRepository(path)
    order = await store.get_by_id("order-2")
    assert order is not None
    order.ship(at=SINCE + timedelta(hours=9))
    await store.save(order)
    report = await VerifyOrdersUseCase(store).execute()
    assert (report.changes, report.problems) == (9, [])
    await store.close()


async def test_verify_finds_a_damaged_index(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    store = SqliteOrderRepository(path)
    await save_orders(store)
    await store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '(status,', '(user_id,') WHERE name = 'orders_by_status'"
        )
    store = SqliteOrderRepository(path)
    report = await VerifyOrdersUseCase(store).execute()
    await store.close()
    assert report.problems[0].message == "row 1 missing from index orders_by_status"
