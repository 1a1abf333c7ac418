"""Group commit: saves that wait share one commit, and none of them pays for another's refusal."""

import asyncio
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, writer
from tests.infrastructure.sqlite_samples import NOON, Gate, an_order, locked_by_somebody_else, look


async def save_together(store: SqliteOrderRepository, *saves: tuple[Order, ...]) -> list[BaseException | None]:
    """Save in one batch, by holding the writer at another order until all of them are pending."""
    gate = Gate()
    held = store._writer._check_writable
    store._writer._check_writable = gate
    first = asyncio.create_task(store.save(an_order(9_999, tags=())))
    await asyncio.to_thread(gate.wait_reached)
    store._writer._check_writable = held
    tasks = [asyncio.create_task(store.save(*orders)) for orders in saves]
    await asyncio.sleep(0)  # each task runs up to its save
    await asyncio.sleep(0)  # the loop hands the saves over
    gate.open()
    await first
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [outcome if isinstance(outcome, BaseException) else None for outcome in outcomes]


def statements_of(store: SqliteOrderRepository) -> list[str]:
    seen: list[str] = []
    store._writer._connection.set_trace_callback(lambda statement: seen.append(statement.split()[0]))
    return seen


def refuse_to_commit(action: int, what: str | None, *_: str | None) -> int:
    """Make every COMMIT fail, as an authorizer of the connection."""
    refused = action == sqlite3.SQLITE_TRANSACTION and what == "COMMIT"
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK


def kept(path: Path) -> list[str]:
    return [id for (id,) in look(path, "SELECT id FROM orders WHERE id <> 'order-9999' ORDER BY created_at")]


async def test_saves_that_wait_share_one_commit(store: SqliteOrderRepository, path: Path) -> None:
    seen = statements_of(store)
    outcomes = await save_together(store, *((an_order(number),) for number in range(1, 33)))

    assert outcomes == [None] * 32
    assert len(kept(path)) == 32
    assert seen.count("COMMIT") == 2  # the one that held the writer, and all the others
    assert seen.count("SAVEPOINT") == 0


async def test_saves_of_consecutive_iterations_share_one_commit(store: SqliteOrderRepository) -> None:
    seen = statements_of(store)

    async def save_in_iteration(number: int) -> None:
        for _ in range(number):
            time.sleep(0.003)  # noqa: ASYNC251  # the writer's thread would have time to commit what it was given
            await asyncio.sleep(0)
        await store.save(an_order(number))

    await asyncio.gather(*(save_in_iteration(number) for number in range(1, 9)))
    assert seen.count("COMMIT") == 1


async def test_saves_that_are_handed_over_together_share_one_commit(store: SqliteOrderRepository) -> None:
    class SlowQueue(SimpleQueue[Any]):
        def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
            super().put(item)
            time.sleep(0.02)  # the writer's thread has time to commit what it was given

    store._writer._pending = SlowQueue()
    seen = statements_of(store)
    await asyncio.gather(*(store.save(an_order(number)) for number in range(1, 9)))
    assert seen.count("COMMIT") == 1


async def test_no_more_saves_share_a_commit_than_the_bound(
    store: SqliteOrderRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_SAVES", 4)
    seen = statements_of(store)
    outcomes = await save_together(store, *((an_order(number),) for number in range(1, 11)))

    assert outcomes == [None] * 10
    assert seen.count("COMMIT") == 1 + 3


async def test_rejected_save_does_not_affect_its_batch(store: SqliteOrderRepository, path: Path) -> None:
    await store.save(an_order(2))
    late, again = an_order(2), an_order(3)
    [one, refused, three, refused_too] = await save_together(store, (an_order(1),), (late,), (an_order(3),), (again,))

    assert (one, three) == (None, None)
    assert isinstance(refused, ConcurrentUpdate)
    assert refused.order_id == "order-2"
    assert isinstance(refused_too, ConcurrentUpdate)
    assert kept(path) == ["order-1", "order-2", "order-3"]
    assert (late.version, len(late.events)) == (0, 1)


async def test_second_save_of_the_same_version_is_rejected(store: SqliteOrderRepository, path: Path) -> None:
    await store.save(an_order(1))
    winner, loser = await store.get_by_id("order-1"), await store.get_by_id("order-1")
    assert winner is not None
    assert loser is not None
    winner.confirm(at=NOON)
    loser.cancel("too late", at=NOON)
    [done, refused] = await save_together(store, (winner,), (loser,))

    assert (done, type(refused)) == (None, ConcurrentUpdate)
    assert look(path, "SELECT version, status FROM orders WHERE id = 'order-1'") == [(2, "processing")]
    assert (loser.version, loser.status, len(loser.events)) == (1, "cancelled", 1)


async def test_a_save_of_several_orders_is_all_or_nothing_within_a_batch(
    store: SqliteOrderRepository, path: Path
) -> None:
    await store.save(an_order(2))
    several = an_order(1), an_order(2), an_order(3)
    [refused, done] = await save_together(store, several, (an_order(4), an_order(5)))

    assert isinstance(refused, ConcurrentUpdate)
    assert done is None
    assert kept(path) == ["order-2", "order-4", "order-5"]
    assert look(path, "SELECT count(*) FROM order_tags") == [(6,)]
    assert look(path, "SELECT max(position), count(*) FROM changes") == [(4, 4)]
    assert [order.version for order in several] == [0, 0, 0]


async def test_failed_statement_fails_its_own_save_only(store: SqliteOrderRepository, path: Path) -> None:
    look(
        path,
        "INSERT INTO changes VALUES (1, 'order-2', 1, 0, 'an intruder', NULL, NULL, '[]', '{}', '', '', NULL, NULL)",
    )
    await store.save(an_order(3))
    outcomes = await save_together(store, (an_order(1),), (an_order(2),), (an_order(3),), (an_order(4), an_order(5)))

    assert [type(outcome) for outcome in outcomes] == [type(None), StoreUnusable, ConcurrentUpdate, type(None)]
    assert "run `orderkeep verify`" in str(outcomes[1])
    assert kept(path) == ["order-1", "order-3", "order-4", "order-5"]


async def test_duplicate_order_in_one_save_is_rejected(store: SqliteOrderRepository, path: Path) -> None:
    with pytest.raises(ConcurrentUpdate):
        await store.save(an_order(1), an_order(1))

    assert kept(path) == []


async def test_lasting_lock_fails_pending_saves_and_the_next_succeeds(
    store: SqliteOrderRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BUSY_SECONDS", 0)
    with locked_by_somebody_else(path):
        outcomes = await asyncio.gather(
            store.save(an_order(1)), store.save(an_order(2)), store.save(an_order(3)), return_exceptions=True
        )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert "find out which process has it open" in str(outcomes[0])

    await store.save(an_order(4))
    assert kept(path) == ["order-4"]


async def test_released_lock_is_waited_for(store: SqliteOrderRepository, path: Path) -> None:
    with locked_by_somebody_else(path):
        task = asyncio.create_task(store.save(an_order(1)))
        await asyncio.sleep(0)
        assert kept(path) == []
    await task
    assert kept(path) == ["order-1"]


async def test_failed_commit_fails_pending_saves_and_writes_nothing(store: SqliteOrderRepository, path: Path) -> None:
    orders = an_order(1), an_order(2)
    await store.save(orders[1])
    orders[1].confirm(at=NOON)
    store._writer._connection.set_authorizer(refuse_to_commit)
    outcomes = await asyncio.gather(*map(store.save, orders), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnusable] * 2
    assert kept(path) == ["order-2"]
    assert [(order.version, len(order.events)) for order in orders] == [(0, 1), (1, 1)]

    store._writer._connection.set_authorizer(None)
    await store.save(*orders)
    assert kept(path) == ["order-1", "order-2"]
    assert [(order.version, len(order.events)) for order in orders] == [(1, 0), (2, 0)]


async def test_orders_saved_each_by_itself_share_one_commit_without_the_rejected(
    store: SqliteOrderRepository, path: Path
) -> None:
    await store.save(an_order(2))
    orders, seen = [an_order(number) for number in (1, 2, 3)], statements_of(store)
    assert await store.save_each(orders) == [True, False, True]

    assert kept(path) == ["order-1", "order-2", "order-3"]
    assert (seen.count("COMMIT"), seen.count("SAVEPOINT")) == (1, 0)
    assert await store.save_each([]) == []


async def test_orders_saved_each_by_itself_all_fail_with_their_commit(store: SqliteOrderRepository, path: Path) -> None:
    orders = [an_order(1), an_order(2)]
    store._writer._connection.set_authorizer(refuse_to_commit)
    with pytest.raises(StoreUnusable):
        await store.save_each(orders)
    store._writer._connection.set_authorizer(None)
    assert kept(path) == []
    assert [(order.version, len(order.events)) for order in orders] == [(0, 1), (0, 1)]


async def test_an_update_leaves_tags_and_what_never_changes_alone(store: SqliteOrderRepository, path: Path) -> None:
    order = an_order(1)
    await store.save(order)
    seen = statements_of(store)
    order.confirm(at=NOON)
    await store.save(order)

    assert seen == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]
    assert await store.get_by_id("order-1") == replace(order, version=2)
