"""The writer thread: cancelled tasks, closed loops, closing and unexpected errors do not stop it."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from tests.infrastructure.sqlite_samples import Gate, an_order, look


def kept(path: Path) -> list[str]:
    return [id for (id,) in look(path, "SELECT id FROM orders WHERE id <> 'order-9999' ORDER BY created_at")]


async def test_a_save_that_is_cancelled_disturbs_no_other(store: SqliteOrderRepository, path: Path) -> None:
    gate = Gate()
    store._writer._check_writable = gate
    tasks = [asyncio.create_task(store.save(an_order(number))) for number in (1, 2, 3)]
    await asyncio.to_thread(gate.wait_reached)
    tasks[1].cancel()
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(tasks[0], tasks[2])

    assert tasks[1].cancelled()
    assert {"order-1", "order-3"} <= set(kept(path))


async def test_save_that_waits_for_the_disk_blocks_no_read_after_fast_ones(store: SqliteOrderRepository) -> None:
    for number in range(1, 31):
        await store.save(an_order(number))
    gate = Gate()
    store._writer._check_writable = gate
    waiting = asyncio.create_task(store.save(an_order(31)))
    await asyncio.to_thread(gate.wait_reached)
    assert await store.get_by_id("order-1") is not None
    assert not waiting.done()
    gate.open()
    await waiting


async def test_a_loop_that_is_closed_meanwhile_disturbs_no_other(store: SqliteOrderRepository, path: Path) -> None:
    gate = Gate()
    store._writer._check_writable = gate

    def start_and_leave() -> None:
        async def start() -> None:
            asyncio.create_task(store.save(an_order(1)))  # noqa: RUF006
            await asyncio.to_thread(gate.wait_reached)

        asyncio.run(start())

    await asyncio.to_thread(start_and_leave)
    mine = asyncio.create_task(store.save(an_order(2)))
    await asyncio.sleep(0)
    gate.open()
    await mine
    assert "order-2" in kept(path)


def test_several_loops_in_several_threads_save_at_once(path: Path) -> None:
    store = SqliteOrderRepository(path)
    start = threading.Barrier(4)

    async def save_some(first: int) -> None:
        start.wait()
        await asyncio.gather(*(store.save(an_order(first + number)) for number in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=[save_some(number * 100)]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(store.close())
    assert len(kept(path)) == 200
    assert look(path, "SELECT max(position), count(*) FROM changes") == [(200, 200)]


async def test_unexpected_error_fails_pending_saves_and_the_writer_continues(
    store: SqliteOrderRepository, path: Path
) -> None:
    good = store._writer._check_writable

    def bad() -> None:
        raise SystemExit

    store._writer._check_writable = bad
    with pytest.raises(StoreUnavailable, match=r"unexpected error \(SystemExit\)"):
        await store.save(an_order(1))
    store._writer._check_writable = good
    await store.save(an_order(2))
    assert kept(path) == ["order-2"]


async def test_closing_finishes_what_was_accepted(path: Path) -> None:
    store, gate = SqliteOrderRepository(path), Gate()
    store._writer._check_writable = gate
    tasks = [asyncio.create_task(store.save(an_order(number))) for number in range(1, 6)]
    await asyncio.to_thread(gate.wait_reached)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    gate.open()
    await closing
    await asyncio.gather(*tasks)

    assert len(kept(path)) == 5


async def test_close_in_another_thread_waits_for_saves_that_are_being_handed_over(path: Path) -> None:
    store = SqliteOrderRepository(path)
    pending = store._writer._pending
    closing = threading.Thread(target=asyncio.run, args=[store.close()])
    put_last = threading.Event()

    class ClosedMeanwhile:
        get, get_nowait = pending.get, pending.get_nowait

        def put(self, saves: Any) -> None:
            if saves[-1].writes:
                closing.start()
                put_last.wait(0.3)
            pending.put(saves)
            if not saves[-1].writes:
                put_last.set()

    store._writer._pending = cast("Any", ClosedMeanwhile())
    async with asyncio.timeout(10):
        await store.save(an_order(1))
        await asyncio.to_thread(closing.join)
    assert kept(path) == ["order-1"]


async def test_closed_store_rejects_every_call_and_can_be_closed_again(path: Path) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    await store.close()
    await store.close()

    late = an_order(2)
    for attempt in (store.save(late), store.get_by_id("order-1"), store.ping(), store.read_changes(0, 1)):
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await attempt
    assert late.version == 0


async def test_a_store_that_was_never_used_closes_at_once(path: Path) -> None:
    await SqliteOrderRepository(path).close()

    assert [thread.name for thread in threading.enumerate() if "orderkeep" in thread.name] == []


async def test_saving_nothing_does_nothing(store: SqliteOrderRepository, path: Path) -> None:
    await store.save()

    assert store._writer._thread is None


async def test_save_to_a_deleted_file_is_rejected(path: Path) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    away = path.with_name("away.db")
    os.rename(path, away)  # noqa: PTH104
    order = an_order(2)

    with pytest.raises(StoreUnusable, match=r"\.db was moved, deleted or replaced .* put it back"):
        await store.save(order)
    with pytest.raises(StoreUnusable, match="moved, deleted or replaced"):
        await store.ping()

    os.rename(away, path)  # noqa: PTH104
    await store.ping()
    await store.save(order)
    await store.close()
    assert kept(path) == ["order-1", "order-2"]
