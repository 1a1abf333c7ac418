"""The model of one order responds as the use cases do to sequential requests."""

from random import Random

from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.torture.histories import _plan, _Recorder, judge_history
from tests.torture.linearizability import Operation
from tests.torture.order_model import DONE, Ask, Kept, Reply, Sight, respond, step


async def test_model_returns_the_same_as_the_use_cases() -> None:
    heard: set[str] = set()
    for seed in range(150):
        recorder = _Recorder(InMemoryOrderRepository())
        kept: Kept | None = None
        await recorder.follow(1, _plan(Random(seed), 12))
        for operation in recorder.history:
            kept, due = respond(kept, operation.asked)
            assert operation.answer == due
            heard.add(due.outcome)
    refusals = {"order_not_found", "idempotency_key_reused", "version_mismatch"}
    assert heard == {DONE, *refusals, "cannot_confirm_order", "cannot_ship_order", "cannot_cancel_order"}


def test_distinguishes_cancellations() -> None:
    placed = Sight(1, "pending", "web-7", None)
    mine, yours = Ask("cancel", detail="mine"), Ask("cancel", detail="yours")
    cancelled, due = respond(Kept(placed), mine)
    assert due == Reply(DONE, Sight(2, "cancelled", "web-7", "mine"))
    assert step(Kept(placed), Operation(1, yours, due, 3, 5)) == ()
    assert step(Kept(placed), Operation(1, mine, due, 3, 5)) == (cancelled,)
    assert step(Kept(placed), Operation(1, mine, None, 3, None)) == (cancelled,)


def test_a_violation_names_what_cannot_come_next() -> None:
    placed = Sight(1, "pending", "web-7", None)
    place = Operation(1, Ask("place", "a-key", detail="web-7"), Reply(DONE, placed), 0, 1)
    late = Operation(2, Ask("get"), Reply("order_not_found"), 2, 3)
    try:
        judge_history([place, late])
    except AssertionError as violation:
        told = str(violation)
    assert told.startswith("1 of 2 responses can follow one another")
    assert "client 2, 2 to 3: Ask(what='get'" in told
    judge_history([place])
