"""The statistics equal a computation from the history of all orders."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application import statistics as module
from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from orderkeep.application.errors import NotAllowed
from orderkeep.application.projections import MAX_TOUCHED
from orderkeep.application.records import MAX_RECORD_BYTES, Record
from orderkeep.application.statistics import MAX_REASONS, STAGES, OrderStatistics, duration_bucket, percentile
from orderkeep.application.use_cases.get_statistics import (
    CATCH_UP_SECONDS,
    MAX_LISTED_REASONS,
    Amount,
    Funnel,
    GetStatisticsUseCase,
    Statistics,
    WebhookHealth,
)
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import Payment, Refund
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import read_feed
from tests.torture.random_orders import RandomCommands
from tests.torture.recomputed_statistics import assert_equal, recomputed

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 20), date(2026, 4, 20)


async def statistics(store: InMemoryOrderRepository, zone: str = "UTC") -> Statistics:
    use_case = GetStatisticsUseCase(UpdateStatisticsUseCase(store, store.records))
    return await use_case.execute(FIRST, LAST, timezone=zone)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
async def test_statistics_equal_a_recomputation_after_random_commands(zone: str) -> None:
    store = InMemoryOrderRepository()
    await RandomCommands(store, seed=1).run(1_500)
    found = await statistics(store, zone)
    feed = await read_feed(store)
    assert (found.exact, found.position) == (True, len(feed))
    assert_equal(found, recomputed(feed, FIRST, LAST, ZoneInfo(zone)))


async def test_import_counts_what_happened_when_it_happened() -> None:
    store = InMemoryOrderRepository()
    created, changed = datetime(2026, 3, 1, 23, 50, tzinfo=UTC), datetime(2026, 3, 9, 12, tzinfo=UTC)
    paid = Payment("p1", "captured", 9_900, "card", datetime(2026, 3, 2, 0, 5, tzinfo=UTC))
    refund = Refund("f1", 400, "succeeded", None, (), changed, changed)
    values: dict[str, Any] = {"payments": (paid,), "refunds": (refund,), "updated_at": changed}
    await store.save(small_order("order-1", at=created, status="delivered", **values))
    found = await statistics(store)
    days = {period.start.date(): period.currencies[0] for period in found.periods if period.currencies}
    assert {day: (each.orders, each.captured.value, each.refunded.value) for day, each in days.items()} == {
        date(2026, 3, 1): (1, 0, 0),
        date(2026, 3, 2): (0, 9_900, 0),
        date(2026, 3, 9): (0, 0, 400),
    }
    assert found.funnel == Funnel(placed=1, confirmed=1, first_shipment=1, shipped=1, delivered=1, cancelled=0)
    assert found.time_in_status == (), "it is not known when it entered and left them"


async def test_import_with_many_payments_touches_few_records() -> None:
    store = InMemoryOrderRepository()
    created = datetime(2026, 3, 1, tzinfo=UTC)
    payments = tuple(
        Payment(f"p{number}", "captured", 10 + number, None, created + timedelta(hours=number)) for number in range(200)
    )
    refunds = tuple(
        Refund(f"f{number}", 1, "succeeded", None, (), created, created + timedelta(days=9, hours=number))
        for number in range(100)
    )
    later = created + timedelta(days=30)
    await store.save(small_order("order-1", at=created, payments=payments, refunds=refunds, updated_at=later))
    [additions] = await OrderStatistics(store).additions((await store.read_changes(0, 1)).changes)
    assert len(additions) <= MAX_TOUCHED
    found = await statistics(store)
    [total] = found.totals
    assert (total.captured, total.refunded) == (
        Amount(count=200, value=sum(each.amount for each in payments)),
        Amount(count=100, value=100),
    )


async def test_reasons_beyond_the_limit_of_an_hour_are_counted_as_other() -> None:
    store = InMemoryOrderRepository()
    for number in range(MAX_REASONS + 5):
        order = small_order(f"order-{number:02}")
        await store.save(order)
        order.cancel(f"reason {number:02}", at=SINCE)
        await store.save(order)
    again = small_order("order-again")
    await store.save(again)
    again.cancel("reason 00", at=SINCE)
    await store.save(again)
    counts = {each.reason: each.orders for each in (await statistics(store)).cancellations}
    assert counts == {"other": 5, "reason 00": 2} | {f"reason {n:02}": 1 for n in range(1, MAX_REASONS)}


async def test_reasons_beyond_the_listed_ones_are_added_up() -> None:
    store = InMemoryOrderRepository()
    for number in range(MAX_LISTED_REASONS + 3):
        order = small_order(f"order-{number:02}", at=SINCE + timedelta(hours=number))
        await store.save(order)
        order.cancel(f"reason {number:02}", at=SINCE + timedelta(hours=number))
        await store.save(order)
    found = await statistics(store)
    assert len(found.cancellations) == MAX_LISTED_REASONS + 1
    assert (found.cancellations[0].reason, found.cancellations[0].orders) == ("other", 3)


async def test_largest_counters_of_an_hour_fit_into_a_record() -> None:
    longest = 10**18
    quarters = [f"{quarter} " for quarter in range(4)]
    kinds = [f"{status} {kind}" for status in OrderStatus for kind in "nvc"]
    money = [f"{name} {kind}" for name in ("captured", "refunded", "failed") for kind in "nv"]
    stages = [f"reached {stage}" for stage in (*STAGES, "cancelled")]
    last = duration_bucket(10.0**12)
    times = [f"time {status} {bucket}" for status in [*OrderStatus][:4] for bucket in range(last + 1)]
    hour = {quarter + name: longest for quarter in quarters for name in (*kinds, *money, *stages, *times)}
    reasons = [chr(0x1F600 + number) * 100 for number in range(MAX_REASONS)]
    cancelled = {
        f"{quarter}reason {kind} {reason}": longest for quarter in quarters for kind in "npv" for reason in reasons
    }
    for counters in (hour, cancelled):
        assert (
            len(json.dumps({"position": longest, "counters": counters}, ensure_ascii=False).encode()) < MAX_RECORD_BYTES
        )


async def test_entry_into_a_status_is_found_in_a_long_history() -> None:
    store = InMemoryOrderRepository()
    order = small_order("order-1")
    await store.save(order)
    order.confirm(at=SINCE + timedelta(hours=1))
    await store.save(order)
    for number in range(30):
        order.edit({"tags": (f"tag-{number}",)}, at=SINCE + timedelta(hours=2 + number))
        await store.save(order)
    order.ship(at=SINCE + timedelta(hours=101))
    await store.save(order)
    page = await store.read_changes(order.version - 1, 1)
    [additions] = await OrderStatistics(store).additions(page.changes)
    bucket = duration_bucket(100 * 3_600)
    assert [name for names in additions.values() for name in names if "time" in name] == [f"0 time processing {bucket}"]


async def test_entry_into_the_status_of_an_import_is_unknown() -> None:
    store = InMemoryOrderRepository()
    for order_id, status in (("order-1", "processing"), ("order-2", "pending")):
        order = small_order(order_id, status=status)
        await store.save(order)
        order.ship(at=SINCE + timedelta(hours=1)) if status == "processing" else order.cancel(
            at=SINCE + timedelta(hours=1)
        )
        await store.save(order)
    found = await statistics(store)
    assert [(each.status, each.count) for each in found.time_in_status] == [("pending", 1)]
    fresh = OrderStatistics(store)
    for number, _ in enumerate((await store.read_changes(0, 9)).changes):  # one by one: nothing is remembered
        [additions] = await OrderStatistics(store).additions((await store.read_changes(number, 1)).changes)
        times = [name for names in additions.values() for name in names if " time " in name]
        assert [name.split()[2] for name in times] in ([], ["pending"])
    assert fresh._pasts == {}


async def test_remembers_a_bounded_number_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 3)
    store = InMemoryOrderRepository()
    projection = OrderStatistics(store)
    for number in range(5):
        await store.save(small_order(f"order-{number}"))
    await projection.additions((await store.read_changes(0, 9)).changes)
    assert [*projection._pasts] == ["order-2", "order-3", "order-4"]


async def test_missing_version_is_reported() -> None:
    store = InMemoryOrderRepository()
    order = small_order("order-1")
    await store.save(order)
    order.confirm(at=SINCE)
    await store.save(order)
    page = await store.read_changes(1, 1)
    store._changes["order-1"].clear()
    with pytest.raises(StoreUnusable, match="version 1 of the order order-1 is missing: run `orderkeep verify`"):
        await OrderStatistics(store).additions(page.changes)


@given(st.floats(0, 5 * 10**8, allow_nan=False))
def test_bucket_of_a_duration_is_accurate_to_ten_percent(seconds: float) -> None:
    middle = percentile({duration_bucket(seconds): 1}, 50)
    assert abs(middle - seconds) <= max(1, seconds * 0.1)


@given(st.lists(st.floats(0, 10**8, allow_nan=False), min_size=1, max_size=60), st.sampled_from([50, 95]))
def test_percentile_is_that_of_the_durations(durations: list[float], percent: int) -> None:
    buckets = Counter(map(duration_bucket, durations))
    exact = sorted(durations)[ceil(len(durations) * percent / 100) - 1]
    assert abs(percentile(buckets, percent) - exact) <= max(1, exact * 0.1)


@given(st.floats(0, 10**12, allow_nan=False), st.floats(0, 10**12, allow_nan=False))
def test_longer_durations_are_in_later_buckets(first: float, second: float) -> None:
    shorter, longer = sorted((first, second))
    assert duration_bucket(shorter) <= duration_bucket(longer) <= duration_bucket(float("1e300"))


async def test_webhooks_are_counted_if_there_are_any() -> None:
    store = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    contents = {
        ("webhook", "wh_a"): {"status": "active"},
        ("webhook", "wh_b"): {"status": "paused"},
        ("webhook", "wh_c"): {"status": "active"},
        ("webhook-progress", "wh_a"): {"position": 2, "waiting": 3},
        ("webhook-progress", "wh_b"): {"position": 0, "waiting": 4},
    }
    await store.records().write_records([Record(*key, json.dumps(content)) for key, content in contents.items()])
    found = (await statistics(store)).webhooks
    assert found == WebhookHealth(active=2, paused=1, waiting_orders=7, behind=0)


async def test_statistics_that_could_not_catch_up_are_not_exact() -> None:
    store = InMemoryOrderRepository()
    for number in range(3):
        await store.save(small_order(f"order-{number}"))
    times = iter([NOW, NOW, *[NOW + timedelta(seconds=CATCH_UP_SECONDS)] * 9])
    use_case = GetStatisticsUseCase(UpdateStatisticsUseCase(store, store.records, lambda: next(times)))
    found = await use_case.execute(FIRST, LAST)
    assert (found.exact, found.position) == (False, 0)
    assert (await statistics(store)).exact


async def test_relay_counts_only_after_the_statistics_were_read() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    update = UpdateStatisticsUseCase(store, store.records)
    assert not await update.execute()
    await GetStatisticsUseCase(update).execute()
    await store.save(small_order("order-2"))
    assert await update.execute()
    assert not await update.execute()


async def test_rebuild_counts_all_changes_again() -> None:
    store = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    before = await statistics(store)
    counters = await store.records().list_records("statistics:1")
    wrong = [replace(each, content=each.content.replace('pending n":2', 'pending n":7')) for each in counters]
    await store.records().write_records(wrong)
    update = UpdateStatisticsUseCase(store, store.records)
    with pytest.raises(NotAllowed):
        await update.rebuild(actor=Actor(ActorKind.STAFF, "anna", EVERY_SCOPE - {Scope.ADMIN}))
    assert await statistics(store) != before
    pages: list[int] = []
    assert await update.rebuild(pages.append) == 2
    assert pages
    assert await statistics(store) == before


async def test_quarters_outside_of_the_range_are_not_counted() -> None:
    for minute, expected in ((14, 0), (15, 1)):
        at = datetime(2026, 1, 19, 18, minute, tzinfo=UTC)
        found = await statistics(InMemoryOrderRepository([small_order("order-1", at=at)]), "Asia/Kathmandu")
        assert found.funnel.placed == expected


async def test_change_is_counted_alike_if_its_past_was_forgotten() -> None:
    store = InMemoryOrderRepository()
    await RandomCommands(store, seed=5).run(600)
    changes = (await store.read_changes(0, 1_000)).changes
    remembered = await OrderStatistics(store).additions(changes)
    assert [await OrderStatistics(store)._of(change) for change in changes] == remembered
