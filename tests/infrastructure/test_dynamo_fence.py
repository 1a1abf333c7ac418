"""The fence of a table: its items are checked in turn, and conflicts on them are not reported as those of orders."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from orderkeep.application.store_copy import CopiesChanges, Fence
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreMoved, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo import client, fence, saves
from orderkeep.infrastructure.dynamo_repo.repository import DynamoOrderRepository
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.api_keys import USED, api_key
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.stores import loaded
from tests.infrastructure.dynamo_samples import store_behind_a_proxy
from tests.servers.dynamodb import Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange, Json, Reject, ResponseLost

WRITE = "TransactWriteItems"
NONE, FAILED, CONFLICT = "None", "ConditionalCheckFailed", "TransactionConflict"
Behind = tuple[DynamoOrderRepository, DynamoProxy]


@pytest.fixture
async def behind(dynamodb: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Behind]:
    for module in (client, fence, saves):
        monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    async with store_behind_a_proxy(dynamodb) as (store, proxy):
        assert isinstance(store, DynamoOrderRepository)
        yield store, proxy


class Rejecting:
    """Cancels the first transactions for the given reasons, of which the last one is that of the fence. Records the
    items of the fence that were checked.
    """

    def __init__(self, *reasons: str, count: int) -> None:
        self.reasons, self.left, self.checked = reasons, count, list[str]()

    def __call__(self, operation: str, payload: Json) -> None:
        if operation != WRITE:
            return
        self.checked.append(checked(payload))
        assert len(payload["TransactItems"]) == len(self.reasons)
        if self.left:
            self.left -= 1
            raise Reject("TransactionCanceledException", reasons=self.reasons)


def checked(payload: Json) -> str:
    """Return the item of the fence that a transaction checks, last and once."""
    [*others, (operation, last)] = [
        (name, action) for each in payload["TransactItems"] for name, action in each.items()
    ]
    assert operation == "ConditionCheck"
    assert all(name != "ConditionCheck" for name, _ in others)
    assert last["Key"]["pk"]["S"].startswith(fence.PREFIX)
    return str(last["Key"]["pk"]["S"])


async def test_conflict_on_the_fence_alone_is_tried_again_with_another_item(behind: Behind) -> None:
    store, proxy = behind
    proxy.before = rule = Rejecting(NONE, NONE, CONFLICT, count=fence.ATTEMPTS - 1)
    await store.save(small_order("order-1"))
    assert len(rule.checked) == len({*rule.checked}) == fence.ATTEMPTS
    proxy.before = rule = Rejecting(NONE, NONE, CONFLICT, count=fence.ATTEMPTS)
    with pytest.raises(StoreUnavailable, match="other transactions are writing the same items"):
        await store.save(small_order("order-2"))
    assert len(rule.checked) == fence.ATTEMPTS


@pytest.mark.parametrize("of_fence", [NONE, CONFLICT])
@pytest.mark.parametrize("rejection, attempts", [(CONFLICT, saves.ATTEMPTS), (FAILED, 1)])
async def test_rejection_of_an_order_is_reported_for_that_order(
    behind: Behind, rejection: str, attempts: int, of_fence: str
) -> None:
    store, proxy = behind
    proxy.before = rule = Rejecting(NONE, NONE, rejection, NONE, of_fence, count=attempts)
    with pytest.raises(ConcurrentUpdate) as found:
        await store.save(small_order("order-1"), small_order("order-2"))
    assert (found.value.order_id, len(rule.checked)) == ("order-2", attempts)


async def test_a_marked_item_of_the_fence_means_that_the_store_moved(behind: Behind) -> None:
    store, proxy = behind
    for of_order in (NONE, CONFLICT, FAILED):
        proxy.before = rule = Rejecting(of_order, NONE, FAILED, count=1)
        with pytest.raises(StoreMoved):
            await store.save(small_order("order-1"))
        assert len(rule.checked) == 1


async def test_throttled_fence_is_reported_as_throttled(behind: Behind) -> None:
    store, proxy = behind
    proxy.before = Rejecting(NONE, NONE, "ThrottlingError", count=client.ATTEMPTS)
    with pytest.raises(StoreUnavailable, match="limits the rate"):
        await store.save(small_order("order-1"))


async def test_own_save_is_recognized_after_a_conflict_on_the_fence(behind: Behind) -> None:
    store, proxy = behind
    reject, lost = Rejecting(NONE, NONE, CONFLICT, count=1), list[Exchange]()

    def lose_the_first(exchange: Exchange) -> Json:
        if exchange.operation == WRITE and not lost:
            lost.append(exchange)
            proxy.before = reject  # the same request again
            raise ResponseLost
        return exchange.response

    proxy.after = lose_the_first
    order = small_order("order-1")
    await store.save(order)
    assert (order.version, reject.left, len(reject.checked)) == (1, 0, 2)


async def test_fence_that_was_seen_after_a_lost_response_does_not_hide_the_save(behind: Behind) -> None:
    store, proxy = behind

    def lose(exchange: Exchange) -> Json:
        if exchange.operation == WRITE:
            proxy.before = Rejecting(NONE, NONE, FAILED, count=1)
            raise ResponseLost
        return exchange.response

    proxy.after = lose
    order = small_order("order-1")
    await store.save(order)
    assert order.version == 1


async def test_concurrent_transactions_of_a_process_check_different_items(behind: Behind) -> None:
    store, proxy = behind
    keys = store.api_keys()
    proxy.before = rule = Rejecting(NONE, NONE, NONE, count=0)
    await asyncio.gather(
        *(store.save(small_order(f"order-{number}")) for number in range(40)),
        *(keys.add(api_key(id=f"key-{number}")) for number in range(40)),
    )
    assert len(rule.checked) == len({*rule.checked}) == 80


def test_a_process_checks_all_items_in_turn_and_others_in_another_order() -> None:
    orders = set()
    for _ in range(8):
        fence._turns.cache_clear()  # as in another process
        turn = [next(fence._turns()) % fence.POSTS for _ in range(2 * fence.POSTS)]
        assert set(Counter(turn).values()) == {2}
        assert turn[: fence.POSTS] == turn[fence.POSTS :]
        orders.add(tuple((number - turn[0]) % fence.POSTS for number in turn[:3]))
    assert len(orders) > 1  # not the same one from another start, which could be in step with this one


def conflicting(times: int, *posts: int) -> tuple[Callable[[str, Json], None], Counter[str]]:
    """Reject as many updates of each of these items as if a transaction was checking it."""
    seen, conflicts = Counter[str](), {f"{fence.PREFIX}{post:04}" for post in posts}

    def before(operation: str, payload: Json) -> None:
        if operation == "UpdateItem" and (post := payload["Key"]["pk"]["S"]) in conflicts:
            seen[post] += 1
            if seen[post] <= times:
                raise Reject("TransactionConflictException")

    return before, seen


async def marked(store: DynamoOrderRepository) -> int:
    """Return how many items of the fence are marked."""
    items = await store._table.get_all([fence._post(number) for number in range(fence.POSTS)], ("state",))
    return sum("state" in (item or {}) for item in items)


async def test_fence_is_put_up_and_lifted_while_transactions_check_it(behind: Behind) -> None:
    store, proxy = behind
    proxy.before, seen = conflicting(fence.ATTEMPTS - 1, 0, 7, fence.POSTS - 1)
    await store.fence()
    assert (await store.fenced(), await marked(store)) == (Fence.MOVED, fence.POSTS)
    assert set(seen.values()) == {fence.ATTEMPTS}
    proxy.before, _ = conflicting(fence.ATTEMPTS - 1, 0, 7, fence.POSTS - 1)
    await store.lift_fence()
    assert (await store.fenced(), await marked(store)) == (None, 0)


async def test_fence_that_cannot_be_put_up_as_a_whole_is_not_up_and_is_lifted(behind: Behind) -> None:
    store, proxy = behind

    def deny_one(operation: str, payload: Json) -> None:
        if operation == "UpdateItem" and payload["Key"]["pk"]["S"] == f"{fence.PREFIX}0007":
            raise Reject("AccessDeniedException")

    proxy.before = deny_one
    with pytest.raises(StoreUnusable, match="lack a permission on the table"):
        await store.fence()
    assert proxy.operations().count("UpdateItem") == fence.POSTS - 2  # all but two, and none is sent any more
    assert (await store.fenced(), await marked(store)) == (None, fence.POSTS - 2)
    proxy.before, _ = conflicting(0)
    await store.lift_fence()
    assert await marked(store) == 0


async def test_last_item_of_the_fence_that_readers_see_is_marked_and_unmarked_last(behind: Behind) -> None:
    store, proxy = behind
    for change in (store.fence, store.lift_fence):
        proxy.exchanges.clear()
        await change()
        order = [each.payload["Key"]["pk"]["S"] for each in proxy.exchanges if each.operation == "UpdateItem"]
        assert (len(order), order[-1]) == (fence.POSTS, f"{fence.PREFIX}0000")


async def test_use_of_an_api_key_is_recorded_while_another_process_records_one(behind: Behind) -> None:
    store, proxy = behind
    keys = store.api_keys()
    await keys.add(api_key())
    proxy.before = Rejecting(CONFLICT, NONE, count=saves.ATTEMPTS - 1)
    await keys.note_use(api_key().id, USED)
    assert await keys.get(api_key().id) == api_key(last_used_at=USED)
    proxy.before = Rejecting(CONFLICT, NONE, count=saves.ATTEMPTS)
    with pytest.raises(StoreUnavailable, match="other transactions are writing the same items"):
        await keys.revoke(api_key().id, USED)


async def test_copies_fill_a_transaction_with_the_fence(behind: Behind) -> None:
    store, proxy = behind
    source = InMemoryOrderRepository()
    for number in range(60):
        await source.save(small_order(f"order-{number}"))
    assert isinstance(source, CopiesChanges)
    await store.write_copies(0, await source.read_copies(0, 100))
    sizes = [len(each.payload["TransactItems"]) for each in proxy.exchanges if each.operation == WRITE]
    assert sizes == [99, 27]
    assert len((await store.read_changes(0, 100)).changes) == 60


async def test_store_is_ready_while_another_process_checks_whether_it_is(behind: Behind) -> None:
    store, proxy = behind
    proxy.before = Rejecting(CONFLICT, NONE, count=1)
    await store.ping()


async def test_store_whose_fence_may_not_be_checked_is_not_ready(behind: Behind) -> None:
    store, proxy = behind

    def deny(operation: str, payload: Json) -> None:
        if operation == WRITE and any("ConditionCheck" in each for each in payload["TransactItems"]):
            raise Reject("AccessDeniedException")

    proxy.before = deny
    with pytest.raises(StoreUnusable, match="lack a permission on the table"):
        await store.ping()


async def test_fence_does_not_delay_the_feed(behind: Behind) -> None:
    store, _ = behind
    await store.save(pending_order())
    order = await loaded(store, "order-1")
    order.confirm(at=SINCE)
    await store.save(order)
    await store.fence()
    assert [change.version for change in (await store.read_changes(0, 10)).changes] == [1, 2]
