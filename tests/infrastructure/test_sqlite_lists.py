"""Each list reads one index, in its order, from its position on: nothing is scanned, nothing is sorted."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.infrastructure.sql_store import FIND_BY_PREFIX, list_query
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.infrastructure.sqlite_repo.queries import LISTS, SQLITE
from tests.infrastructure.sqlite_samples import NOON, an_order, look

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
    (OrderFilter(tag="gift"), "PRIMARY KEY"),
    (OrderFilter(user_id="user-3", tag="gift"), "order_tags_by_user"),
]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "orders.db"
    store = SqliteOrderRepository(path)
    await store.save(*(an_order(number) for number in range(1, 41)))
    await store.close()
    return path


def mislead_the_planner(path: Path, index: str) -> None:
    """Leave statistics by which every index is perfect but the one that the list needs."""
    look(path, "ANALYZE")
    name = "order_tags" if index == "PRIMARY KEY" else index
    look(path, "UPDATE sqlite_stat1 SET stat = '9000000 1 1 1 1'")
    look(path, "UPDATE sqlite_stat1 SET stat = '9000000 8000000 8000000 8000000 8000000' WHERE idx = ?", name)


@pytest.mark.parametrize("misled", [False, True])
@pytest.mark.parametrize("where, index", SHAPES)
def test_a_list_searches_its_index_and_sorts_nothing(path: Path, where: OrderFilter, index: str, misled: bool) -> None:
    if misled:
        mislead_the_planner(path, index)
    where = replace(where, created_from=NOON, created_to=NOON + timedelta(seconds=60))
    query, parameters = list_query(SQLITE, LISTS, where, ListPosition(NOON, "order-9"), 200)
    plan = [row[3] for row in look(path, f"EXPLAIN QUERY PLAN {query}", *parameters)]

    merging = [step for step in plan if step in ("MERGE (UNION ALL)", "LEFT", "RIGHT")]
    searches = [step for step in plan if step not in merging]
    ranges = max(len(where.statuses), 1)
    bounds = r"created_at>\? AND \(created_at,(id|order_id)\)<\(\?,\?\)"
    for search in searches[:ranges]:
        assert index in search
        assert re.search(bounds, search), plan
    assert all(step.startswith("SEARCH") for step in searches), plan
    assert len(searches) == ranges + (where.tag is not None)
    assert len(merging) == 3 * (ranges - 1)


def test_find_by_id_prefix_reads_a_range_of_the_primary_key(path: Path) -> None:
    mislead_the_planner(path, "sqlite_autoindex_orders_1")
    query = f"EXPLAIN QUERY PLAN {SQLITE.sql(FIND_BY_PREFIX)}"

    assert [row[3] for row in look(path, query, "order-1", "order-1~", 11)] == [
        "SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id>? AND id<?)"
    ]


def test_every_query_is_tested() -> None:
    assert {list_query(SQLITE, LISTS, where, None, 1)[0] for where, _ in SHAPES} == set(LISTS.values())


async def test_a_page_may_be_larger_than_64_bits(path: Path) -> None:
    store = SqliteOrderRepository(path)

    assert len((await store.list_page(OrderFilter(), None, 10**30)).documents) == 40
    await store.close()
