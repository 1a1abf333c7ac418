"""The order is loaded before the key is looked up: a retry that runs concurrently with the original request must not
be rejected.

The memory store never switches tasks by itself, so the original is made to commit at each await. The opposite order,
key first, fails at the same moments, which shows that this test can fail.
"""

from collections.abc import Awaitable, Callable

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, OrderDTO
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.lifecycle import CannotCancelOrder
from orderkeep.testing.orders import SINCE, small_order
from tests.application.interleaved import InterleavedStore

REQUEST = CommandContext(key="cancel it")
MOMENTS = [("get_by_id", 1), ("save", 1), ("get_by_id", 2)]


async def with_a_twin_at(
    moment: tuple[str, int], cancel: Callable[[InterleavedStore], Awaitable[OrderDTO]]
) -> OrderDTO:
    """Send one request twice, the second while the first is at that moment; return the first's answer."""
    store = InterleavedStore(small_order("order-1"))
    answers: list[CommandResult] = []

    async def twin() -> None:
        answers.append(await CancelOrderUseCase(store, store).execute("order-1", REQUEST, reason="late"))

    store.let_act(twin, *moment)
    answer = await cancel(store)
    assert answers == [] or answers[0].order == answer
    assert [change.version for change in await store.list_changes("order-1", 0, 10)] == [1, 2]
    return answer


async def state_first(store: InterleavedStore) -> OrderDTO:
    return (await CancelOrderUseCase(store, store).execute("order-1", REQUEST, reason="late")).order


async def key_first(store: InterleavedStore) -> OrderDTO:
    """Cancel as many services do: look for the key's record, then load, decide and save."""
    while True:
        recorded = await store.get_by_id("order-1")
        if recorded is not None and recorded.idempotency_keys:
            return OrderDTO.of(recorded)
        order = await store.get_by_id("order-1")
        assert order is not None
        order.cancel("late", at=SINCE)
        order.set_attribution(REQUEST.attribution(("cancel", ["late", None])))
        try:
            await store.save(order)
        except ConcurrentUpdate:
            continue
        return OrderDTO.of(order)


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_concurrent_retry_gets_the_result_of_the_original(moment: tuple[str, int]) -> None:
    answer = await with_a_twin_at(moment, state_first)
    assert (answer.status, answer.version) == ("cancelled", 2)


@pytest.mark.parametrize("moment", [("get_by_id", 1), ("save", 1)], ids=str)
async def test_with_the_key_first_all_goes_well_at_most_moments(moment: tuple[str, int]) -> None:
    answer = await with_a_twin_at(moment, key_first)
    assert (answer.status, answer.version) == ("cancelled", 2)


async def test_with_the_key_first_a_cancel_that_succeeded_is_rejected_at_one() -> None:
    with pytest.raises(CannotCancelOrder):
        await with_a_twin_at(("get_by_id", 2), key_first)
