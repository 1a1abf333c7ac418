"""Listing orders, newest first, a page at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.errors import InvalidCursor, InvalidQuery, UnsupportedFilter
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases import list_orders as list_orders_module
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase, OrderPage
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import order_in

MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)
STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")


def nine_orders() -> ListOrdersUseCase:
    """Return the use case on nine orders, an hour apart; order-3, 6 and 9 are of user-0, and so on."""
    orders = [
        small_order(
            f"order-{number}",
            at=MORNING + timedelta(hours=number),
            user_id=f"user-{number % 3}",
            status=STATUSES[number % 5],
            tags=("even", "all") if number % 2 == 0 else ("all",),
            external_ref=f"web-{number}",
        )
        for number in range(1, 10)
    ]
    return ListOrdersUseCase(InMemoryOrderRepository(orders))


def numbers(page: OrderPage) -> list[int]:
    return [int(order_in(document).id.removeprefix("order-")) for document in page.orders]


async def test_lists_newest_first() -> None:
    page = await nine_orders().execute()
    assert numbers(page) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert page.next_cursor is None


@pytest.mark.parametrize(
    "where, expected",
    [
        (OrderFilter(user_id="user-0"), [9, 6, 3]),
        (OrderFilter(statuses=("pending",)), [5]),
        (OrderFilter(statuses=("processing", "pending", "cancelled")), [9, 6, 5, 4, 1]),
        (OrderFilter(user_id="user-0", statuses=("processing", "cancelled")), [9, 6]),
        (OrderFilter(tag="even"), [8, 6, 4, 2]),
        (OrderFilter(external_ref="web-7"), [7]),
        (OrderFilter(external_ref=" web-7\u200b"), [7]),
        (OrderFilter(created_from=MORNING + timedelta(hours=8)), [9, 8]),
        (OrderFilter(created_to=MORNING + timedelta(hours=3)), [2, 1]),
        (OrderFilter(created_to=datetime(2026, 11, 22, 9)), [2, 1]),  # noqa: DTZ001  # naive: taken as UTC
        (OrderFilter(user_id="user-0", tag="even", created_to=MORNING + timedelta(hours=9)), [6]),
        (OrderFilter(user_id="user-0", statuses=("shipped",)), []),
    ],
    ids=[
        "user",
        "status",
        "several",
        "user-several",
        "tag",
        "ref",
        "ref-with-space",
        "from",
        "to",
        "naive",
        "both",
        "none",
    ],
)
async def test_lists_what_was_asked_for(where: OrderFilter, expected: list[int]) -> None:
    assert numbers(await nine_orders().execute(where)) == expected


async def test_goes_on_where_the_page_before_ended() -> None:
    list_orders = nine_orders()
    pages, cursor = [], None
    while True:
        page = await list_orders.execute(limit=4, cursor=cursor)
        pages.append(numbers(page))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert pages == [[9, 8, 7, 6], [5, 4, 3, 2], [1]]


async def test_ends_with_a_full_page_where_nothing_follows() -> None:
    page = await nine_orders().execute(limit=9)
    assert (len(page.orders), page.next_cursor) == (9, None)


async def test_rejects_a_cursor_with_other_filters() -> None:
    list_orders = nine_orders()
    page = await list_orders.execute(OrderFilter(tag="all"), limit=2)
    for other in (OrderFilter(), OrderFilter(tag="even"), OrderFilter(tag="all", user_id="user-1")):
        with pytest.raises(InvalidCursor) as refused:
            await list_orders.execute(other, limit=2, cursor=page.next_cursor)
        assert refused.value.parameter == "cursor"


async def test_takes_a_cursor_with_another_limit() -> None:
    list_orders = nine_orders()
    page = await list_orders.execute(limit=2)
    assert numbers(await list_orders.execute(limit=3, cursor=page.next_cursor)) == [7, 6, 5]


@pytest.mark.parametrize("limit", [0, -1, 201])
async def test_rejects_a_page_of_no_size_or_too_large(limit: int) -> None:
    with pytest.raises(InvalidQuery, match="must be from 1 to 200") as refused:
        await nine_orders().execute(limit=limit)
    assert refused.value.parameter == "limit"


ONE_OF: dict[str, Any] = {
    "status": ("pending",),
    "tag": "even",
    "external_ref": "web-7",
    "shipping_status": "shipped",
    "payment_status": "paid",
    "return_status": "requested",
    "on_hold": True,
    "refund_due": True,
    "void_due": True,
    "needs_attention": True,
}


@pytest.mark.parametrize("names", [*combinations(ONE_OF, 2)], ids="-and-".join)
async def test_rejects_filter_combinations_without_an_index(names: tuple[str, str]) -> None:
    values = {"statuses" if name == "status" else name: ONE_OF[name] for name in names}
    with pytest.raises(
        UnsupportedFilter, match=f"^cannot be used together with {names[0]}: filter by one of them"
    ) as rejected:
        await nine_orders().execute(OrderFilter(**values))
    assert rejected.value.parameter == names[1]


async def attention_queue() -> ListOrdersUseCase:
    """Return the use case on five orders, of which `order-1` is a plain one."""
    orders = [small_order(f"order-{number}", user_id=f"user-{number % 2}") for number in range(1, 6)]
    for number, order in enumerate(orders[1:]):
        order.record_payment(Payment("pay-1", ("captured", "authorized")[number % 2], 9_900, None, SINCE), at=SINCE)
    orders[1].cancel(at=SINCE)
    orders[2].cancel(at=SINCE)
    orders[3].put_on_hold("address", at=SINCE)
    return ListOrdersUseCase(InMemoryOrderRepository(orders))


@pytest.mark.parametrize(
    "where, expected",
    [
        (OrderFilter(payment_status="paid"), [4]),
        (OrderFilter(payment_status="overpaid"), [2]),
        (OrderFilter(payment_status="authorized"), [5]),
        (OrderFilter(return_status="requested"), []),
        (OrderFilter(on_hold=True), [4]),
        (OrderFilter(refund_due=True), [2]),
        (OrderFilter(void_due=True), [3]),
        (OrderFilter(needs_attention=True), [4, 3, 2]),
        (OrderFilter(user_id="user-0", needs_attention=True), [4, 2]),
        (OrderFilter(needs_attention=True, created_to=SINCE), []),
        (OrderFilter(shipping_status="unshipped"), [5, 4, 1]),
        (OrderFilter(shipping_status="none"), [3, 2]),
        (OrderFilter(user_id="user-1", shipping_status="none"), [3]),
    ],
)
async def test_lists_by_what_follows_from_payments_holds_and_returns(where: OrderFilter, expected: list[int]) -> None:
    assert numbers(await (await attention_queue()).execute(where)) == expected


async def test_cursor_is_bound_to_a_filter_by_label() -> None:
    list_orders = await attention_queue()
    first = await list_orders.execute(OrderFilter(needs_attention=True), limit=2)
    second = await list_orders.execute(OrderFilter(needs_attention=True), limit=2, cursor=first.next_cursor)
    assert (numbers(first), numbers(second)) == ([4, 3], [2])
    for other in (OrderFilter(), OrderFilter(on_hold=True), OrderFilter(shipping_status="none")):
        with pytest.raises(InvalidCursor):
            await list_orders.execute(other, cursor=first.next_cursor)


async def test_shows_a_customer_their_own_orders_by_label_only() -> None:
    page = await (await attention_queue()).execute(
        OrderFilter(needs_attention=True), actor=Actor(ActorKind.CUSTOMER, "user-1")
    )
    assert numbers(page) == [3]


UNPAID = OrderFilter(payment_status="unpaid")


def many_orders(count: int, paid: Callable[[int], bool], text: str = "") -> ListOrdersUseCase:
    """Return the use case on that many orders, of which some are paid; each has metadata that resembles its status."""
    orders = []
    for number in range(1, count + 1):
        metadata = {"payment_status": "unpaid" if paid(number) else "paid", "text": text}
        order = small_order(f"order-{number}", at=MORNING + timedelta(minutes=number), metadata=metadata)
        if number % 2:
            order.confirm(at=order.created_at)
        if paid(number):
            order.record_payment(Payment("pay-1", "captured", 9_900, None, SINCE), at=SINCE)
        orders.append(order)
    return ListOrdersUseCase(InMemoryOrderRepository(orders))


@pytest.mark.parametrize(
    "where, expected",
    [
        (UNPAID, [9, 8, 6, 5, 3, 2]),
        (OrderFilter(payment_status="unpaid", statuses=("processing",)), [9, 5, 3]),
        (OrderFilter(payment_status="unpaid", statuses=("processing", "pending")), [9, 8, 6, 5, 3, 2]),
        (OrderFilter(payment_status="unpaid", created_to=MORNING + timedelta(minutes=5)), [3, 2]),
        (OrderFilter(payment_status="none_due"), []),
    ],
)
async def test_selects_orders_without_payments(where: OrderFilter, expected: list[int]) -> None:
    list_orders = many_orders(9, paid=lambda number: number in (1, 4, 7))
    pages = [page := await list_orders.execute(where, limit=2)]
    while page.next_cursor:
        pages.append(page := await list_orders.execute(where, limit=2, cursor=page.next_cursor))
    assert [number for page in pages for number in numbers(page)] == expected
    assert {len(page.orders) for page in pages[:-1]} <= {2}


async def test_page_of_selected_orders_reads_a_bounded_number() -> None:
    list_orders = many_orders(2_500, paid=lambda number: number > 100)
    first = await list_orders.execute(UNPAID)
    assert numbers(first) == []
    second = await list_orders.execute(UNPAID, cursor=first.next_cursor)
    third = await list_orders.execute(UNPAID, cursor=second.next_cursor)
    assert (numbers(second), numbers(third)) == ([], [*range(100, 50, -1)])
    for other in (OrderFilter(), OrderFilter(payment_status="none_due"), OrderFilter(statuses=("pending",))):
        with pytest.raises(InvalidCursor):
            await list_orders.execute(other, cursor=first.next_cursor)


async def test_page_of_selected_orders_ends_at_a_number_of_bytes() -> None:
    list_orders = many_orders(400, paid=lambda number: number % 2 == 0, text="x" * 500)
    full = await list_orders.execute(UNPAID, limit=200)
    assert len(full.orders) == 200
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_orders_module, "PAGE_BYTES", 3 * len(full.orders[0]) + 2)
        page = await list_orders.execute(UNPAID, limit=200)
        rest = await list_orders.execute(UNPAID, limit=2, cursor=page.next_cursor)
    assert (numbers(page), numbers(rest)) == ([399, 397, 395], [393, 391])


@pytest.mark.parametrize(
    "where, parameter, message",
    [
        (OrderFilter(return_status="none"), "return_status", "omit it"),
        (OrderFilter(on_hold=False), "on_hold", "omit it"),
        (OrderFilter(refund_due=False), "refund_due", "omit it"),
        (OrderFilter(void_due=False), "void_due", "omit it"),
        (OrderFilter(needs_attention=False), "needs_attention", "omit it"),
    ],
)
async def test_rejects_filters_that_most_orders_match(where: OrderFilter, parameter: str, message: str) -> None:
    with pytest.raises(UnsupportedFilter, match=message) as rejected:
        await nine_orders().execute(where)
    assert rejected.value.parameter == parameter


@pytest.mark.parametrize("name", ["shipping_status", "payment_status", "return_status"])
async def test_rejects_an_unknown_value_of_a_filter(name: str) -> None:
    with pytest.raises(InvalidQuery, match="must be one of ") as rejected:
        await nine_orders().execute(OrderFilter(**{name: "lost"}))  # type: ignore[arg-type]
    assert rejected.value.parameter == name


@pytest.mark.parametrize("statuses", [("lost",), ("pending", "lost")])
async def test_rejects_an_unknown_status(statuses: tuple[str, ...]) -> None:
    with pytest.raises(InvalidQuery, match="must be one of pending, processing") as refused:
        await nine_orders().execute(OrderFilter(statuses=statuses))
    assert refused.value.parameter == "status"


async def test_pages_of_several_statuses_are_newest_first() -> None:
    list_orders, where = nine_orders(), OrderFilter(statuses=("pending", "processing", "shipped"))
    first = await list_orders.execute(where, limit=2)
    again = OrderFilter(statuses=("shipped", "processing", "pending", "shipped"))
    second = await list_orders.execute(again, limit=2, cursor=first.next_cursor)
    assert (numbers(first), numbers(second)) == ([7, 6], [5, 2])
    with pytest.raises(InvalidCursor):
        await list_orders.execute(OrderFilter(statuses=("pending", "processing")), cursor=first.next_cursor)


async def test_rejects_a_time_range_that_ends_before_it_begins() -> None:
    backwards = OrderFilter(created_from=MORNING, created_to=MORNING - timedelta(seconds=1))
    with pytest.raises(InvalidQuery, match="must not be before created_from") as refused:
        await nine_orders().execute(backwards)
    assert refused.value.parameter == "created_to"
    assert (await nine_orders().execute(OrderFilter(created_from=MORNING, created_to=MORNING))).orders == ()


async def test_shows_a_customer_their_own_orders_only() -> None:
    list_orders, customer = nine_orders(), Actor(ActorKind.CUSTOMER, "user-0")
    assert numbers(await list_orders.execute(actor=customer)) == [9, 6, 3]
    assert numbers(await list_orders.execute(OrderFilter(user_id="user-0", tag="even"), actor=customer)) == [6]
    assert await list_orders.execute(OrderFilter(user_id="user-1"), actor=customer) == OrderPage(b"", None)


async def test_takes_no_cursor_of_staff_from_a_customer() -> None:
    list_orders, customer = nine_orders(), Actor(ActorKind.CUSTOMER, "user-0")
    of_staff = await list_orders.execute(limit=2, actor=Actor(ActorKind.STAFF, "anna", EVERY_SCOPE))
    with pytest.raises(InvalidCursor):
        await list_orders.execute(limit=2, cursor=of_staff.next_cursor, actor=customer)
    own = await list_orders.execute(limit=2, actor=customer)
    assert numbers(await list_orders.execute(limit=2, cursor=own.next_cursor, actor=customer)) == [3]
