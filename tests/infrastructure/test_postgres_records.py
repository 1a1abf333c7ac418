"""Records are locked one by one, without reading others: statistics have one for each hour with orders."""

import asyncpg
import pytest

from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.infrastructure.postgres_repo.connections import IN_INDEX_ORDER
from orderkeep.infrastructure.postgres_repo.queries import LOCK_RECORDS

MANY = """
    INSERT INTO records SELECT 'statistics:1', 'hour-' || n, 1, '{}' FROM generate_series(1, 20000) AS n;
    ANALYZE records;
"""


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_lock_looks_up_each_record(postgres_url: str, mode: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    await store.ping()
    await store.close()
    connection = await asyncpg.connect(postgres_url, server_settings=IN_INDEX_ORDER)
    try:
        await connection.execute(MANY)
        await connection.execute(f"SET plan_cache_mode = {mode}; PREPARE lock AS {LOCK_RECORDS}")
        ids = ", ".join(f"'hour-{number}'" for number in range(90))
        given = f"array_fill('statistics:1'::text, ARRAY[90]), ARRAY[{ids}], array_fill(1, ARRAY[90])"
        explained = await connection.fetch(f"EXPLAIN EXECUTE lock({given}, array_fill('{{}}'::text, ARRAY[90]))")
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in explained)
    assert "Index Cond: ((kind = given.kind) AND (id = given.id))" in plan, plan
    assert "Seq Scan" not in plan, plan
