"""Verifying tables in PostgreSQL that were edited with another tool: every way to tamper with them is found."""

from typing import Any

import asyncpg

from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from tests.infrastructure.tampering import (
    LEAST,
    State,
    checkpoint_of,
    drawn_ways,
    listed_on_the_page,
    on_the_page,
    save_orders,
    try_ways,
    ways_in_sql,
)

NOT_OF_ORDERS = {"api_keys", "checkpoints", "orderkeep_migrations"}
"""Tables that are not recomputed from changes."""

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
WITHOUT_FOREIGN_KEYS = "SET session_replication_role = replica"


async def state_of(connection: Any) -> State:
    tables = [row[0] for row in await connection.fetch(TABLES)]
    return {
        table: [dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")]
        for table in tables
        if table not in NOT_OF_ORDERS
    }


async def load(connection: Any, state: State) -> State | None:
    try:
        async with connection.transaction():
            await connection.execute(f"TRUNCATE {', '.join(state)} CASCADE")
            for table, rows in state.items():
                for row in rows:
                    names, values = ", ".join(row), ", ".join(f"${number}" for number, _ in enumerate(row, start=1))
                    await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", *row.values())
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
        return None
    return await state_of(connection)


async def test_verify_finds_every_way_to_tamper_with_the_tables(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    await save_orders(store)
    file = await checkpoint_of(store)
    assert (await VerifyOrdersUseCase(store).execute()).problems == []
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(WITHOUT_FOREIGN_KEYS)
    await connection.execute("DELETE FROM checkpoints")
    state = await state_of(connection)

    async def loaded(tampered: State) -> State | None:
        return await load(connection, tampered)

    async def keep_open() -> None:
        """Connecting takes longer than verifying."""

    close, store.close = store.close, keep_open  # type: ignore[method-assign]
    ways = [*drawn_ways(state), *ways_in_sql(("tx", "place"))]
    found = await try_ways(iter(ways), state, loaded, lambda: store, file)
    await close()
    await connection.close()
    assert found.not_at_all == []
    assert len(found.by_verify) >= LEAST
    assert on_the_page(found.by_checkpoint) == listed_on_the_page("PostgreSQL")
