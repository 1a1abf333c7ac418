"""Searching orders by what a person has at hand. What stores must find is in their contract."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind
from orderkeep.application.errors import InvalidCursor, InvalidQuery, UnsupportedFilter
from orderkeep.application.ports import PAGE_BYTES, ListPosition, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.application.use_cases import search_orders
from orderkeep.application.use_cases.search_orders import LONGEST_TEXT, SearchOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, large_order, small_order
from orderkeep.testing.searches import ANNA, TEXT, found, tracked_as
from orderkeep.testing.stores import loaded

BEN = Actor(ActorKind.CUSTOMER, "ben")


def orders_with_prefix(count: int, **fields: Any) -> list[Order]:
    return [small_order(f"{TEXT}-{number:02}", **fields) for number in range(count)]


def search(*orders: Order) -> SearchOrdersUseCase:
    return SearchOrdersUseCase(InMemoryOrderRepository(orders))


async def ids(do: SearchOrdersUseCase, text: str, actor: Actor = SYSTEM) -> list[str]:
    return [json.loads(document)["id"] for document in (await do.execute(text, actor=actor)).orders]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("order-1234", ["order-1234"]),
        ("order-12", ["order-123", "order-1234"]),
        ("order-123", ["order-123"]),
        ("order-1", []),
        ("ORDER-1234", []),
        ("web-1", ["order-123"]),
        (" web-1\t", ["order-123"]),
        ("\u200bweb-1", ["order-123"]),
        ("WEB-1", []),
        ("web-", []),
        ("web 1", []),
        ("order-12 ", ["order-123", "order-1234"]),
    ],
)
async def test_finds_by_id_its_beginning_and_exact_reference(text: str, expected: list[str]) -> None:
    do = search(
        small_order("order-123", external_ref="web-1", at=SINCE + timedelta(seconds=1)), small_order("order-1234")
    )
    assert await ids(do, text) == expected


async def test_whole_id_is_found_with_orders_that_have_it_as_reference() -> None:
    do = search(small_order("order-12"), small_order("order-123"), small_order("other", external_ref="order-12"))
    assert await ids(do, "order-12") == ["other", "order-12"]


async def test_order_that_matches_in_several_ways_is_found_once() -> None:
    order = small_order(f"{TEXT}-1", status="shipped", external_ref=TEXT)
    order.shipments = tracked_as(TEXT)
    assert await ids(search(order), TEXT) == [order.id]


async def test_customer_finds_own_orders_only_and_no_trace_of_others() -> None:
    do = search(
        small_order(TEXT, user_id="ben"),
        small_order(f"{TEXT}-2", user_id="anna"),
        small_order("order-3", user_id="ben", external_ref="web-1"),
        small_order("order-4", user_id="anna", external_ref="web-1"),
    )
    assert (await ids(do, TEXT, ANNA), await ids(do, TEXT, BEN)) == ([f"{TEXT}-2"], [TEXT])
    assert (await ids(do, "web-1", ANNA), await ids(do, "web-1", BEN)) == (["order-4"], ["order-3"])
    assert await ids(do, "order-3", ANNA) == []


async def test_customer_gets_no_internal_notes() -> None:
    order = small_order("order-1", user_id="anna", external_ref="web-1")
    order.add_note("Fraud?", "internal", at=SINCE)
    order.add_note("Thank you.", "customer", at=SINCE)
    do = search(order)
    for text in ("order-1", "web-1"):
        [of_staff], [of_anna] = (await do.execute(text)).orders, (await do.execute(text, actor=ANNA)).orders
        assert (b"Fraud?" in of_staff, b"Fraud?" in of_anna, b"Thank you." in of_anna) == (True, False, True)


async def test_too_many_ids_with_one_beginning_are_rejected_unless_other_orders_match() -> None:
    do = search(*orders_with_prefix(11, user_id="ben"))
    with pytest.raises(InvalidQuery, match=r"^begins more than 10 order IDs: enter more of the ID$") as rejected:
        await do.execute(TEXT)
    assert rejected.value.parameter == "q"
    assert await ids(do, TEXT, ANNA) == await ids(do, TEXT, BEN) == []
    assert len(await ids(search(*orders_with_prefix(10)), TEXT)) == 10
    do = search(*orders_with_prefix(11), small_order("order-1", external_ref=TEXT))
    assert await ids(do, TEXT) == ["order-1"]


async def test_next_page_is_empty_if_its_orders_match_no_longer_although_many_ids_begin_so() -> None:
    store = InMemoryOrderRepository([small_order(f"order-{number}", external_ref=TEXT) for number in range(2)])
    do = SearchOrdersUseCase(store)
    first = await do.execute(TEXT, limit=1)
    order = await loaded(store, "order-0")
    order.external_ref = "web-2"
    await store.save(order, *orders_with_prefix(11))
    assert (await do.execute(TEXT, limit=1, cursor=first.next_cursor)).orders == ()


async def test_store_without_prefixes_finds_the_rest() -> None:
    class NoPrefixes(InMemoryOrderRepository):
        find_by_id_prefix = OrderQueries.find_by_id_prefix  # type: ignore[assignment]  # the port's own

    do = SearchOrdersUseCase(NoPrefixes([*orders_with_prefix(2), small_order("order-1", external_ref=TEXT)]))
    assert (await ids(do, TEXT), await ids(do, f"{TEXT}-01")) == (["order-1"], [f"{TEXT}-01"])


FILTERS: Sequence[dict[str, Any]] = (
    {"user_id": "anna"},
    {"statuses": ("pending",)},
    {"tag": "gift"},
    {"external_ref": "web-1"},
    {"created_from": SINCE},
    {"created_to": SINCE},
    {"shipping_status": "shipped"},
    {"payment_status": "paid"},
    {"return_status": "requested"},
    {"on_hold": True},
    {"refund_due": False},
    {"void_due": True},
    {"needs_attention": True},
)


@pytest.mark.parametrize("where", FILTERS, ids=lambda where: next(iter(where)))
async def test_search_is_not_combined_with_filters(where: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFilter, match=r"^cannot be used together with q: search, or filter$") as rejected:
        await search().execute("web-1", OrderFilter(**where), actor=ANNA)
    assert (rejected.value.parameter, rejected.value.other) == (next(iter(where)).replace("statuses", "status"), "q")


@pytest.mark.parametrize("text", ["", " \t", "x" * (LONGEST_TEXT + 1)])
async def test_blank_and_long_texts_are_rejected(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^must have 1 to 254 characters$") as rejected:
        await search().execute(text)
    assert rejected.value.parameter == "q"


@pytest.mark.parametrize("limit", [0, 201])
async def test_page_has_1_to_200_orders(limit: int) -> None:
    with pytest.raises(InvalidQuery, match="must be from 1 to 200"):
        await search().execute("web-1", limit=limit)


async def test_cursor_is_bound_to_the_text_and_to_the_customer() -> None:
    do = search(*(small_order(f"order-{number}", user_id="anna", external_ref="web-1") for number in range(3)))
    cursor = (await do.execute("web-1", limit=1)).next_cursor
    assert cursor is not None
    assert (await do.execute(" web-1 ", limit=2, cursor=cursor)).next_cursor is None
    for text, actor in (("web-2", SYSTEM), ("web-1", ANNA)):
        with pytest.raises(InvalidCursor):
            await do.execute(text, cursor=cursor, actor=actor)


def large(number: int, **fields: Any) -> Order:
    return large_order(f"order-{number:02}", at=SINCE - timedelta(seconds=number), **fields)


async def test_pages_of_large_orders_end_by_their_size_and_omit_none() -> None:
    """The list of the reference, of which each page has few orders, ends earlier than that of the tracking number."""
    large_ones = [large(number, external_ref=TEXT) for number in range(12)]
    small_ones = [small_order(f"small-{number:02}", at=SINCE - timedelta(seconds=number + 0.5)) for number in range(12)]
    for order in small_ones:
        order.shipments = tracked_as(TEXT)
    store = InMemoryOrderRepository([*large_ones, *small_ones, small_order(f"{TEXT}-1", at=SINCE - timedelta(days=1))])
    expected = [order.id for pair in zip(large_ones, small_ones, strict=True) for order in pair]
    for size in (1, 4, 5, 200):
        assert await found(store, TEXT, size=size) == [*expected, f"{TEXT}-1"]
    page = await SearchOrdersUseCase(store).execute(TEXT, limit=200)
    assert PAGE_BYTES / 2 < len(page.json) < PAGE_BYTES + 100


async def test_page_of_large_orders_in_two_lists_ends_by_its_own_size() -> None:
    orders = [large(number, external_ref=None if number % 2 else TEXT) for number in range(12)]
    for order in orders[1::2]:
        order.shipments = tracked_as(TEXT)
    store = InMemoryOrderRepository(orders)
    assert await found(store, TEXT) == [order.id for order in orders]
    assert len((await SearchOrdersUseCase(store).execute(TEXT)).json) < PAGE_BYTES + 100


async def test_no_list_is_shown_beyond_the_page_of_another() -> None:
    class SmallPages(InMemoryOrderRepository):
        async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
            return await super().list_page(where, after, min(limit, 1))

    orders = [large(number, external_ref=TEXT if number < 3 else None) for number in range(6)]
    for order in orders[3:]:
        order.shipments = tracked_as(TEXT)
    assert await found(SmallPages(orders), TEXT) == [order.id for order in orders]


async def test_page_has_at_least_one_order_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_orders, "PAGE_BYTES", 1)
    orders = [large(number, external_ref=TEXT) for number in range(3)]
    store = InMemoryOrderRepository(orders)
    assert len((await SearchOrdersUseCase(store).execute(TEXT)).orders) == 1
    assert await found(store, TEXT) == [order.id for order in orders]


@pytest.mark.parametrize(
    "text, expected",
    [
        (TEXT, ["get", "prefix", "list", "list"]),
        ("order-1", ["get", "list", "list"]),
        ("web 1", ["list", "list"]),
        ("anna@example.com", ["list", "list", "list"]),
        ("--", ["list"]),
    ],
)
async def test_number_of_reads_does_not_depend_on_the_number_of_orders(text: str, expected: list[str]) -> None:
    reads: list[str] = []
    limits: list[int] = []

    class Counts(InMemoryOrderRepository):
        async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
            reads.append("get")
            return await super().get_snapshot(order_id)

        async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
            reads.append("prefix")
            limits.append(limit)
            return await super().find_by_id_prefix(prefix, limit)

        async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
            reads.append("list")
            limits.append(limit)
            return await super().list_page(where, after, limit)

    for count in (0, 40):
        do = SearchOrdersUseCase(Counts([small_order(f"order-{number}", external_ref=text) for number in range(count)]))
        reads.clear()
        await do.execute(text, limit=11)
        assert sorted(reads) == sorted(expected)
    assert set(limits) == {11}
