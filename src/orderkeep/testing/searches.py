"""What a search must find, page by page: orders by reference, ID, e-mail address and tracking number."""

import json
from collections.abc import Sequence
from datetime import timedelta

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind
from orderkeep.application.dtos import LineDTO
from orderkeep.application.errors import UnsupportedFilter
from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.search_orders import SearchOrdersUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.limits import MAX_SHIPMENTS, MAX_TAGS, MAX_TRACKED_SHIPMENTS
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.personal_data import Customer, PersonalData
from orderkeep.domain.shipments import Shipment, Tracking
from orderkeep.testing.lists import LINES, Change, change
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import save_all

ANNA = Actor(ActorKind.CUSTOMER, "anna")

TEXT = "0198f2a1"
"""What the orders of a test have as a reference, as a tracking number, or as the beginning of their ID."""

EMAIL = "anna@example.com"


async def found(store: OrderStore, text: str, actor: Actor = SYSTEM, size: int = 200) -> list[str]:
    """Return the IDs of all pages of a search: each once, and at most `size` on a page, of which only the first may be
    empty.
    """
    ids, cursor = list[str](), None
    while True:
        page = await SearchOrdersUseCase(store).execute(text, limit=size, cursor=cursor, actor=actor)
        assert len(page.orders) <= size
        assert page.orders or cursor is None
        ids += [json.loads(document)["id"] for document in page.orders]
        assert len(ids) == len(set(ids)), ids
        cursor = page.next_cursor
        if cursor is None:
            return ids


def tracked_as(*numbers: str | None) -> tuple[Shipment, ...]:
    """Return shipments of one unit each, with these tracking numbers."""
    return tuple(
        [
            Shipment(f"s{number}", (LineQuantity("l1", 1),), None, each, None, SINCE)
            for number, each in enumerate(numbers, start=1)
        ]
    )


def shipped_order(order_id: str, *numbers: str | None, **fields: object) -> Order:
    """Return a new order of which each unit was shipped with one of the tracking numbers."""
    line = LineDTO("A-1", "Lamp", len(numbers), 99, shipped=len(numbers))
    values = {"total": 99 * len(numbers), "status": "shipped", "lines": (line,), "shipments": tracked_as(*numbers)}
    return small_order(order_id, **{**values, **fields})  # type: ignore[arg-type]


def ship(number: str | None) -> Change:
    """Return the change that ships one unit with a tracking number."""
    return lambda order: order.add_shipment([LineQuantity("l1", 1)], Tracking(None, number), at=SINCE)


def track(shipment: str, number: str | None) -> Change:
    """Return the change that replaces the tracking number of a shipment."""
    return lambda order: order.update_shipment(shipment, {"tracking_number": number}, at=SINCE)


class SearchContract:
    """A search finds an order from the commit on that makes it match, and to customers, only their own."""

    async def test_finds_orders_by_their_tracking_numbers_as_they_are_now(self, store: OrderStore) -> None:
        await store.save(small_order("order-1", user_id="anna", status="processing", lines=LINES))
        await store.save(shipped_order("order-2", "1Z-999-AA1", user_id="ben", at=SINCE - timedelta(days=1)))
        steps: Sequence[tuple[Change, dict[str, list[str]]]] = (
            (ship("1Z 999 aa1"), {"1z999AA1": ["order-1", "order-2"], "1Z 999-AA 1": ["order-1", "order-2"]}),
            (ship("00340434"), {"1Z999AA1": ["order-1", "order-2"], "0034 0434": ["order-1"]}),
            (track("s1", "00340434"), {"1Z999AA1": ["order-2"], "00340434": ["order-1"]}),
            (track("s2", None), {"00340434": ["order-1"]}),
            (track("s1", "- -"), {"00340434": [], "- -": [], "--": []}),
            (track("s1", "Päckchen ẞ"), {"PÄCKCHENSS": ["order-1"], "päckchen": []}),
        )
        for number, (step, expected) in enumerate(steps):
            await change(store, "order-1", step)
            for text, ids in expected.items():
                assert await found(store, text) == ids, (number, text)
                assert await found(store, text, ANNA) == [each for each in ids if each == "order-1"], (number, text)
        assert (await VerifyOrdersUseCase(store).execute()).problems == []

    async def test_finds_the_largest_order_by_its_newest_shipments(self, store: OrderStore) -> None:
        numbers = [f"PARCEL-{number:03}" for number in range(MAX_SHIPMENTS)]
        tags = tuple(f"tag-{number}" for number in range(MAX_TAGS))
        await store.save(shipped_order("order-1", *numbers, tags=tags))
        for number, text in list(enumerate(numbers))[:: MAX_SHIPMENTS // 8]:
            expected = ["order-1"] if number >= MAX_SHIPMENTS - MAX_TRACKED_SHIPMENTS else []
            assert await found(store, text) == expected, text
        assert await found(store, numbers[MAX_SHIPMENTS - MAX_TRACKED_SHIPMENTS - 1]) == []
        assert await found(store, numbers[MAX_SHIPMENTS - MAX_TRACKED_SHIPMENTS]) == ["order-1"]
        assert (await VerifyOrdersUseCase(store).execute()).problems == []

    async def test_pages_of_a_search_contain_every_match_once(self, store: OrderStore) -> None:
        orders = [
            shipped_order(
                f"{TEXT if number % 4 == 0 else 'order'}-{number:02}",
                (TEXT, f"other-{number}", EMAIL)[number % 3],
                user_id=("anna", "ben")[number % 5 > 2],
                external_ref=(TEXT, EMAIL, f"web-{number}", TEXT, f"ref-{number}")[number % 5],
                at=SINCE - timedelta(microseconds=number // 3),
            )
            for number in range(30)
        ]
        for order in orders[::2]:
            order.add_personal_data(PersonalData(Customer(email=EMAIL)), b"salt")
        await save_all(store, orders)
        try:
            by_id = [each.id for each in await store.find_by_id_prefix(TEXT, 100)]
        except UnsupportedFilter:
            by_id = []
        newest_first = sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)
        for text in (TEXT, EMAIL, EMAIL.upper()):
            matching = [
                order
                for order in newest_first
                if order.external_ref == text
                or (order.shipments[0].tracking_number or "").lower() == text.lower()
                or (order.personal_data and "@" in text)
                or (order.id in by_id and text == TEXT)
            ]
            assert 10 < len(matching) < 30
            for size in (1, 3, 7, 200):
                assert await found(store, text, size=size) == [order.id for order in matching], (text, size)
            own = [order.id for order in matching if order.user_id == ANNA.id]
            assert await found(store, text, ANNA, 2) == own, text
        for absurd in ("half \ud800", "a\x00b@", "u" * 254):
            assert await found(store, absurd) == []
