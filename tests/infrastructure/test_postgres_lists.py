"""Each list reads one index, in its order, from its position on: nothing is scanned, nothing is sorted."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from orderkeep.application.ports import ListPosition, OrderFilter, SnapshotPage
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.infrastructure.postgres_repo.connections import IN_INDEX_ORDER
from orderkeep.infrastructure.postgres_repo.queries import LISTS, POSTGRES
from orderkeep.infrastructure.sql_store import FIND_BY_PREFIX, list_query
from orderkeep.testing.orders import SINCE
from tests.servers.schemas import look

SEVERAL = range(2, len(OrderStatus) + 1)
SHAPES = [
    (OrderFilter(), "orders_by_time"),
    (OrderFilter(user_id="user-3"), "orders_by_user"),
    (OrderFilter(statuses=("pending",)), "orders_by_status"),
    (OrderFilter(user_id="user-3", statuses=("pending",)), "orders_by_user_status"),
    (OrderFilter(external_ref="web-3"), "orders_by_ref"),
    (OrderFilter(user_id="user-3", external_ref="web-3"), "orders_by_user_ref"),
    *((OrderFilter(statuses=tuple(OrderStatus)[:n]), "orders_by_status") for n in SEVERAL),
    *((OrderFilter(user_id="user-3", statuses=tuple(OrderStatus)[:n]), "orders_by_user_status") for n in SEVERAL),
    (OrderFilter(tag="gift"), "order_tags_pkey"),
    (OrderFilter(user_id="user-3", tag="gift"), "order_tags_by_user"),
]

MANY = """
    INSERT INTO orders
    SELECT 'order-' || n, 1, 'user-' || n % 400, CASE WHEN n % 50 = 0 THEN 'pending' ELSE 'delivered' END,
        timestamptz '2026-01-01' + n * interval '1 s', 'web-' || n % 900, 1, '{}', '{}', ''
    FROM generate_series(1, 20000) AS n;
    INSERT INTO order_tags SELECT 'gift', created_at, id, user_id FROM orders WHERE ltrim(id, 'order-')::int % 3 = 0;
    ANALYZE orders, order_tags;
"""


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[Any]:
    store = PostgresOrderRepository(postgres_url)
    await store.ping()
    await store.close()
    connection = await asyncpg.connect(postgres_url, server_settings=IN_INDEX_ORDER)
    await connection.execute(MANY)
    yield connection
    await connection.close()


def literal(value: object) -> str:
    return f"'{value.isoformat() if isinstance(value, datetime) else value}'"


async def test_a_list_searches_its_index_and_sorts_nothing(connection: Any) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        for shape, index in SHAPES:
            where = replace(shape, created_from=SINCE - timedelta(days=900), created_to=SINCE + timedelta(days=900))
            for limit in (1, 51, 201):
                query, parameters = list_query(POSTGRES, LISTS, where, ListPosition(SINCE, "order-9"), limit)
                await connection.execute(f"PREPARE list AS {query}")
                execution = f"EXPLAIN EXECUTE list({', '.join(map(literal, parameters))})"
                plan = "\n".join(row[0] for row in await connection.fetch(execution))
                await connection.execute("DEALLOCATE list")

                assert len(re.findall(rf"using {index} on", plan)) == max(len(where.statuses), 1), plan
                several = len(where.statuses) if len(where.statuses) > 1 else 0
                ranges = several or 1
                assert plan.count("Sort  (") == (several > 0), plan
                # Of several statuses, keys are sorted, at most a page of each: a limit is above and below the sort.
                limited = r"Limit.*->  Sort.*->  Append" + several * ".*->  Limit"
                assert not several or re.search(limited, plan, re.DOTALL), plan
                assert "Seq Scan" not in plan, plan
                assert "Bitmap" not in plan, plan
                assert plan.count("Filter") == plan.count("Filter: (bounded.bytes_before <= ") == 1, plan
                assert "ROW(" in plan.partition(f"using {index} on")[2].partition("Index Cond:")[2], plan
                assert plan.count("Index Cond") == ranges + bool(where.tag or several), plan


async def test_the_stores_own_connections_are_set_so(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    for name, value in IN_INDEX_ORDER.items():
        assert await store._connections.rows(f"SHOW {name}") == [(value,)]
    await store.close()


async def test_find_by_id_prefix_reads_a_range_of_the_primary_key(connection: Any) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        await connection.execute(f"PREPARE find AS {POSTGRES.sql(FIND_BY_PREFIX)}")
        plan = [row[0] for row in await connection.fetch("EXPLAIN EXECUTE find('order-1', 'order-1~', 11)")]
        await connection.execute("DEALLOCATE find")

        assert "->  Index Scan using orders_pkey on orders" in plan[1], plan
        assert "Index Cond: ((id >= " in plan[2], plan
        assert len(plan) == 3, plan


def test_every_query_is_tested() -> None:
    assert {list_query(POSTGRES, LISTS, where, None, 1)[0] for where, _ in SHAPES} == set(LISTS.values())


@pytest.mark.parametrize("filters", [{"user_id": "user-3"}, {"tag": "gift"}, {}])
def test_enters_the_index_at_the_nearer_of_position_and_end(filters: dict[str, str]) -> None:
    where = OrderFilter(created_to=SINCE, **filters)  # type: ignore[arg-type]
    before, behind = SINCE - timedelta(microseconds=1), SINCE + timedelta(microseconds=1)

    assert list_query(POSTGRES, LISTS, where, ListPosition(before, "order-2"), 9)[1][-3:-1] == (before, "order-2")
    assert list_query(POSTGRES, LISTS, where, ListPosition(behind, "order-2"), 9)[1][-3:-1] == (SINCE, "")


async def test_many_lists_at_once_wait_for_a_pool_of_two(postgres_url: str) -> None:
    name = f"lists-{postgres_url[-12:]}"
    store = PostgresOrderRepository(f"{postgres_url}&application_name={name}", pool_size=2)
    pages = await asyncio.gather(*(store.list_page(where, None, 10**30) for where, _ in SHAPES * 9))

    assert pages == [SnapshotPage(b"", None)] * len(SHAPES) * 9
    assert await look(postgres_url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name) == [(2,)]
    await store.close()
