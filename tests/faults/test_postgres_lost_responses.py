"""The result of a commit is lost: a retry with the same key gets it, and nothing is done twice."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.orders import pending_order, place_command, small_order
from orderkeep.testing.stores import read_all
from tests.faults.cutting_proxy import CuttingProxy, cutting_proxy

MOST_ANSWERS = 30
"""More than a command takes, from the first connection on."""

Ask = Callable[[UseCases, int, CommandContext], Awaitable[CommandResult]]


def place(use_cases: UseCases, number: int, request: CommandContext) -> Awaitable[CommandResult]:
    return use_cases.place_order.execute(place_command(number), request)


def cancel(use_cases: UseCases, number: int, request: CommandContext) -> Awaitable[CommandResult]:
    return use_cases.cancel_order.execute(f"order-{number}", request, reason="found cheaper")


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def behind(postgres_url: str) -> AsyncIterator[OrderStore]:
    """The store as it is, past the proxy."""
    store = open_store(postgres_url)
    await store.save(*(small_order(f"order-{number}") for number in range(MOST_ANSWERS)))
    yield store
    await store.close()


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("ask", [place, cancel])
async def test_a_retry_with_the_same_key_has_one_effect(
    proxy: CuttingProxy, behind: OrderStore, ask: Ask, connected: bool
) -> None:
    lost_after_commit = 0
    for number in range(1, MOST_ANSWERS):
        kept = len((await read_all(behind))[1])
        request = CommandContext(key=f"key-{number}")
        store = open_store(proxy.url)
        if connected:
            await ask(build_use_cases(store), number, CommandContext(dry_run=True))
        proxy.cut_answer(number)
        try:
            await ask(build_use_cases(store), number, request)
        except StoreUnavailable:
            lost_after_commit += len((await read_all(behind))[1]) - kept
        whole, proxy.armed = proxy.armed is not None, None
        again = await ask(build_use_cases(store), number, request)
        assert len((await read_all(behind))[1]) == kept + 1
        assert (await ask(build_use_cases(behind), number, request)).order == again.order
        await store.close()
        if whole:
            break
    assert whole, "a command takes more answers than were cut"
    assert lost_after_commit == 1, "the answer to the commit was never cut"


async def test_save_of_several_orders_with_a_lost_response_is_atomic(proxy: CuttingProxy, behind: OrderStore) -> None:
    store = open_store(proxy.url)
    await store.ping()
    outcomes = set()
    for number in range(1, MOST_ANSWERS):
        orders = [pending_order(number * 10 + offset) for offset in range(3)]
        proxy.cut_answer(number)
        try:
            await store.save(*orders)
            if proxy.armed is not None:
                break
        except StoreUnavailable:
            found = [await behind.get_by_id(order.id) is not None for order in orders]
            outcomes.add(tuple(found))
            assert [order.version for order in orders] == [0, 0, 0]
    await store.close()
    assert outcomes == {(False, False, False), (True, True, True)}
