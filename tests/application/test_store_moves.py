"""Moving a store: what is done in which order, what is continued, and what happens after a failure."""

from collections.abc import Callable
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import NotAllowed
from orderkeep.application.records import Record
from orderkeep.application.store_copy import CannotCopy, CannotMove, Fence, NotACopy, WholeStore
from orderkeep.application.use_cases import move_store
from orderkeep.application.use_cases.move_store import MoveReport, MoveStoreUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.application.webhooks.subscriptions import WEBHOOK
from orderkeep.domain.exceptions import StoreMoved, StoreUnavailable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from tests.application.test_store_copy import DOCUMENT, filled, whole


class Clock:
    """A clock that only sleeping advances, and what happens meanwhile."""

    def __init__(self) -> None:
        self.now, self.slept, self.meanwhile = 0.0, list[float](), list[Callable[[], Any]]()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.meanwhile:
            await self.meanwhile.pop(0)()


def move_of(source: InMemoryOrderRepository, target: InMemoryOrderRepository, clock: Clock) -> MoveStoreUseCase:
    return MoveStoreUseCase(whole(source), whole(target.to_move()), sleep=clock.sleep, clock=clock)


async def states(*stores: InMemoryOrderRepository) -> list[Fence | None]:
    return [await store.fenced() for store in stores]


async def test_neither_store_accepts_writes_for_two_seconds() -> None:
    source, target, clock, seen = await filled(1, 2), InMemoryOrderRepository(), Clock(), list[Any]()

    async def look() -> None:
        seen.extend(await states(source, target))
        for store in (source, target):
            with pytest.raises(StoreMoved):
                await store.save(small_order("late"))

    clock.meanwhile = [look]
    report = await move_of(source, target, clock).execute()
    assert (report.has_moved, report.was_moved, report.position, report.compared.orders) == (True, False, 4, 2)
    assert (report.pause_seconds, clock.slept) == (2.0, [2.0])
    assert seen == [Fence.MOVED, Fence.INCOMING]
    assert await states(source, target) == [Fence.MOVED, None]
    assert await move_of(source, target, clock).execute() == MoveReport(was_moved=True)


async def test_copies_what_is_written_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1, 2), InMemoryOrderRepository(), Clock()
    monkeypatch.setattr(move_store, "MOST_CHANGED", 1)
    use_case, rounds = move_of(source, target, clock), list[int]()
    copy = use_case.copy.copy_rest

    async def slow_rest(check: Any) -> tuple[int, int]:
        if len(rounds) < 2:
            clock.now += 1.5
            order = await source.get_by_id("order-1")
            assert order is not None
            order.put_on_hold("checked", at=SINCE) if len(rounds) == 0 else order.release(at=SINCE)
            await source.save(order, small_order(f"new-{len(rounds)}"))
        rounds.append(1)
        return await copy(check)

    monkeypatch.setattr(use_case.copy, "copy_rest", slow_rest)
    report = await use_case.execute()
    assert (len(rounds), report.position, report.compared.orders, report.compared.differences) == (4, 8, 4, [])
    assert await target.get_by_id("new-1")


async def test_an_order_that_is_changed_while_it_is_compared_is_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)
    changes = use_case.copy.copy_changes

    async def copy_and_change(position: int, on_progress: Any) -> tuple[int, int]:
        copied = await changes(position, on_progress)
        order = await source.get_by_id("order-1")
        if order is not None and order.version == 2:
            order.put_on_hold("checked", at=SINCE)
            await source.save(order)
        return copied

    monkeypatch.setattr(use_case.copy, "copy_changes", copy_and_change)
    report = await use_case.execute()
    assert (report.has_moved, report.position, report.compared.differences) == (True, 3, [])


async def test_a_source_that_is_written_faster_than_it_is_copied_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    monkeypatch.setattr(move_store, "LAG_SECONDS", 0.0)
    monkeypatch.setattr(move_store, "MOST_ROUNDS", 3)
    with pytest.raises(CannotMove, match="written faster"):
        await move_of(source, target, clock).execute()
    assert await states(source, target) == [None, Fence.INCOMING]


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_move_that_was_killed_is_continued(*, fenced: bool) -> None:
    source, target = await filled(1, 2), InMemoryOrderRepository()
    await target.fence(Fence.INCOMING)
    await target.to_move().write_copies(0, await source.read_copies(0, 3))
    if fenced:
        await source.fence()
    report = await move_of(source, target, Clock()).execute()
    assert (report.position, report.compared.orders, report.compared.differences) == (4, 2, [])
    assert await states(source, target) == [Fence.MOVED, None]


async def test_a_failure_opens_the_source_again() -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)

    async def fail() -> None:
        raise StoreUnavailable

    clock.meanwhile = [fail]
    with pytest.raises(StoreUnavailable):
        await use_case.execute()
    assert await states(source, target) == [None, Fence.INCOMING]
    assert (await use_case.execute()).has_moved


async def test_the_source_stays_closed_if_the_target_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    use_case = move_of(source, target, Clock())

    async def fail(_: str) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(use_case.target.orders, "lift_fence", fail)
    with pytest.raises(StoreUnavailable):
        await use_case.execute()
    assert await states(source, target) == [Fence.MOVED, Fence.INCOMING]
    assert (await move_of(source, target, Clock()).execute()).has_moved


async def test_waits_for_changes_that_the_feed_does_not_contain_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()

    async def three() -> int:
        return 3

    monkeypatch.setattr(source, "count_changes", three)
    with pytest.raises(StoreUnavailable, match="does not contain all changes"):
        await move_of(source, target, clock).execute()
    assert clock.now == pytest.approx(30, abs=1)
    assert await states(source, target) == [None, Fence.INCOMING]


@pytest.mark.parametrize("part", ["count", "record", "change", "order"])
async def test_nothing_is_moved_if_the_stores_differ(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1, 2), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)
    if part == "count":

        async def seven() -> int:
            return 7

        monkeypatch.setattr(use_case.target.orders, "count_changes", seven)
    elif part == "order":

        async def nothing(order_id: str) -> None:
            assert order_id

        monkeypatch.setattr(use_case.target.orders, "get_by_id", nothing)
        monkeypatch.setattr(use_case.target.orders, "write_copies", target.to_move().write_copies)
    elif part == "record":
        await source.records().write_records([Record(WEBHOOK, "w1", "{}")])

        async def forget(_: object) -> tuple[int, int]:
            return 0, 0

        monkeypatch.setattr(use_case.copy, "copy_rest", forget)
    else:
        await target.fence(Fence.INCOMING)
        await target.to_move().write_copies(0, await source.read_copies(0, 10))
        target._feed.reverse()
        monkeypatch.setattr(use_case.copy, "check_target", use_case.copy.source.orders.count_changes)  # type: ignore[attr-defined]
    report = await use_case.execute()
    assert not report.has_moved
    assert report.compared.differences
    assert await states(source, target) == [None, Fence.INCOMING]
    with pytest.raises(StoreMoved):
        await target.save(small_order("late"))


async def test_counts_the_statistics_of_the_target_before_the_cut_over() -> None:
    source, target, clock = await filled(*range(300)), InMemoryOrderRepository(), Clock()
    movers = target.to_move()
    statistics = UpdateStatisticsUseCase(movers, movers.records)
    await statistics.rebuild()
    use_case = MoveStoreUseCase(whole(source), whole(movers), statistics, sleep=clock.sleep, clock=clock)
    await use_case.execute()
    assert statistics.projector is not None
    assert not await statistics.execute()


async def test_moves_documents() -> None:
    source, target, clock = InMemoryOrderRepository(), InMemoryOrderRepository(), Clock()
    files = InMemoryDocumentStore(), InMemoryDocumentStore()
    order = small_order("order-1")
    await source.save(order)
    order.attach(DOCUMENT, at=DOCUMENT.created_at)
    await source.save(order)
    await files[0].put(f"orders/order-1/{'d' * 64}.html", b"hello", "text/html")
    use_case = MoveStoreUseCase(
        whole(source, files[0]), whole(target.to_move(), files[1]), sleep=clock.sleep, clock=clock
    )
    assert (await use_case.execute()).documents == 1


async def test_a_move_is_cancelled_and_finished() -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)
    for step in (use_case.cancel, use_case.finish):
        with pytest.raises(CannotMove, match="still in this store"):
            await step()
    await target.fence(Fence.INCOMING)
    await source.fence()
    await use_case.cancel()
    assert await states(source, target) == [None, Fence.INCOMING]
    await use_case.execute()
    with pytest.raises(CannotMove, match="move them back instead"):
        await use_case.cancel()
    await use_case.finish()
    assert await states(source, target) == [Fence.FINISHED, None]
    with pytest.raises(CannotMove, match="moved for good"):
        await move_of(target, source, clock).execute()


def suspend(monkeypatch: pytest.MonkeyPatch, of: object, name: str, meanwhile: Callable[[], Any]) -> None:
    """Do something else before the next call of a method, as if the process were suspended there."""
    method, waiting = getattr(of, name), [meanwhile]

    async def suspended(*arguments: Any, **options: Any) -> Any:
        if waiting:
            await waiting.pop()()
        return await method(*arguments, **options)

    monkeypatch.setattr(of, name, suspended)


async def move_and_write(source: InMemoryOrderRepository, target: InMemoryOrderRepository) -> None:
    """Move the orders by another run, and use the target."""
    await move_of(source, target, Clock()).execute()
    await target.save(small_order(f"new-{len(target._feed)}"))
    await target.records().write_records([Record(WEBHOOK, f"w{len(target._feed)}", "{}")])


@pytest.mark.parametrize("suspended_at", ["copy_changes", "copy_rest", "fence", "count_changes"])
async def test_a_run_that_was_suspended_while_another_one_moved_the_orders_ends_nothing(
    suspended_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)

    async def meanwhile() -> None:
        await move_and_write(source, target)

    of: object = source if hasattr(source, suspended_at) else use_case.copy
    suspend(monkeypatch, of, suspended_at, meanwhile)
    with pytest.raises((CannotMove, NotACopy)):
        await use_case.execute()
    assert await states(source, target) == [Fence.MOVED, None]
    assert [each.id for each in await target.records().list_records(WEBHOOK)] == ["w3"]
    assert await target.get_by_id("new-2")


async def test_a_run_that_was_suspended_until_the_orders_were_moved_back_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, target = await filled(1), InMemoryOrderRepository()

    async def there_and_back() -> None:
        await move_and_write(source, target)
        await move_and_write(target, source)

    suspend(monkeypatch, source, "fence", there_and_back)
    with pytest.raises(NotACopy, match="another process wrote to the target"):
        await move_of(source, target, Clock()).execute()
    assert await states(source, target) == [None, Fence.MOVED]


@pytest.mark.parametrize("step, error", [("execute", None), ("cancel", "move them back instead")])
@pytest.mark.parametrize("is_begun", [True, False])
async def test_a_move_that_ends_at_that_moment_is_left_alone(
    step: str, error: str | None, monkeypatch: pytest.MonkeyPatch, *, is_begun: bool
) -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    if is_begun or error:
        await target.fence(Fence.INCOMING)
        await source.fence()
    use_case = move_of(source, target, Clock())

    async def meanwhile() -> None:
        await move_and_write(source, target)

    suspend(monkeypatch, use_case.target.orders, "fence", meanwhile)
    if error is None:
        assert await use_case.execute() == MoveReport(was_moved=True)
    else:
        with pytest.raises(CannotMove, match=error):
            await getattr(use_case, step)()
    assert await states(source, target) == [Fence.MOVED, None]


async def test_a_run_that_closed_the_target_too_late_does_not_report_success(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    use_case = move_of(source, target, Clock())

    async def meanwhile() -> None:
        await source.fence()

    async def of_another_run(_: str) -> bool:
        return False

    suspend(monkeypatch, use_case.target.orders, "fence", meanwhile)
    monkeypatch.setattr(use_case.target.orders, "lift_fence", of_another_run)
    with pytest.raises(CannotMove, match="taken over"):
        await use_case.execute()


async def test_finish_leaves_a_store_open_to_which_the_orders_return_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    await move_and_write(source, target)

    async def back() -> None:
        await move_and_write(target, source)

    use_case = move_of(source, target, Clock())
    suspend(monkeypatch, source, "fence", back)
    with pytest.raises(CannotMove, match="still in this store"):
        await use_case.finish()
    assert await states(source, target) == [None, Fence.MOVED]


async def test_a_run_that_was_suspended_at_its_start_does_not_close_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    use_case = move_of(source, target, Clock())

    async def meanwhile() -> None:
        await move_of(source, target, Clock()).execute()
        monkeypatch.delattr(use_case.target.orders, "_lock")  # so that to fence it fails

    suspend(monkeypatch, use_case.copy, "check_target", meanwhile)
    with pytest.raises(CannotMove, match="taken over"):
        await use_case.execute()
    monkeypatch.undo()
    assert await states(source, target) == [Fence.MOVED, None]


async def test_a_run_that_was_suspended_at_its_end_leaves_the_target_as_it_is() -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()

    async def meanwhile() -> None:
        await move_and_write(source, target)

    clock.meanwhile = [meanwhile]
    assert (await move_of(source, target, clock).execute()).has_moved
    assert await states(source, target) == [Fence.MOVED, None]
    assert await target.get_by_id("new-2")


async def test_a_move_that_is_cancelled_while_it_runs_does_not_open_the_target() -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)
    clock.meanwhile = [use_case.cancel]
    with pytest.raises(CannotMove, match="taken over"):
        await use_case.execute()
    assert await states(source, target) == [None, Fence.INCOMING]


async def test_a_move_to_a_third_store_is_not_mistaken_for_an_interrupted_one() -> None:
    first, second, third = await filled(1), InMemoryOrderRepository(), InMemoryOrderRepository()
    await move_of(first, second, Clock()).execute()
    with pytest.raises(CannotMove, match="not to the other one"):
        await move_of(first, third, Clock()).execute()
    await move_of(second, third, Clock()).execute()
    for step in (move_of(first, second, Clock()).execute, move_of(first, second, Clock()).cancel):
        with pytest.raises(CannotMove, match="not to the other one"):
            await step()
    assert await states(first, second, third) == [Fence.MOVED, Fence.MOVED, None]


async def test_a_move_in_the_wrong_direction_is_rejected() -> None:
    source, target = await filled(1), InMemoryOrderRepository()
    await target.fence(Fence.INCOMING)
    await source.fence()
    with pytest.raises(CannotMove, match="brought a part of the orders here"):
        await move_of(target, source, Clock()).execute()
    assert await states(source, target) == [Fence.MOVED, Fence.INCOMING]


async def test_rejects_a_target_with_other_orders_and_fences_nothing() -> None:
    source, target = await filled(1), await filled(2)
    with pytest.raises(NotACopy):
        await move_of(source, target, Clock()).execute()
    assert await states(source, target) == [None, None]


async def test_a_store_is_reopened_if_the_other_one_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, clock = await filled(1), InMemoryOrderRepository(), Clock()
    use_case = move_of(source, target, clock)
    with pytest.raises(CannotMove, match="accepts writes already"):
        await use_case.reopen()
    await use_case.execute()
    await use_case.finish()
    with pytest.raises(CannotMove, match="the other store is not lost, it accepts writes"):
        await use_case.reopen()
    assert await states(source, target) == [Fence.FINISHED, None]
    await use_case.reopen(is_lost=True)
    assert await states(source, target) == [None, None]

    await source.fence()
    await move_of(source, InMemoryOrderRepository(), clock).reopen()
    assert await states(source) == [None]

    async def unreachable() -> int:
        raise StoreUnavailable("no connection")

    await source.fence()
    monkeypatch.setattr(use_case.target.orders, "count_changes", unreachable)
    await use_case.reopen()
    assert await states(source) == [None]


@pytest.mark.parametrize("state", [None, Fence.MOVED, Fence.FINISHED])
async def test_another_store_than_the_one_of_the_move_is_noticed(state: Fence | None) -> None:
    source, target, other = await filled(1), InMemoryOrderRepository(), await filled(2)
    await move_of(source, target, Clock()).execute()
    if state is not None:
        await other.fence(state)
    wrong = move_of(source, other, Clock())
    for step in (wrong.cancel, wrong.finish):
        with pytest.raises(CannotMove, match="but not to the other one: correct the URLs"):
            await step()
    with pytest.raises(CannotMove, match="correct the URLs" if state else "is not lost"):
        await wrong.reopen()
    assert await states(source, target, other) == [Fence.MOVED, None, state]


async def test_a_copy_that_was_closed_is_not_the_store_of_the_move() -> None:
    source, target, other = await filled(1), InMemoryOrderRepository(), InMemoryOrderRepository()
    await move_of(source, other, Clock()).execute()
    await move_of(other, source, Clock()).execute()
    await move_of(source, target, Clock()).execute()
    for step in (move_of(source, other, Clock()).cancel, move_of(source, other, Clock()).finish):
        with pytest.raises(CannotMove, match="correct the URLs"):
            await step()


@pytest.mark.parametrize("step", ["execute", "cancel", "reopen", "finish"])
async def test_requires_the_scope(step: str) -> None:
    reader = Actor(ActorKind.STAFF, "eve", frozenset({Scope.READ}))
    with pytest.raises(NotAllowed):
        await getattr(move_of(await filled(1), InMemoryOrderRepository(), Clock()), step)(actor=reader)


async def test_names_a_store_that_cannot_be_moved() -> None:
    class NoFence(InMemoryOrderRepository):
        fence = None  # type: ignore[assignment]

    with pytest.raises(CannotCopy, match="does not support moves"):
        _ = WholeStore(NoFence()).fence
