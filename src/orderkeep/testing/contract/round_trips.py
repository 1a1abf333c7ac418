"""What is saved is what is read: in the order, its snapshot, its history, the lists and the feed."""

import copy
from datetime import UTC, datetime, timedelta

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.ports import OrderStore
from orderkeep.domain import limits
from orderkeep.domain.entities import RememberedKey
from orderkeep.testing.orders import SINCE, cancelled_order, pending_order, small_order
from orderkeep.testing.stores import EVERYTHING, list_orders, order_in, read_feed

TEXTS = (
    "Łódź, Ærø, Ḫattuša",
    "注文 · 주문 · أمر",
    "🧾 𐍈𐌰𐌹 👩‍👩‍👧",
    "e\u0301 is not é",
    "Robert'); DROP TABLE orders;--",
    '"quoted" \\ and \\u0000 {} % _ *',
    " spaces before and behind ",
    "null",
    "\u200f\ufeff\U0010ffff",
)
MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2026, 2, 28, 23, 59, 59, 1, UTC),
    datetime(2026, 3, 29, 1, 30, 0, 100_000, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
)


async def assert_kept_everywhere(store: OrderStore, expected: OrderDTO) -> None:
    """Find the order, as expected, in all the places that show it."""
    order = await store.get_by_id(expected.id)
    assert order is not None
    assert OrderDTO.of(order) == expected
    snapshot = await store.get_snapshot(expected.id)
    assert snapshot is not None
    assert order_in(snapshot.json) == expected
    shown = (snapshot.id, snapshot.user_id, snapshot.created_at, snapshot.version)
    assert shown == (expected.id, expected.user_id, expected.created_at, expected.version)
    assert snapshot.json in (await store.list_page(EVERYTHING, None, 100)).documents
    change = await store.get_change(expected.id, expected.version)
    assert change is not None
    assert change.order == expected
    assert change in await store.list_changes(expected.id, 0, 100)
    assert change in await read_feed(store)


class RoundTripContract:
    """An order comes back with every field as it was."""

    async def test_keeps_every_field_of_an_order(self, store: OrderStore) -> None:
        order = cancelled_order()
        remembered = dict(order.idempotency_keys)

        await store.save(order)

        await assert_kept_everywhere(store, OrderDTO.of(order))
        kept = await store.get_by_id(order.id)
        assert kept is not None
        assert kept == order
        assert (kept.idempotency_keys, kept.last_hash, kept.events) == (remembered, order.last_hash, [])
        assert kept.last_hash

    async def test_keeps_texts_of_every_script(self, store: OrderStore) -> None:
        for number, text in enumerate(TEXTS):
            lines = (LineDTO(text, text + " name", 1, 9_900),)
            order = small_order(
                f"text-{number}",
                user_id=text + " user",
                lines=lines,
                external_ref=text + " ref",
                tags=(text + " tag", text),
                metadata={text[:40]: text + "\n" + text},
            )
            await store.save(order)
            await assert_kept_everywhere(store, OrderDTO.of(order))

    async def test_keeps_the_largest_order_there_may_be(self, store: OrderStore) -> None:
        def longest(length: int, prefix: str = "") -> str:
            return prefix + "🎁" * (length - len(prefix))

        price = (limits.MAX_MINOR_UNITS - 1) // limits.MAX_LINES
        lines = tuple(
            LineDTO(
                longest(limits.MAX_SKU_LENGTH, f"{n}"), longest(limits.MAX_NAME_LENGTH, f"{n}."), 1, price - n, 0, n
            )
            for n in range(limits.MAX_LINES)
        )
        order = small_order(
            "x" * limits.MAX_ID_LENGTH,
            user_id=longest(limits.MAX_USER_ID_LENGTH),
            total=price * limits.MAX_LINES,
            lines=lines,
            external_ref=longest(limits.MAX_EXTERNAL_REF_LENGTH, "ref"),
            tags=tuple(longest(limits.MAX_TAG_LENGTH, f"{n}") for n in range(limits.MAX_TAGS)),
            metadata={
                longest(limits.MAX_METADATA_KEY_LENGTH, f"{n}"): longest(limits.MAX_METADATA_VALUE_LENGTH, f"{n}.")
                for n in range(limits.MAX_METADATA_KEYS)
            },
        )
        await store.save(order)
        order.cancel(longest(limits.MAX_REASON_LENGTH), longest(limits.MAX_NOTE_LENGTH), at=SINCE)
        await store.save(order)
        await assert_kept_everywhere(store, OrderDTO.of(order))

    async def test_keeps_amounts_to_the_last_minor_unit(self, store: OrderStore) -> None:
        amounts = [(0, "JPY"), (1, "KWD"), (2**31, "USD"), (2**32 + 1, "IQD"), (limits.MAX_MINOR_UNITS - 1, "CLP")]
        for number, (amount, currency) in enumerate(amounts):
            order = small_order(f"amount-{number}", total=amount, currency=currency)
            await store.save(order)
            await assert_kept_everywhere(store, OrderDTO.of(order))

    async def test_keeps_times_to_the_microsecond(self, store: OrderStore) -> None:
        for number, moment in enumerate(MOMENTS):
            order = small_order(f"moment-{number}", at=moment)
            await store.save(order)
            await assert_kept_everywhere(store, OrderDTO.of(order))
        listed = await list_orders(store)
        assert [order.created_at for order in listed] == sorted(MOMENTS, reverse=True)

    async def test_knows_no_order_that_was_not_saved(self, store: OrderStore) -> None:
        await store.save(small_order("order-1"))
        alike = ("ORDER-1", "order-1 ", " order-1", "order-1\n", "order-1\x00", "order-%", "order_1", "order-01")
        absurd = ("", " ", "\x00", "\ud800", "o" * 10_000, "null", "1", "💥")
        for unknown in alike + absurd:
            assert await store.get_by_id(unknown) is None, repr(unknown)
            assert await store.get_snapshot(unknown) is None, repr(unknown)
            assert await store.get_change(unknown, 1) is None, repr(unknown)
            assert await store.get_change_at(unknown, SINCE + timedelta(days=1)) is None, repr(unknown)
            assert await store.list_changes(unknown, 0, 10) == [], repr(unknown)

    async def test_tells_ids_apart_that_look_alike(self, store: OrderStore) -> None:
        ids = ("order-1", "ORDER-1", "order-1.", "order-01", "1", "01", "1.0", "1e0")
        for amount, order_id in enumerate(ids):
            await store.save(small_order(order_id, total=amount))
        for amount, order_id in enumerate(ids):
            order = await store.get_by_id(order_id)
            assert order is not None
            assert (order.id, order.total.minor) == (order_id, amount)

    async def test_gives_every_caller_an_object_of_their_own(self, store: OrderStore) -> None:
        saved = pending_order()
        await store.save(saved)
        expected = copy.deepcopy(OrderDTO.of(saved))
        loaded = await store.get_by_id(saved.id)
        assert loaded is not None

        for order in (saved, loaded):
            order.cancel("by accident", at=SINCE)
            order.user_id = "somebody else"
            order.metadata["channel"] = "spoiled"
            order.idempotency_keys["key"] = RememberedKey(9, "spoiled")

        await assert_kept_everywhere(store, expected)
        again = await store.get_by_id(saved.id)
        assert again is not None
        assert not again.idempotency_keys
