"""What `orderkeep doctor` finds in a store, and that it finds nothing in a sound one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.application.records import Record
from orderkeep.application.store_copy import Fence
from orderkeep.application.use_cases.diagnose_store import (
    BEHIND_MINUTES,
    EXAMPLES,
    OVERDUE_DAYS,
    STUCK_AFTER_DAYS,
    DiagnoseStoreUseCase,
    Diagnosis,
    Finding,
    Level,
)
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.pause_webhook import PauseWebhookUseCase
from orderkeep.application.use_cases.publish_events import BUS, PUBLISHER
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from tests.application.webhook_world import FAILED, OK, SHOP, World
from tests.torture.random_orders import RandomCommands

SOON = SINCE + timedelta(hours=1)


async def diagnose(store: OrderStore, now: datetime = SOON, newest: int | None = None) -> Diagnosis:
    return await DiagnoseStoreUseCase(store, lambda: now).execute(newest=newest)


def codes(report: Diagnosis) -> list[str]:
    return [each.code for each in report.findings if each.code != "no_checkpoint"]


async def counted(store: InMemoryOrderRepository) -> UpdateStatisticsUseCase:
    """Read the statistics, so that they are kept up to date from now on."""
    update = UpdateStatisticsUseCase(store, store.records, lambda: SINCE)
    await GetStatisticsUseCase(update).execute()
    return update


async def test_finds_nothing_in_a_sound_store() -> None:
    store = InMemoryOrderRepository()
    commands = RandomCommands(store, seed=3)
    await commands.run(400)
    await counted(store)
    await commands.run(100)
    report = await diagnose(store, datetime(2026, 1, 1, tzinfo=UTC))
    assert codes(report) == []
    assert not report.needs_action
    assert (report.orders, report.position) == (len(store._orders), len(store._feed))


@pytest.mark.parametrize(
    "state, words", [(Fence.INCOMING, "moved to it"), (Fence.MOVED, "or were moved"), (Fence.FINISHED, "for good")]
)
async def test_a_store_that_rejects_writes_is_reported(state: Fence, words: str) -> None:
    store = InMemoryOrderRepository()
    await store.fence(state)
    [found, _] = (await diagnose(store)).findings
    assert (found.level, found.code, words in found.message) == (Level.ERROR, "store_moved", True)


async def test_a_missing_checkpoint_is_a_note() -> None:
    store = InMemoryOrderRepository()
    [note] = (await diagnose(store)).findings
    assert (note.level, note.code) == (Level.NOTE, "no_checkpoint")
    await store.add_checkpoint("2026-11-30", "{}")
    assert (await diagnose(store)).findings == []


@pytest.mark.parametrize("status", STUCK_AFTER_DAYS)
async def test_finds_orders_that_are_stuck_in_a_status(status: OrderStatus) -> None:
    store = InMemoryOrderRepository([small_order(f"order-{n}", status=status) for n in range(EXAMPLES + 1)])
    limit = timedelta(days=STUCK_AFTER_DAYS[status])
    assert codes(await diagnose(store, SINCE + limit)) == []
    report = await diagnose(store, SINCE + limit + timedelta(seconds=1))
    [finding] = [each for each in report.findings if each.code == "orders_stuck"]
    assert (finding.level, finding.count, len(finding.orders)) == (Level.WARNING, EXAMPLES + 1, EXAMPLES)
    assert f"without a change for more than {limit.days} days, the oldest since {SINCE:%Y-%m-%d}" in finding.message
    assert finding.action == f"continue or cancel them: `orderkeep list --status {status}`"
    assert report.needs_action


async def test_finds_orders_on_hold_and_money_that_is_owed() -> None:
    store = InMemoryOrderRepository()
    held, paid, authorized = [small_order(f"order-{name}") for name in ("held", "paid", "authorized")]
    for order in (held, paid, authorized):
        await store.save(order)
    held.put_on_hold("check", at=SINCE)
    for order, kind in ((paid, "captured"), (authorized, "authorized")):
        order.record_payment(Payment("p1", kind, 9_900, None, SINCE), at=SINCE)
        order.cancel(at=SINCE)
    for order in (held, paid, authorized):
        await store.save(order)
    assert codes(await diagnose(store, SINCE + timedelta(days=OVERDUE_DAYS))) == []
    report = await diagnose(store, SINCE + timedelta(days=OVERDUE_DAYS, seconds=1))
    found = {each.code: each.orders for each in report.findings}
    assert found["orders_on_hold"] == ("order-held",)
    assert (found["refund_overdue"], found["void_overdue"]) == (("order-paid",), ("order-authorized",))


def altered(store: InMemoryOrderRepository, **changes: Any) -> None:
    """Change the stored document of the order."""
    record = store._orders["order-1"]
    document = msgspec.json.encode(msgspec.json.decode(record.document) | changes)
    store._orders["order-1"] = replace(record, document=document)


async def test_finds_orders_whose_parts_do_not_fit_together() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    altered(store, status="delivered")
    report = await diagnose(store)
    assert codes(report) == ["order_derived"]
    store = InMemoryOrderRepository([small_order("order-1")])
    altered(store, refunds=[{"reference": "f1", "amount": 5, "status": "pending", "reason": None, "lines": [],
                             "created_at": "2026-02-03T04:05:06Z", "closed_at": None}])  # fmt: skip
    report = await diagnose(store)
    assert codes(report) == ["order_inconsistent"]
    assert "refunds must not exceed the captured payments" in report.findings[0].message
    assert report.findings[0].level is Level.ERROR


async def test_finds_a_stored_value_that_does_not_follow_from_the_rest() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    altered(store, captured=7)
    [finding, _] = (await diagnose(store)).findings
    assert (finding.code, finding.orders) == ("order_derived", ("order-1",))
    assert "captured is 7 instead of 0" in finding.message


async def test_finds_orders_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Damaged(InMemoryOrderRepository):
        async def get_by_id(self, order_id: str) -> Order | None:
            if order_id == "order-1":
                raise StoreUnusable("a stored order cannot be read")
            return await super().get_by_id(order_id) if order_id != "order-2" else None

    store = Damaged([small_order(f"order-{number}") for number in range(4)])
    [finding, _] = (await diagnose(store)).findings
    assert (finding.code, finding.count, set(finding.orders)) == ("order_unreadable", 2, {"order-1", "order-2"})


async def test_checks_the_newest_orders_only() -> None:
    store = InMemoryOrderRepository([small_order(f"order-{n}", at=SINCE + timedelta(seconds=n)) for n in range(9)])
    assert (await diagnose(store, newest=4)).orders == 4
    assert (await diagnose(store, newest=0)).orders == 0
    assert (await diagnose(store, newest=99)).orders == 9


async def test_compares_the_statistics_with_the_orders() -> None:
    store = InMemoryOrderRepository([small_order(f"order-{number}") for number in range(3)])
    await counted(store)
    [stored] = await store.records().get_records("statistics:1", ["total EUR"])
    content = json.loads(stored.content)
    content["counters"]["pending n"] += 1
    await store.records().write_records([replace(stored, content=json.dumps(content))])
    [finding, _] = (await diagnose(store)).findings
    assert (finding.code, finding.count) == ("statistics_differ", 1)
    assert finding.message == "the statistics differ from the orders, first in total EUR"
    assert codes(await diagnose(store, newest=9)) == [], "not compared"


async def test_compares_the_statistics_as_of_their_position() -> None:
    order = small_order("order-1")
    store = InMemoryOrderRepository([small_order("order-0")])
    await store.save(order)
    await counted(store)
    order.confirm(at=SINCE)
    order.set_attribution(Attribution("staff:anna"))
    await store.save(order)
    order.cancel(at=SINCE)
    await store.save(order)
    await store.save(small_order("order-2"))
    assert codes(await diagnose(store, SINCE)) == []


async def test_finds_statistics_that_are_behind_or_ahead() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    await counted(store)
    await store.save(small_order("order-2"))
    late = timedelta(minutes=BEHIND_MINUTES)
    assert codes(await diagnose(store, SINCE + late - timedelta(seconds=1))) == []
    [finding, _] = (await diagnose(store, SINCE + late)).findings
    assert (finding.code, finding.level) == ("statistics_behind", Level.WARNING)
    assert finding.message == "the statistics are 1 change behind: the oldest is of 2026-02-03 04:05Z"
    [stored] = await store.records().get_records("projection", ["statistics"])
    content = json.loads(stored.content) | {"position": 9}
    await store.records().write_records([replace(stored, content=json.dumps(content))])
    assert "statistics_ahead" in codes(await diagnose(store))


async def test_finds_a_rebuild_that_stopped() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    update = await counted(store)
    current, _ = await update.projector.progress()
    assert current is not None
    await update.projector._begin(current, None)
    assert codes(await diagnose(store, SINCE + timedelta(seconds=60))) == []
    report = await diagnose(store, SINCE + timedelta(seconds=70))
    [finding] = [each for each in report.findings if each.code == "rebuild_stopped"]
    assert finding.action == "run `orderkeep stats --rebuild` again"


async def test_reports_statistics_of_another_version() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    await counted(store)
    [stored] = await store.records().get_records("projection", ["statistics"])
    content = json.loads(stored.content) | {"format": 99}
    await store.records().write_records([replace(stored, content=json.dumps(content))])
    [finding, _] = (await diagnose(store)).findings
    assert finding.code == "statistics_unavailable"


TEN_FAILURES = "10 attempts failed, the last with: status 500"
AT = "2026-11-30 12:00Z"


async def webhook_findings(world: World) -> list[Finding]:
    report = await DiagnoseStoreUseCase(world.store, world.clock).execute()
    return [each for each in report.findings if each.code != "no_checkpoint"]


async def test_finds_a_webhook_that_fails_until_it_is_paused() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("order-1", "order-2")
    await world.deliver()
    assert await webhook_findings(world) == []

    world.receivers.respond = lambda _: FAILED
    await world.change("order-1")
    await world.change("order-2")
    await world.deliver()
    [failing] = await webhook_findings(world)
    assert (failing.code, failing.level, failing.count) == ("webhook_failing", Level.WARNING, 2)
    assert failing.action == f"see why with `orderkeep webhooks deliveries {webhook.id}`"

    await world.pass_time(4 * 86_400)
    [paused] = await webhook_findings(world)
    assert (paused.code, paused.level) == ("webhook_paused", Level.ERROR)
    assert paused.message == f"the webhook {webhook.id} was paused at 2026-12-03 15:35Z: {TEN_FAILURES}"
    assert paused.action == (
        f"repair the receiver, then run `orderkeep webhooks resume {webhook.id}`: nothing was dropped"
    )

    world.receivers.respond = lambda _: OK
    await world.resume(webhook)
    await world.deliver()
    assert await webhook_findings(world) == []


async def test_finds_a_webhook_whose_receiver_is_gone_and_notes_one_that_was_paused_by_request() -> None:
    world = World()
    gone, requested = await world.subscribe(), await world.subscribe(SHOP + "/2")
    await PauseWebhookUseCase(world.webhooks, world.clock).execute(requested.id)
    world.receivers.respond = lambda _: WebhookResponse(410)
    await world.place("order-1")
    await world.deliver()
    assert [(each.code, each.level, each.message) for each in await webhook_findings(world)] == [
        ("webhook_paused", Level.ERROR, f"the webhook {gone.id} was paused at {AT}: the receiver responded with 410"),
        ("webhook_paused", Level.NOTE, f"the webhook {requested.id} was paused at {AT}: this was requested"),
    ]


async def test_finds_a_webhook_that_no_relay_delivers() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("order-1")
    await world.deliver()
    await world.place("order-2")
    world.clock.pass_time(30)
    await world.place("order-3")
    world.clock.pass_time(BEHIND_MINUTES * 60 - 31)
    assert await webhook_findings(world) == []
    world.clock.pass_time(1)
    [behind] = await webhook_findings(world)
    assert (behind.code, behind.level, behind.count) == ("webhook_behind", Level.WARNING, 2)
    assert behind.message == f"the webhook {webhook.id} is 2 changes behind: the oldest is of 2026-11-30 12:00Z"
    await world.deliver()
    assert await webhook_findings(world) == []


async def test_finds_a_webhook_beyond_the_end_of_a_store_that_was_restored() -> None:
    world = World()
    webhook = await world.subscribe()
    await world.place("order-1", "order-2")
    await world.deliver()
    restored = World(InMemoryOrderRepository([small_order("order-1", at=world.clock())]), world.records)
    restored.store.records = restored.webhooks.open_records  # type: ignore[attr-defined]
    [ahead] = await webhook_findings(restored)
    assert (ahead.code, ahead.level) == ("webhook_ahead", Level.ERROR)
    assert ahead.message == f"the webhook {webhook.id} is beyond the end of the feed"


async def test_checks_a_store_that_keeps_no_records() -> None:
    class Plain(InMemoryOrderRepository):
        records: Callable[[], Any] = None  # type: ignore[assignment]

    plain = Plain([small_order("order-1")])
    del plain._records
    report = await diagnose(_without_records(plain))
    assert (codes(report), report.orders) == ([], 1)


def _without_records(store: InMemoryOrderRepository) -> OrderStore:
    names = [name for name in dir(store) if not name.startswith("__") and name != "records"]
    return type("Plain", (), {name: getattr(store, name) for name in names})()  # type: ignore[no-any-return]


async def test_finds_a_publication_of_events_that_is_behind() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    await store.records().write_records([Record(PUBLISHER, BUS, json.dumps({"position": 0}))])
    [finding, _] = (await diagnose(store)).findings
    assert (finding.code, finding.level, finding.count) == ("publisher_behind", Level.WARNING, 1)


async def test_order_that_is_changed_while_it_is_checked_is_no_finding() -> None:
    class Busy(InMemoryOrderRepository):
        async def get_by_id(self, order_id: str) -> Order | None:
            order = await super().get_by_id(order_id)
            if order is not None and order.version == 1:
                order.cancel(at=SINCE)
                await self.save(order)
            return order

    assert codes(await diagnose(Busy([small_order("order-1")]))) == []
