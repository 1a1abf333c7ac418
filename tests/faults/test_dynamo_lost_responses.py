"""Responses of DynamoDB that are lost, late or errors: one effect, the right result, and no blind retry."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderStore
from orderkeep.application.records import KeepsRecords, Record, RecordStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo import client, saves
from orderkeep.infrastructure.dynamo_repo import records as dynamo_records
from orderkeep.testing.api_keys import REVOKED, USED, api_key
from orderkeep.testing.orders import SINCE, pending_order, place_command, small_order
from orderkeep.testing.stores import loaded, read_feed
from tests.infrastructure.dynamo_samples import store_behind_a_proxy
from tests.servers.dynamodb import Server
from tests.servers.dynamodb_proxy import DynamoProxy, Exchange, Json, Reject, ResponseLost

WRITE = "TransactWriteItems"
Behind = tuple[OrderStore, DynamoProxy]


NEW_RECORDS = [Record("cursor", "a", "1"), Record("cursor", "b", "2")]


def records_of(behind: Behind) -> tuple[RecordStore, DynamoProxy]:
    store, proxy = behind
    assert isinstance(store, KeepsRecords)
    return store.records(), proxy


@pytest.fixture(params=["", "orders"], ids=["as on a server", "as on Lambda"])
async def behind(
    request: pytest.FixtureRequest, dynamodb: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Behind]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", request.param)
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.001)
    async with store_behind_a_proxy(dynamodb) as found:
        yield found


def losing(count: int, operation: str = WRITE) -> Callable[[Exchange], Json]:
    """Lose the responses to the first `count` requests that were carried out."""
    left = count

    def lose(exchange: Exchange) -> Json:
        nonlocal left
        if exchange.operation == operation and left:
            left -= 1
            raise ResponseLost
        return exchange.response

    return lose


def rejecting(rejection: Reject, count: int, operation: str = WRITE) -> Callable[[str, Json], None]:
    """Respond to the first `count` requests with an error; DynamoDB does not receive them."""
    left = count

    def reject(sent: str, payload: Json) -> None:
        nonlocal left
        if sent == operation and left:
            left -= 1
            raise rejection

    return reject


async def test_save_with_a_lost_response_is_sent_again_with_the_same_token(behind: Behind) -> None:
    store, proxy = behind
    proxy.after = losing(2)
    order = pending_order()
    await store.save(order)
    assert order.version == 1
    sent = [exchange.payload for exchange in proxy.exchanges if exchange.operation == WRITE]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert [change.version for change in await read_feed(store)] == [1]


async def test_save_without_any_response_is_recognized_by_its_change(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    await store.save(order)
    order.confirm(at=SINCE)
    proxy.after = losing(client.ATTEMPTS)
    await store.save(order)
    assert order.version == 2
    assert (await loaded(store, order.id)).version == 2


async def test_save_that_never_arrived_is_not_reported_as_committed(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    proxy.before = rejecting(Reject("InternalServerError", 500), client.ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await store.save(order)
    assert (order.version, len(order.events)) == (0, 1)
    assert await store.get_by_id(order.id) is None


async def test_equal_save_of_another_writer_is_a_conflict(behind: Behind) -> None:
    store, proxy = behind
    order = pending_order()
    await store.save(order)
    mine, theirs = await loaded(store, order.id), await loaded(store, order.id)
    mine.cancel(at=SINCE)
    theirs.cancel(at=SINCE)  # the same to the byte, and yet not the same commit
    await store.save(theirs)
    proxy.before = rejecting(Reject("InternalServerError", 500), 2)
    with pytest.raises(ConcurrentUpdate):
        await store.save(mine)
    assert mine.version == 1


async def retried(send: Callable[[], Awaitable[CommandResult]]) -> CommandResult:
    """Send a request until it gets a response, as a client with a key does."""
    while True:
        try:
            return await send()
        except StoreUnavailable:
            continue


async def test_retries_with_one_key_have_one_effect_while_responses_are_lost(behind: Behind) -> None:
    store, proxy = behind
    do = build_use_cases(store)
    chance = random.Random(7)

    def lose_some(exchange: Exchange) -> Json:
        if exchange.operation == WRITE and chance.random() < 0.6:
            raise ResponseLost
        return exchange.response

    proxy.after = lose_some
    for number in range(6):
        placing, cancelling = CommandContext(key=f"place-{number}"), CommandContext(key=f"cancel-{number}")
        command = place_command(number)
        placed = await asyncio.gather(*(retried(partial(do.place_order.execute, command, placing)) for _ in range(3)))
        assert len({result.order.id for result in placed}) == 1
        order_id = placed[0].order.id
        cancel = partial(do.cancel_order.execute, order_id, cancelling)
        results = await asyncio.gather(*(retried(cancel) for _ in range(3)))
        assert {(result.order.status, result.order.version) for result in results} == {("cancelled", 2)}
        assert [change.version for change in await store.list_changes(order_id, 0, 10)] == [1, 2]


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
async def test_throttled_request_is_retried(behind: Behind, code: str) -> None:
    store, proxy = behind
    proxy.before = rejecting(Reject(code), client.ATTEMPTS - 1)
    await store.save(pending_order())
    proxy.before = rejecting(Reject(code), client.ATTEMPTS, "GetItem")
    with pytest.raises(StoreUnavailable, match="limits the rate"):
        await store.get_by_id("order-1")


async def test_transaction_throttled_in_one_item_is_retried(behind: Behind) -> None:
    store, proxy = behind
    proxy.before = rejecting(Reject("TransactionCanceledException", 400, ("None", "ThrottlingError", "None")), 1)
    await store.save(pending_order())
    assert await store.get_by_id("order-1") is not None


async def test_transaction_conflict_is_retried_then_reported(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saves, "FIRST_PAUSE_SECONDS", 0.001)
    store, proxy = behind
    conflict = Reject("TransactionCanceledException", 400, ("None", "TransactionConflict", "None"))
    proxy.before = rejecting(conflict, saves.ATTEMPTS - 1)
    await store.save(small_order("order-1"))
    proxy.before = rejecting(conflict, saves.ATTEMPTS)
    with pytest.raises(ConcurrentUpdate):
        await store.save(small_order("order-2"))


async def test_denied_request_is_not_retried(behind: Behind) -> None:
    store, proxy = behind
    await store.ping()
    before = len(proxy.exchanges)
    times = []

    def deny(operation: str, payload: Json) -> None:
        times.append(operation)
        raise Reject("AccessDeniedException")

    proxy.before = deny
    with pytest.raises(StoreUnavailable, match="allow the actions"):
        await store.save(pending_order())
    assert (len(times), len(proxy.exchanges)) == (1, before)


@pytest.mark.parametrize("lost", [2, client.ATTEMPTS])
async def test_api_key_is_added_once_without_any_response(behind: Behind, lost: int) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    proxy.after = losing(lost)
    assert await keys.add(api_key())
    proxy.after = losing(lost)
    assert not await keys.add(api_key(name="another of that id"))
    assert await keys.list_newest(None, 9) == [api_key()]


async def test_api_key_that_never_arrived_is_not_reported_as_added(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    proxy.before = rejecting(Reject("InternalServerError", 500), client.ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await keys.add(api_key())
    assert await keys.list_newest(None, 9) == []


async def test_list_reports_a_missing_api_key(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    await keys.add(api_key())
    proxy.after = lambda exchange: (
        exchange.response | ({"Responses": {}} if exchange.operation == "BatchGetItem" else {})
    )
    with pytest.raises(StoreUnusable, match="it was altered"):
        await keys.list_newest(None, 9)


async def test_revocation_and_use_of_an_api_key_are_idempotent(behind: Behind) -> None:
    store, proxy = behind
    keys = api_keys_of(store)
    await keys.add(api_key())
    proxy.exchanges.clear()
    proxy.after = losing(1)
    await keys.note_use(api_key().id, USED)
    proxy.after = losing(1)
    revoked = await keys.revoke(api_key().id, REVOKED)
    assert revoked == api_key(last_used_at=USED, revoked_at=REVOKED)
    assert proxy.operations().count(WRITE) == 4
    proxy.before = rejecting(Reject("AccessDeniedException"), 1)
    with pytest.raises(StoreUnavailable, match="lack a permission"):
        await keys.note_use(api_key().id, USED)


async def test_records_with_a_lost_response_are_sent_again_with_the_same_token(behind: Behind) -> None:
    records, proxy = records_of(behind)
    proxy.after = losing(2)
    written = await records.write_records(NEW_RECORDS)
    sent = [exchange.payload for exchange in proxy.exchanges if exchange.operation == WRITE]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert [record.version for record in written] == [1, 1]
    assert await records.list_records("cursor") == written


async def test_records_without_any_response_are_recognized_by_their_token(behind: Behind) -> None:
    records, proxy = records_of(behind)
    first, second = await records.write_records(NEW_RECORDS)
    proxy.after = losing(client.ATTEMPTS)
    [third] = await records.write_records([replace(first, content="3")], [second])
    assert await records.list_records("cursor") == [third]
    proxy.after = losing(client.ATTEMPTS)
    with pytest.raises(StoreUnavailable):  # what was only deleted has no token
        await records.write_records([], [third])
    assert await records.list_records("cursor") == []


async def test_records_that_are_too_large_together_are_read_in_parts(behind: Behind) -> None:
    records, proxy = records_of(behind)
    written = await records.write_records([Record("cursor", f"id-{number}", "1") for number in range(5)])

    def reject_more_than_two(operation: str, payload: Json) -> None:  # as DynamoDB does if they have more than 4 MB
        if operation == "TransactGetItems" and len(payload["TransactItems"]) > 2:
            raise Reject("ValidationException")

    proxy.before = reject_more_than_two
    assert await records.get_records("cursor", [record.id for record in written]) == written


async def test_records_that_never_arrived_are_not_reported_as_written(behind: Behind) -> None:
    records, proxy = records_of(behind)
    proxy.before = rejecting(Reject("InternalServerError", 500), client.ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await records.write_records(NEW_RECORDS)
    assert await records.list_records("cursor") == []


async def test_equal_records_of_another_writer_are_a_conflict(behind: Behind) -> None:
    records, proxy = records_of(behind)
    await records.write_records(NEW_RECORDS)
    proxy.before = rejecting(Reject("InternalServerError", 500), 2)
    with pytest.raises(ConcurrentUpdate):
        await records.write_records(NEW_RECORDS)
    assert [record.version for record in await records.list_records("cursor")] == [1, 1]


async def test_records_that_another_transaction_is_writing_are_tried_again(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo_records, "FIRST_PAUSE_SECONDS", 0.001)
    records, proxy = records_of(behind)
    conflict = Reject("TransactionCanceledException", 400, reasons=("None", "TransactionConflict", "None"))
    proxy.before = rejecting(conflict, dynamo_records.ATTEMPTS - 1)
    written = await records.write_records(NEW_RECORDS)
    proxy.before = rejecting(conflict, dynamo_records.ATTEMPTS - 1, "TransactGetItems")
    assert await records.get_records("cursor", ["a", "b"]) == written
    proxy.before = rejecting(conflict, dynamo_records.ATTEMPTS)
    with pytest.raises(ConcurrentUpdate):
        await records.write_records(written)
    proxy.before = rejecting(conflict, dynamo_records.ATTEMPTS, "TransactGetItems")
    with pytest.raises(StoreUnavailable, match="other transactions are writing the same items"):
        await records.get_records("cursor", ["a", "b"])
