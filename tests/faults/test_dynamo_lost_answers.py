"""Answers of DynamoDB that get lost, come late or are errors: one effect, the right answer, and no blind retry."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo import saves, table
from orderkeep.testing.api_keys import REVOKED, USED, api_key
from orderkeep.testing.orders import SINCE, pending_order, place_command, small_order
from orderkeep.testing.reading import read_feed
from orderkeep.testing.saving import loaded
from tests.infrastructure.dynamo_samples import store_behind_a_proxy
from tests.servers.dynamodb import Server
from tests.servers.dynamodb_proxy import AnswerLost, Asked, DynamoProxy, Json, Refuse

WRITE, UPDATE = "TransactWriteItems", "UpdateItem"
Behind = tuple[OrderStore, DynamoProxy]


@pytest.fixture(params=["", "orders"], ids=["as on a server", "as on Lambda"])
async def behind(
    request: pytest.FixtureRequest, dynamodb: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Behind]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", request.param)
    monkeypatch.setattr(table, "FIRST_PAUSE_SECONDS", 0.001)
    async with store_behind_a_proxy(dynamodb) as found:
        yield found


def losing(count: int, operation: str = WRITE) -> Callable[[Asked], Json]:
    """Lose the answers to the first `count` requests that were carried out."""
    left = count

    def lose(asked: Asked) -> Json:
        nonlocal left
        if asked.operation == operation and left:
            left -= 1
            raise AnswerLost
        return asked.answer

    return lose


def refusing(refusal: Refuse, count: int, operation: str = WRITE) -> Callable[[str, Json], None]:
    """Answer the first `count` requests with an error, and never let DynamoDB see them."""
    left = count

    def refuse(asked: str, payload: Json) -> None:
        nonlocal left
        if asked == operation and left:
            left -= 1
            raise refusal

    return refuse


async def test_a_save_whose_answer_was_lost_is_sent_again_with_the_same_token_and_done_once(behind: Behind) -> None:
    store, proxy = behind
    proxy.after = losing(2)
    order = pending_order()
    await store.save(order)
    assert order.version == 1
    sent = [asked.payload for asked in proxy.asked if asked.operation == WRITE]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert [change.version for change in await read_feed(store)] == [1]


async def test_a_save_of_which_no_answer_ever_came_is_known_by_its_change(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    await store.save(order)
    order.confirm(at=SINCE)
    proxy.after = losing(table.ATTEMPTS)
    await store.save(order)
    assert order.version == 2
    assert (await loaded(store, order.id)).version == 2


async def test_a_save_that_never_arrived_is_not_taken_for_done(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    proxy.before = refusing(Refuse("InternalServerError", 500), table.ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await store.save(order)
    assert (order.version, len(order.events)) == (0, 1)
    assert await store.get_by_id(order.id) is None


async def test_somebody_elses_save_is_not_taken_for_ones_own(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    await store.save(order)
    mine, theirs = await loaded(store, order.id), await loaded(store, order.id)
    mine.cancel(at=SINCE)
    theirs.cancel(at=SINCE)  # the same to the byte, and yet not the same commit
    await store.save(theirs)
    proxy.before = refusing(Refuse("InternalServerError", 500), 2)
    with pytest.raises(ConcurrentUpdate):
        await store.save(mine)
    assert mine.version == 1


async def told(ask: Callable[[], Awaitable[CommandResult]]) -> CommandResult:
    """Ask until there is an answer, as a client does that has a key."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            continue


async def test_retries_with_one_key_have_one_effect_while_answers_get_lost(behind: Behind) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    chance = random.Random(7)

    def lose_some(asked: Asked) -> Json:
        if asked.operation == WRITE and chance.random() < 0.6:
            raise AnswerLost
        return asked.answer

    proxy.after = lose_some
    for number in range(6):
        placing, cancelling = CommandContext(key=f"place-{number}"), CommandContext(key=f"cancel-{number}")
        command = place_command(number)
        placed = await asyncio.gather(*(told(partial(do.place_order.execute, command, placing)) for _ in range(3)))
        assert len({result.order.id for result in placed}) == 1
        order_id = placed[0].order.id
        cancel = partial(do.cancel_order.execute, order_id, cancelling)
        answers = await asyncio.gather(*(told(cancel) for _ in range(3)))
        assert {(answer.order.status, answer.order.version) for answer in answers} == {("cancelled", 2)}
        assert [change.version for change in await store.list_changes(order_id, 0, 10)] == [1, 2]


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
async def test_waits_a_little_where_dynamodb_limits_the_rate(behind: Behind, code: str) -> None:
    store, proxy = behind
    proxy.before = refusing(Refuse(code), table.ATTEMPTS - 1)
    await store.save(pending_order())
    proxy.before = refusing(Refuse(code), table.ATTEMPTS, "GetItem")
    with pytest.raises(StoreUnavailable, match="limits the rate"):
        await store.get_by_id("order-1")


async def test_a_transaction_throttled_in_one_item_is_sent_again(behind: Behind) -> None:
    store, proxy = behind
    proxy.before = refusing(Refuse("TransactionCanceledException", 400, ("None", "ThrottlingError")), 1)
    await store.save(pending_order())
    assert await store.get_by_id("order-1") is not None


async def test_a_conflict_with_another_transaction_is_tried_again_and_then_told_as_one(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saves, "FIRST_PAUSE_SECONDS", 0.001)
    store, proxy = behind
    conflict = Refuse("TransactionCanceledException", 400, ("None", "TransactionConflict"))
    proxy.before = refusing(conflict, saves.CONFLICTS - 1)
    await store.save(small_order("order-1"))
    proxy.before = refusing(conflict, saves.CONFLICTS)
    with pytest.raises(ConcurrentUpdate):
        await store.save(small_order("order-2"))


async def test_what_dynamodb_may_not_do_for_us_is_asked_once(behind: Behind) -> None:
    store, proxy = behind
    await store.ping()
    asked = len(proxy.asked)
    times = []

    def deny(operation: str, payload: Json) -> None:
        times.append(operation)
        raise Refuse("AccessDeniedException")

    proxy.before = deny
    with pytest.raises(StoreUnavailable, match="allow the actions"):
        await store.save(pending_order())
    assert (len(times), len(proxy.asked)) == (1, asked)


@pytest.mark.parametrize("lost", [2, table.ATTEMPTS])
async def test_a_key_is_added_once_though_no_answer_came(behind: Behind, lost: int) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    proxy.after = losing(lost)
    assert await keys.add(api_key())
    proxy.after = losing(lost)
    assert not await keys.add(api_key(name="another of that id"))
    assert await keys.list_newest(None, 9) == [api_key()]


async def test_a_key_that_never_arrived_is_not_taken_for_added(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    proxy.before = refusing(Refuse("InternalServerError", 500), table.ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await keys.add(api_key())
    assert await keys.list_newest(None, 9) == []


async def test_a_key_that_somebody_took_out_of_the_table_is_missed(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    await keys.add(api_key())
    proxy.after = lambda asked: asked.answer | ({"Responses": {}} if asked.operation == "BatchGetItem" else {})
    with pytest.raises(StoreUnusable, match="somebody altered it"):
        await keys.list_newest(None, 9)


async def test_a_revocation_and_a_use_may_be_sent_twice(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    await keys.add(api_key())
    proxy.after = losing(1, UPDATE)
    await keys.note_use(api_key().id, USED)
    proxy.after = losing(1, UPDATE)
    revoked = await keys.revoke(api_key().id, REVOKED)
    assert revoked == api_key(last_used_at=USED, revoked_at=REVOKED)
    assert proxy.operations().count(UPDATE) == 4
    proxy.before = refusing(Refuse("AccessDeniedException"), 1, UPDATE)
    with pytest.raises(StoreUnavailable, match="may not do this"):
        await keys.note_use(api_key().id, USED)
