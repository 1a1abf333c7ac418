"""Webhooks: created, changed, rotated, replayed and deleted, and what is returned and stored of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import (
    IdempotencyKeyReused,
    InvalidCursor,
    OtherWebhookVersion,
    PositionOutOfRange,
    ReplayInProgress,
    TooManyWebhooks,
    UnknownEventType,
    WebhookNotFound,
)
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.use_cases.create_webhook import CreateWebhookUseCase
from orderkeep.application.use_cases.delete_webhook import DeleteWebhookUseCase
from orderkeep.application.use_cases.get_webhook import GetWebhookUseCase
from orderkeep.application.use_cases.list_webhook_deliveries import ListWebhookDeliveriesUseCase
from orderkeep.application.use_cases.list_webhooks import ListWebhooksUseCase
from orderkeep.application.use_cases.pause_webhook import PauseWebhookUseCase
from orderkeep.application.use_cases.replay_webhook import ReplayWebhookUseCase
from orderkeep.application.use_cases.resume_webhook import ResumeWebhookUseCase
from orderkeep.application.use_cases.rotate_webhook_secret import RotateWebhookSecretUseCase
from orderkeep.application.use_cases.send_webhook_test import SendWebhookTestUseCase
from orderkeep.application.use_cases.update_webhook import UpdateWebhookUseCase
from orderkeep.application.webhooks.delivery_log import LOG_RECORDS, Attempt, log_kind
from orderkeep.application.webhooks.progress import PROGRESS, waiting_kind
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.application.webhooks.signatures import signature_headers
from orderkeep.application.webhooks.subscriptions import (
    ATTEMPTS,
    MAX_WEBHOOKS,
    WEBHOOK,
    WebhookRecords,
    WebhookView,
)
from orderkeep.domain.exceptions import ConcurrentUpdate, InvalidInput
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import FAILED, NOON, OK, SHOP, PoliteRecords, World


def creation(world: World) -> CreateWebhookUseCase:
    return CreateWebhookUseCase(world.webhooks, world.store, world.receivers, world.clock)


def update(world: World) -> UpdateWebhookUseCase:
    return UpdateWebhookUseCase(world.webhooks, world.receivers, world.clock)


async def get(world: World, webhook_id: str) -> WebhookView:
    return await GetWebhookUseCase(world.webhooks).execute(webhook_id)


async def test_create_returns_the_webhook_with_its_secret_once() -> None:
    world = World()
    await world.place("a")
    made = await creation(world).execute(SHOP, types=["NoteAdded"], tag="gift", description="Shop")
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert (made.url, made.types, made.tag, made.description) == (SHOP, ("NoteAdded",), "gift", "Shop")
    assert (made.status, made.position, made.version, made.created_at) == ("active", 1, 1, NOON)
    shown = await get(world, made.id)
    assert shown.secret is None
    assert await ListWebhooksUseCase(world.webhooks).execute() == (shown,)
    stored = await world.webhooks.get(made.id)
    assert made.secret not in repr(stored)


@pytest.mark.parametrize(
    "options, error, field",
    [
        ({"url": "http://10.0.0.1"}, InvalidInput, "url"),
        ({"url": " "}, InvalidInput, "url"),
        ({"url": "https://" + 2_000 * "a"}, InvalidInput, "url"),
        ({"types": ["OrderPlaced", "Nothing"]}, UnknownEventType, "types/1"),
        ({"types": ["OrderPlaced", "OrderPlaced"]}, InvalidInput, "types"),
        ({"tag": "x" * 51}, InvalidInput, "tag"),
        ({"description": "two\nlines"}, InvalidInput, "description"),
        ({"start": "later"}, PositionOutOfRange, "start"),
        ({"start": -1}, PositionOutOfRange, "start"),
        ({"start": True}, PositionOutOfRange, "start"),
        ({"start": 2}, PositionOutOfRange, "start"),
    ],
)
async def test_create_rejects_invalid_values(options: dict[str, object], error: type[InvalidInput], field: str) -> None:
    world = World()
    await world.place("a")
    with pytest.raises(error) as raised:
        await creation(world).execute(**{"url": SHOP, **options})  # type: ignore[arg-type]
    assert raised.value.field == field
    assert await world.webhooks.list() == []


async def test_repeated_request_returns_the_webhook_that_the_first_one_created() -> None:
    world = World()
    values: dict[str, Any] = {"url": SHOP, "types": ["NoteAdded"], "start": "beginning", "key": "key-1"}
    made = await creation(world).execute(**values)
    await update(world).execute(made.id, {"tag": "gift"})
    again = await creation(world).execute(**values)
    assert (again.id, again.secret, again.tag, again.replayed) == (made.id, made.secret, "gift", True)
    assert len(await world.webhooks.list()) == 1
    other = await creation(world).execute(**values, actor=Actor(ActorKind.STAFF, "other", frozenset({Scope.WEBHOOKS})))
    assert (other.id != made.id, other.replayed) == (True, False)


async def test_key_of_another_request_is_rejected() -> None:
    world = World()
    await creation(world).execute(SHOP, key="key-1")
    with pytest.raises(IdempotencyKeyReused):
        await creation(world).execute(SHOP, tag="gift", key="key-1")


async def test_repeated_request_of_deleted_webhook_creates_none() -> None:
    world = World()
    made = await creation(world).execute(SHOP, key="key-1")
    await DeleteWebhookUseCase(world.webhooks).execute(made.id)
    with pytest.raises(WebhookNotFound):
        await creation(world).execute(SHOP, key="key-1")


async def test_two_equal_requests_at_once_create_one_webhook() -> None:
    store = InMemoryOrderRepository()
    world = World(store, PoliteRecords(store))
    made = await asyncio.gather(*[creation(world).execute(SHOP, key="key-1") for _ in range(2)])
    assert made[0].id == made[1].id
    assert sorted(each.replayed for each in made) == [False, True]


async def test_requests_that_change_a_webhook_take_effect_once_for_a_key() -> None:
    world = World()
    await world.place("a")
    made = await creation(world).execute(SHOP, start="beginning")
    await world.deliver()
    rotate, replay = RotateWebhookSecretUseCase(world.webhooks, world.clock), ReplayWebhookUseCase(world.webhooks)
    rotated = await rotate.execute(made.id, key="key-1")
    await update(world).execute(made.id, {"tag": "gift"})
    again = await rotate.execute(made.id, key="key-1")
    assert (again.secret, again.tag, rotated.replayed, again.replayed) == (rotated.secret, "gift", False, True)
    assert (await rotate.execute(made.id, key="key-2")).secret != rotated.secret
    replayed = [await replay.execute(made.id, 1, 1, key="key-3") for _ in range(2)]
    assert [each.replayed for each in replayed] == [False, True]
    assert replayed[0] == replace(replayed[1], replayed=False)
    for call in (rotate.execute(made.id, key="key-3"), replay.execute(made.id, 1, 1, key="key-1")):
        with pytest.raises(IdempotencyKeyReused):
            await call


async def test_two_equal_rotations_at_once_are_one() -> None:
    store = InMemoryOrderRepository()
    world = World(store, PoliteRecords(store))
    made = await creation(world).execute(SHOP)
    rotate = RotateWebhookSecretUseCase(world.webhooks, world.clock)
    found = await asyncio.gather(*[rotate.execute(made.id, key="key-1") for _ in range(2)])
    assert found[0].secret == found[1].secret
    assert sorted(each.replayed for each in found) == [False, True]


async def test_test_event_is_sent_once_for_a_key() -> None:
    store = InMemoryOrderRepository()
    world = World(store, PoliteRecords(store))
    made, other = await creation(world).execute(SHOP), await creation(world).execute(f"{SHOP}/other")
    test = SendWebhookTestUseCase(world.webhooks, world.receivers, world.clock)
    first, again = [await test.execute(made.id, key="key-1") for _ in range(2)]
    assert (first.replayed, again) == (False, replace(first, replayed=True))
    assert len(world.receivers.ids) == 1
    with pytest.raises(IdempotencyKeyReused):
        await test.execute(other.id, key="key-1")
    twins = await asyncio.gather(*[test.execute(made.id, key="key-2") for _ in range(2)])
    assert {each.event_id for each in twins} == {(await test.execute(made.id, key="key-2")).event_id}
    assert len(world.receivers.ids) == 3
    assert first.event_id not in {each.event_id for each in twins}


async def test_webhook_with_the_id_of_another_is_not_created() -> None:
    """This happens only if the random numbers of the machine are not random."""
    world = World()
    create = CreateWebhookUseCase(world.webhooks, world.store, world.receivers, world.clock, lambda size: bytes(size))
    await create.execute(SHOP)
    with pytest.raises(ConcurrentUpdate):
        await create.execute(SHOP)


async def test_number_of_webhooks_is_limited() -> None:
    world = World()
    for _ in range(MAX_WEBHOOKS):
        await creation(world).execute(SHOP)
    with pytest.raises(TooManyWebhooks):
        await creation(world).execute(SHOP)


async def test_webhooks_are_listed_oldest_first() -> None:
    world = World()
    made = []
    for _ in range(3):
        made.append((await creation(world).execute(SHOP)).id)
        world.clock.pass_time(1)
    assert [each.id for each in await ListWebhooksUseCase(world.webhooks).execute()] == made


@pytest.mark.parametrize("changes", [0, 1, 2, 3, 7, 8, 9, 30])
async def test_end_of_feed_is_found(changes: int) -> None:
    world = World()
    await world.place(*map(str, range(changes)))
    assert await end_of_feed(world.store) == changes


async def test_end_of_feed_includes_changes_that_were_made_meanwhile() -> None:
    """As in DynamoDB, where the reader of the end assigns positions to changes that have none yet."""
    world = World()
    await world.place(*map(str, range(5)))
    read, late = world.store.read_changes, iter(["late-1", "late-2", "late-3"])

    async def read_changes(after: int, limit: int) -> object:
        page = await read(after, limit)
        if not page.changes and (order_id := next(late, None)):
            await world.place(order_id)
        return page

    world.store.read_changes = read_changes  # type: ignore[method-assign,assignment]
    assert await end_of_feed(world.store) >= 6


async def test_update_changes_what_is_given() -> None:
    world = World()
    made = await creation(world).execute(SHOP, types=["NoteAdded"], tag="gift", description="Shop")
    changed = await update(world).execute(made.id, {"types": ["OrderPlaced"], "tag": None}, expected_version=1)
    assert (changed.types, changed.tag, changed.description, changed.version) == (("OrderPlaced",), None, "Shop", 2)
    moved = await update(world).execute(made.id, {"url": "https://b.example", "types": None})
    assert (moved.url, moved.types) == ("https://b.example", ())


async def test_update_rejects_invalid_values() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    for changes, field in (
        ({"url": "http://10.0.0.1"}, "url"),
        ({"url": None}, "url"),
        ({"types": ["Nothing"]}, "types/0"),
        ({"status": "broken"}, "status"),
    ):
        with pytest.raises(InvalidInput) as raised:
            await update(world).execute(made.id, changes)
        assert raised.value.field == field
    assert (await get(world, made.id)).version == 1


async def test_update_of_another_version_is_rejected() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    with pytest.raises(OtherWebhookVersion) as raised:
        await update(world).execute(made.id, {"tag": "x"}, expected_version=(7, 8))
    assert (raised.value.expected, raised.value.actual) == (7, 1)
    assert str(raised.value) == "the webhook is at version 1, not 7: read it and retry"
    assert (await update(world).execute(made.id, {"tag": "x"}, expected_version=(7, 1))).version == 2


async def test_status_can_be_updated() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    paused = await update(world).execute(made.id, {"status": "paused"})
    assert (paused.status, paused.paused_reason, paused.paused_at) == ("paused", "requested", NOON)
    world.clock.pass_time(5)
    assert (await update(world).execute(made.id, {"status": "paused"})).paused_at == NOON
    active = await update(world).execute(made.id, {"status": "active"})
    assert (active.status, active.paused_reason, active.paused_at) == ("active", None, None)
    assert (await update(world).execute(made.id, {"status": "active"})).version == active.version


async def test_pause_stops_and_resume_continues() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    await world.place("a")
    assert (await PauseWebhookUseCase(world.webhooks, world.clock).execute(made.id)).status == "paused"
    await world.deliver()
    assert world.receivers.ids == []
    assert (await ResumeWebhookUseCase(world.webhooks).execute(made.id)).status == "active"
    await world.deliver()
    assert world.receivers.ids == ["a.1.1"]


async def test_view_shows_waiting_orders_and_next_attempt() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    world.receivers.respond = lambda _: FAILED
    await world.place("a")
    await world.deliver()
    shown = await get(world, made.id)
    assert (shown.position, shown.waiting_orders, shown.next_attempt_at) == (1, 1, NOON + timedelta(seconds=5))
    paused = await PauseWebhookUseCase(world.webhooks, world.clock).execute(made.id)
    assert paused.next_attempt_at is None


async def test_rotation_signs_with_both_secrets_for_a_day() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    rotated = await RotateWebhookSecretUseCase(world.webhooks, world.clock).execute(made.id)
    assert rotated.secret not in (None, made.secret)
    assert rotated.previous_secret_expires_at == NOON + timedelta(hours=24)
    await world.place("a")
    await world.deliver()
    world.clock.pass_time(86_400)
    await world.place("b")
    await world.deliver()
    assert made.secret is not None
    assert rotated.secret is not None
    for headers, body, secrets in zip(
        world.receivers.headers,
        world.receivers.bodies,
        ([rotated.secret, made.secret], [rotated.secret]),
        strict=True,
    ):
        timestamp = int(headers["webhook-timestamp"])
        expected = signature_headers(secrets, headers["webhook-id"], timestamp, body)
        assert headers == {"Content-Type": "application/cloudevents+json", **expected}


async def test_second_rotation_ends_the_first_secret() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    rotation = RotateWebhookSecretUseCase(world.webhooks, world.clock)
    second, third = [(await rotation.execute(made.id)).secret for _ in range(2)]
    assert (await world.webhooks.get(made.id)).signing_secrets(NOON) == [third, second]


async def test_replay_rejects_positions_beyond_the_webhook() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    await world.place("a", "b")
    await world.deliver()
    replay = ReplayWebhookUseCase(world.webhooks)
    for first, last, field in ((0, 1, "first"), (1, 3, "last"), (2, 1, "last")):
        with pytest.raises(PositionOutOfRange) as raised:
            await replay.execute(made.id, first, last)
        assert raised.value.field == field


async def test_one_replay_at_a_time() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    await world.place("a", "b")
    await world.deliver()
    replay = ReplayWebhookUseCase(world.webhooks)
    shown = await replay.execute(made.id, 1, 2)
    assert shown.replay is not None
    assert (shown.replay.first, shown.replay.last, shown.replay.position) == (1, 2, 0)
    with pytest.raises(ReplayInProgress):
        await replay.execute(made.id, 1, 1)
    await world.deliver()
    assert (await replay.execute(made.id, 2, 2)).replay is not None
    await world.deliver()
    assert world.receivers.ids[-1] == "b.1.1"


async def test_test_event_belongs_to_no_order() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    world.receivers.respond = lambda _: WebhookResponse(202, b"token=abc", seconds=0.123456)
    test = SendWebhookTestUseCase(world.webhooks, world.receivers, world.clock, lambda size: bytes(range(size)))
    attempt = await test.execute(made.id)
    assert (attempt.status, attempt.delivered, attempt.seconds, attempt.response) == (202, True, 0.1235, "token=***")
    [event] = world.receivers.received
    assert (event["type"], event["id"]) == ("orderkeep.webhook.test", "test.0001020304050607")
    assert event["data"] == {"id": "test.0001020304050607", "type": "WebhookTest"}
    assert (await ListWebhookDeliveriesUseCase(world.webhooks).execute(made.id)).attempts == ()


async def test_deliveries_are_listed_newest_first_in_pages() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    for number in range(5):
        await world.place(*[f"{number}-{each:02}" for each in range(45)])
        await world.deliver()
    deliveries = ListWebhookDeliveriesUseCase(world.webhooks)
    found, cursor = [], None
    while True:
        page = await deliveries.execute(made.id, limit=7, cursor=cursor)
        found += [attempt.event_id for attempt in page.attempts]
        if (cursor := page.next_cursor) is None:
            break
    assert found == world.receivers.ids[::-1]
    for foreign in ("x", page.next_cursor or "WzFd"):
        with pytest.raises(InvalidCursor):
            await deliveries.execute(made.id, cursor=foreign)


@pytest.mark.parametrize("delivered", [None, True, False])
@pytest.mark.parametrize("event_type", [None, "OrderImported", "NoteAdded"])
async def test_deliveries_are_filtered_in_pages(delivered: bool | None, event_type: str | None) -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    world.receivers.respond = lambda event: FAILED if event["subject"] in ("4", "9") else OK
    await world.place(*map(str, range(10)))
    await world.deliver()
    deliveries, found, cursor = ListWebhookDeliveriesUseCase(world.webhooks), list[Attempt](), None
    wanted = {"delivered": delivered, "event_type": event_type}
    while True:
        page = await deliveries.execute(made.id, limit=3, cursor=cursor, **wanted)  # type: ignore[arg-type]
        found += page.attempts
        if (cursor := page.next_cursor) is None:
            break
    every = (await deliveries.execute(made.id)).attempts
    assert found == [each for each in every if delivered in (None, each.delivered) and event_type in (None, each.type)]
    assert len(found) == (0 if event_type == "NoteAdded" else {None: 10, True: 8, False: 2}[delivered])


async def test_delivery_log_is_bounded() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    for number in range(LOG_RECORDS + 5):
        await world.place(str(number))
        await world.deliver()
    assert len(await world.records.list_records(log_kind(made.id), limit=1_000)) == LOG_RECORDS
    page = await ListWebhookDeliveriesUseCase(world.webhooks).execute(made.id, limit=200)
    assert [each.order_id for each in page.attempts] == [str(number) for number in range(LOG_RECORDS + 4, 4, -1)]


async def test_delete_removes_everything() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    world.receivers.respond = lambda event: FAILED if event["subject"] < "5" else OK
    await world.place(*map(str, range(10)))
    await world.deliver()
    with pytest.raises(OtherWebhookVersion):
        await DeleteWebhookUseCase(world.webhooks).execute(made.id, expected_version=2)
    await DeleteWebhookUseCase(world.webhooks).execute(made.id, expected_version=1)
    for kind in (WEBHOOK, PROGRESS, waiting_kind(made.id), log_kind(made.id)):
        assert await world.records.list_records(kind) == []


async def test_deletion_that_was_killed_is_completed_by_the_next() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    await world.place("a")
    await world.deliver()
    records = [*await world.records.list_records(WEBHOOK), *await world.records.list_records(PROGRESS)]
    await world.records.write_records((), records)
    with pytest.raises(WebhookNotFound):
        await DeleteWebhookUseCase(world.webhooks).execute(made.id)
    assert await world.records.list_records(log_kind(made.id)) == []


@pytest.mark.parametrize("webhook_id", ["wh_aaaaaaaaaaaaaaaa", "order-1", "", "wh_\x00"])
async def test_unknown_webhook_is_not_found(webhook_id: str) -> None:
    webhooks = World().webhooks
    with pytest.raises(WebhookNotFound):
        await GetWebhookUseCase(webhooks).execute(webhook_id)
    with pytest.raises(WebhookNotFound):
        await DeleteWebhookUseCase(webhooks).execute(webhook_id)
    with pytest.raises(WebhookNotFound):
        await webhooks.progress("wh_aaaaaaaaaaaaaaaa")


class ContendedRecords(RecordStore):
    """Other records, to which another writer writes first, `conflicts` times."""

    def __init__(self, records: RecordStore, conflicts: int) -> None:
        self._records, self._conflicts = records, conflicts

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        return await self._records.get_records(kind, ids)

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        return await self._records.list_records(kind, after, limit)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        if self._conflicts:
            self._conflicts -= 1
            raise ConcurrentUpdate("another writer")
        return await self._records.write_records(records, deleted)


async def test_concurrent_changes_are_repeated() -> None:
    world = World()
    made = await creation(world).execute(SHOP)
    contended = WebhookRecords(lambda: records)
    records = ContendedRecords(world.records, ATTEMPTS - 1)
    assert (await PauseWebhookUseCase(contended, world.clock).execute(made.id)).status == "paused"
    records = ContendedRecords(world.records, ATTEMPTS)
    with pytest.raises(ConcurrentUpdate):
        await ResumeWebhookUseCase(contended).execute(made.id)
    records = ContendedRecords(world.records, ATTEMPTS)
    with pytest.raises(ConcurrentUpdate):
        await DeleteWebhookUseCase(contended).execute(made.id)
    records = ContendedRecords(world.records, ATTEMPTS - 1)
    await DeleteWebhookUseCase(contended).execute(made.id)
    assert await world.webhooks.list() == []
