"""What every store must keep of an order, and what `save` must do: alone, and with concurrent saves."""

import asyncio
import copy
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import TypeVar

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, LineDTO, OrderDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain import limits
from orderkeep.domain.attribution import RememberedKey
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.domain.value_objects import Document
from orderkeep.testing.orders import OWN, SINCE, cancelled_order, own_user, pending_order, place_command, small_order
from orderkeep.testing.stores import EVERYTHING, list_orders, loaded, order_in, read_all, read_feed

T = TypeVar("T")

TEXTS = (
    "Łódź, Ærø, Ḫattuša",
    "注文 · 주문 · أمر",
    "🧾 𐍈𐌰𐌹 👩‍👩‍👧",
    "e\u0301 is not é",
    "Robert'); DROP TABLE orders;--",
    '"quoted" \\ and \\u0000 {} % _ *',
    " spaces before and behind ",
    "null",
    "\u200d\ufeff\U0010ffff",
)
DAYS = ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-02-28T23:59:59.000001Z", "2026-03-29T01:30:00.1Z")
MOMENTS = (*map(datetime.fromisoformat, DAYS), datetime.max.replace(tzinfo=UTC))
AMOUNTS = ((0, "JPY"), (1, "KWD"), (2**31, "USD"), (2**32 + 1, "IQD"), (limits.MAX_MINOR_UNITS - 1, "CLP"))


async def save_and_find(store: OrderStore, order: Order) -> None:
    """Save an order and find it unchanged everywhere."""
    await store.save(order)
    await assert_kept_everywhere(store, OrderDTO.of(order))


async def assert_kept_everywhere(store: OrderStore, expected: OrderDTO) -> None:
    """Check the order itself, its snapshot, its history, the list and the feed."""
    assert OrderDTO.of(await loaded(store, expected.id)) == expected
    snapshot = await store.get_snapshot(expected.id)
    assert snapshot is not None
    assert order_in(snapshot.json) == expected
    shown = (snapshot.id, snapshot.user_id, snapshot.created_at, snapshot.version)
    assert shown == (expected.id, expected.user_id, expected.created_at, expected.version)
    assert snapshot.json in (await store.list_page(EVERYTHING, None, 100)).documents
    change = await store.get_change(expected.id, expected.version)
    assert change is not None
    assert (change.order, change.at) == (expected, expected.updated_at)
    assert await store.get_change_at(expected.id, change.at) == change
    assert change in await store.list_changes(expected.id, expected.version - 1, 100)
    assert change in await read_feed(store)


async def assert_rejected(store: OrderStore, *orders: Order) -> None:
    """Check that the save is rejected, writes nothing and leaves each order object as it was."""
    kept, before = await read_all(store), [copy.deepcopy(vars(order)) for order in orders]
    with pytest.raises(ConcurrentUpdate):
        await store.save(*orders)
    assert [vars(order) for order in orders] == before
    assert await read_all(store) == kept


class SaveContract:
    """What is saved is kept, and a save commits all of its orders or none, and never overwrites an unseen change."""

    async def test_keeps_every_field_of_an_order(self, store: OrderStore) -> None:
        order = cancelled_order()
        remembered = dict(order.idempotency_keys)
        await save_and_find(store, order)
        kept = await loaded(store, order.id)
        assert kept == order
        assert (kept.idempotency_keys, kept.last_hash, kept.events) == (remembered, order.last_hash, [])
        assert kept.last_hash

    async def test_keeps_texts_amounts_and_times_exactly(self, store: OrderStore) -> None:
        orders = [
            small_order(
                f"text-{number}",
                user_id=text + " user",
                lines=(LineDTO(text, text + " name", 1, 9_900),),
                external_ref=text + " ref",
                tags=(text + " tag", text),
                metadata={text[:40]: text + "\n" + text},
            )
            for number, text in enumerate(TEXTS)
        ]
        orders += [small_order(f"amount-{amount}", total=amount, currency=currency) for amount, currency in AMOUNTS]
        orders += [small_order(f"moment-{number}", at=moment) for number, moment in enumerate(MOMENTS)]
        for order in orders:
            await save_and_find(store, order)
        listed = [order.created_at for order in await list_orders(store)]
        assert listed == sorted((order.created_at for order in orders), reverse=True)

    async def test_keeps_the_largest_order_there_may_be(self, store: OrderStore) -> None:
        rare = count(1, 7_919)

        def longest(length: int, prefix: object = "") -> str:  # characters of four bytes each, in no simple order
            return f"{prefix}.{''.join(chr(0x20000 + next(rare) % 0xA6D0) for _ in range(length))}"[:length]

        def digest(number: int) -> str:
            return sha256(b"%d" % number).hexdigest()

        price = (limits.MAX_MINOR_UNITS - 1) // limits.MAX_LINES
        sku, name, tag = limits.MAX_SKU_LENGTH, limits.MAX_NAME_LENGTH, limits.MAX_TAG_LENGTH
        key, value = limits.MAX_METADATA_KEY_LENGTH, limits.MAX_METADATA_VALUE_LENGTH
        beside_lines = limits.MAX_USER_ID_LENGTH + limits.MAX_EXTERNAL_REF_LENGTH + limits.MAX_TAGS * tag
        beside_lines += limits.MAX_METADATA_KEYS * (key + value)
        short = (limits.MAX_TEXT_BYTES // 4 - beside_lines - (name - sku)) // limits.MAX_LINES - sku
        order = small_order(
            "x" * limits.MAX_ID_LENGTH,
            user_id=longest(limits.MAX_USER_ID_LENGTH),
            total=price * limits.MAX_LINES,
            lines=tuple(
                LineDTO(longest(sku, n), longest(short if n else name, n), 1, price - n, 0, n)
                for n in range(limits.MAX_LINES)
            ),
            external_ref=longest(limits.MAX_EXTERNAL_REF_LENGTH),
            tags=tuple(longest(tag, n) for n in range(limits.MAX_TAGS)),
            metadata={longest(key, n): longest(value, n) for n in range(limits.MAX_METADATA_KEYS)},
            documents=tuple(
                Document(digest(n), "receipt", "application/pdf", 10**6 + n, 1, n + 2, SINCE)
                for n in range(limits.MAX_DOCUMENTS)
            ),
        )
        order.idempotency_keys = {
            digest(n)[:32]: RememberedKey(n + 1, digest(n)[32:]) for n in range(limits.MAX_REMEMBERED_KEYS)
        }
        await store.save(order)
        order.cancel(longest(limits.MAX_REASON_LENGTH), longest(limits.MAX_NOTE_LENGTH), at=SINCE)
        await save_and_find(store, order)

    async def test_distinguishes_similar_ids(self, store: OrderStore) -> None:
        ids = ("order-1", "ORDER-1", "order-1.", "order-01", "1", "01", "1.0", "1e0")
        for amount, order_id in enumerate(ids):
            await store.save(small_order(order_id, total=amount))
        orders = [await loaded(store, order_id) for order_id in ids]
        assert [(order.id, order.total.minor) for order in orders] == [(name, n) for n, name in enumerate(ids)]

        alike = ("Order-1", "order-1 ", " order-1", "order-1\n", "order-1\x00", "order-%", "order_1", "001")
        absurd = ("", " ", "\x00", "\ud800", "o" * 10_000, "null", "2", "💥")
        for unknown in alike + absurd:
            found = (
                await store.get_by_id(unknown),
                await store.get_snapshot(unknown),
                await store.get_change(unknown, 1),
                await store.get_change_at(unknown, SINCE + timedelta(days=1)),
                await store.list_changes(unknown, 0, 10),
            )
            assert found == (None, None, None, None, []), repr(unknown)

    async def test_gives_every_caller_an_object_of_their_own(self, store: OrderStore) -> None:
        saved = pending_order()
        await store.save(saved)
        expected = copy.deepcopy(OrderDTO.of(saved))
        for order in (saved, await loaded(store, saved.id)):
            order.cancel("by accident", at=SINCE)
            order.user_id = "another user"
            order.metadata["channel"] = "spoiled"
            order.idempotency_keys["key"] = RememberedKey(9, "spoiled")
        await assert_kept_everywhere(store, expected)
        assert not (await loaded(store, saved.id)).idempotency_keys

    async def test_counts_the_commits_of_an_order(self, store: OrderStore) -> None:
        order = pending_order()
        hashes = {order.last_hash}
        for version, move in enumerate((None, order.confirm, order.ship, None), start=1):
            if move is not None:
                move(at=SINCE)
            await store.save(order)
            hashes.add(order.last_hash)
            assert (order.version, order.events, len(hashes)) == (version, [], version + 1)
        assert await loaded(store, order.id) == order
        assert [change.version for change in await store.list_changes(order.id, 0, 10)] == [1, 2, 3, 4]

    async def test_saves_nothing_where_nothing_is_given(self, store: OrderStore) -> None:
        assert await store.save() == ()
        await store.save(pending_order())
        before = await read_all(store)
        assert await store.save() == ()
        assert await read_all(store) == before

    async def test_rejects_any_version_but_the_one_that_is_stored(self, store: OrderStore) -> None:
        stored, missing = pending_order(1), pending_order(2)
        await store.save(stored)
        stored.version = 2
        missing.version, missing.last_hash = 3, "f" * 64
        for order in (pending_order(1), pending_order(1, user_id="another"), missing, stored):
            await assert_rejected(store, order)

    async def test_saves_several_orders_in_one_commit(self, store: OrderStore) -> None:
        saved = await store.save(pending_order(2), pending_order(1), small_order("order-3"))
        assert saved == tuple([await store.get_snapshot(f"order-{number}") for number in (2, 1, 3)])
        old, new = await loaded(store, "order-1"), pending_order(4)
        old.cancel("moved to order-4", at=SINCE)
        saved = await store.save(old, new)
        assert saved == (await store.get_snapshot("order-1"), await store.get_snapshot("order-4"))
        assert (old.version, new.version) == (2, 1)
        assert [await loaded(store, "order-1"), await loaded(store, "order-4")] == [old, new]

    async def test_saves_all_of_several_orders_or_none(self, store: OrderStore) -> None:
        for position in range(3):
            ids = [position * 10 + offset for offset in range(1, 4)]
            await store.save(*(pending_order(number) for number in ids))
            orders = [await loaded(store, f"order-{number}") for number in ids]
            other = await loaded(store, orders[position].id)
            other.confirm(at=SINCE)
            await store.save(other)
            for order in orders:
                order.cancel("all of them", at=SINCE)
            await assert_rejected(store, *orders)
            await assert_rejected(store, pending_order(ids[0] + 5), orders[position])

    async def test_rejects_one_order_twice_in_a_save(self, store: OrderStore) -> None:
        new = pending_order(1)
        await assert_rejected(store, new, new)
        await assert_rejected(store, new, pending_order(2), pending_order(1))
        await store.save(new)
        await assert_rejected(store, await loaded(store, new.id), await loaded(store, new.id))

    async def test_saves_each_of_several_orders_by_itself(self, store: OrderStore) -> None:
        await store.save(pending_order(2))
        orders = [pending_order(number) for number in (1, 2, 3)]
        assert await store.save_each(orders) == [True, False, True]
        assert [(order.version, len(order.events)) for order in orders] == [(1, 0), (0, 1), (1, 0)]
        for order in orders:
            assert (await loaded(store, order.id)).version == 1

    async def test_rejected_save_leaves_order_object_unchanged(self, store: OrderStore) -> None:
        await store.save(pending_order(1))
        stale, other = await loaded(store, "order-1"), await loaded(store, "order-1")
        other.confirm(at=SINCE)
        await store.save(other)
        stale.cancel(at=SINCE)
        fresh = pending_order(2)
        await assert_rejected(store, stale, fresh)

        again = await loaded(store, "order-1")
        again.cancel("second thoughts", at=SINCE)
        await store.save(again, fresh)

        events = [event.type for change in await store.list_changes("order-1", 0, 10) for event in change.events]
        assert events == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]
        assert (await loaded(store, "order-1")).status == "cancelled"
        assert OrderDTO.of(await loaded(store, "order-2")) == OrderDTO.of(fresh)

    async def test_saves_and_responds_to_pings_until_closed(self, store: OrderStore) -> None:
        await store.ping()
        await store.save(pending_order(1))
        await store.ping()
        await store.close()
        await store.close()
        order = pending_order(2)
        with pytest.raises(StoreUnavailable):
            await store.save(order)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        assert (order.version, len(order.events)) == (0, 1)


def only_winner(results: Sequence[T | BaseException], rejection: type[Exception]) -> T:
    """Return the one result among concurrent calls of which all others must raise the rejection."""
    won = [result for result in results if not isinstance(result, BaseException)]
    unexpected = [
        result for result in results if isinstance(result, BaseException) and not isinstance(result, rejection)
    ]
    assert (len(won), unexpected) == (1, []), f"{len(won)} of {len(results)} concurrent calls won, not 1: {unexpected}"
    return won[0]


async def race(calls: Sequence[Awaitable[T]], rejection: type[Exception]) -> T:
    """Run the calls concurrently and return the result of the only winner."""
    return only_winner(await asyncio.gather(*calls, return_exceptions=True), rejection)


async def assert_two_commits(store: OrderStore, won: OrderDTO) -> None:
    """Check that the winner's change is the second and the last, and that its order is stored."""
    kept, changes = OrderDTO.of(await loaded(store, won.id)), await store.list_changes(won.id, 0, 10)
    seen = (kept, [change.version for change in changes], changes[-1].order)
    assert seen == (won, [1, 2], won), f"the winner returned {won}; stored is {kept}, with the changes {changes}"


def only_effect(results: Sequence[CommandResult | BaseException]) -> OrderDTO:
    """Return the order of concurrent requests with one key: one must have had an effect, and all the same result."""
    done = [result for result in results if isinstance(result, CommandResult)]
    replayed = sum(result.replayed for result in done)
    assert (len(done), replayed) == (len(results), len(results) - 1), f"not one of the retries had an effect: {results}"
    assert all((result.order, result.events) == (done[0].order, done[0].events) for result in done), done
    return done[0].order


class ConcurrencyContract:
    """Of concurrent changes one wins, and a repeated request has one effect. More `rounds` find rarer faults."""

    rounds = 3

    async def test_one_of_twenty_concurrent_saves_succeeds(self, store: OrderStore) -> None:
        for _ in range(self.rounds):
            order_id, user = new_order_id(), own_user()
            rivals = [small_order(order_id, user_id=user, external_ref=f"{OWN}rival-{number}") for number in range(20)]
            await race([store.save(rival) for rival in rivals], ConcurrentUpdate)
            copies = [await loaded(store, order_id) for _ in rivals]
            for number, rival in enumerate(copies):
                rival.cancel(f"rival-{number}", at=SINCE)
            (saved,) = await race([store.save(rival) for rival in copies], ConcurrentUpdate)
            await assert_two_commits(store, order_in(saved.json))

    async def test_one_of_concurrent_cancels_and_shipments_succeeds(self, store: OrderStore) -> None:
        do = build_use_cases(store)
        for _ in range(self.rounds):
            order = small_order(new_order_id(), user_id=own_user(), status="processing")
            await store.save(order)
            commands = (do.cancel_order.execute, do.ship_order.execute) * 16
            won = await race([command(order.id) for command in commands], CommandRejected)
            await assert_two_commits(store, won.order)

    async def test_retries_with_one_key_have_one_effect_and_one_result(self, store: OrderStore) -> None:
        do = build_use_cases(store)
        for _ in range(self.rounds):
            user = own_user()
            command, placing = place_command(user_id=user, external_ref=user), CommandContext(key=f"place for {user}")
            places = [do.place_order.execute(command, placing) for _ in range(32)]
            placed = only_effect(await asyncio.gather(*places, return_exceptions=True))
            cancelling = CommandContext(key=f"cancel for {user}")
            cancels = [do.cancel_order.execute(placed.id, cancelling, reason="retried") for _ in range(32)]
            await assert_two_commits(store, only_effect(await asyncio.gather(*cancels, return_exceptions=True)))
            assert (await store.list_changes(placed.id, 0, 1))[0].order == placed

    async def test_repeated_request_returns_the_original_result(self, store: OrderStore) -> None:
        do = build_use_cases(store)
        placing, confirming = CommandContext(key="placing"), CommandContext(key="confirming")
        placed = await do.place_order.execute(place_command(), placing)
        confirmed = await do.confirm_order.execute(placed.order.id, confirming)
        await do.cancel_order.execute(placed.order.id, reason="found cheaper")
        again = await do.place_order.execute(place_command(), placing)
        assert (again.order, again.events, again.replayed) == (placed.order, placed.events, True)
        again = await do.confirm_order.execute(placed.order.id, confirming)
        assert (again.order, again.events, again.replayed) == (confirmed.order, confirmed.events, True)
        assert len(await store.list_changes(placed.order.id, 0, 10)) == 3
