"""Lists: newest first, by every filter that there is, page by page without a skip or a repeat."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.reading import EVERYTHING, list_orders, orders_on, pages
from orderkeep.testing.saving import loaded, save_all

TICK = timedelta(microseconds=1)
USERS = ("user-1", "user-2", "USER-1")
STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")
TAGS = ("gift", "Gift", "gift-wrap", "a,b", '"', "%", "🎁")
REFS = ("web-1", "WEB-1", "web-1%")
ONE_OF = (
    OrderFilter(),
    *(OrderFilter(status=status) for status in STATUSES),
    *(OrderFilter(tag=tag) for tag in (*TAGS, "gif", "gift_", "a", "nobody's")),
    *(OrderFilter(external_ref=ref) for ref in (*REFS, "web", "web-1_")),
)
START, END = SINCE + 3 * TICK, SINCE + 9 * TICK
BEGINNING_OF_TIME, END_OF_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
RANGES = ((None, None), (START, None), (None, END), (START, END), (START, START), (BEGINNING_OF_TIME, END_OF_TIME))


async def save_a_mixture(store: OrderStore) -> list[OrderDTO]:
    """Save orders that differ in all that can be filtered by, three to an instant, ids in no order of time."""
    mixture = [
        small_order(
            f"order-{number * 37 % 101:03}",
            at=SINCE + number // 3 * TICK,
            user_id=USERS[number % 3],
            status=STATUSES[number % 5],
            tags=tuple(tag for bit, tag in enumerate(TAGS) if number >> bit & 1),
            external_ref=(*REFS, None)[number // 2 % 4],
        )
        for number in range(36)
    ]
    await save_all(store, mixture)
    found = [OrderDTO.of(order) for order in mixture]
    return sorted(found, key=lambda order: (order.created_at, order.id), reverse=True)


def matches(order: OrderDTO, where: OrderFilter) -> bool:
    """Tell whether the order is one that the filter asks for, as the port says it."""
    return all(
        [
            where.user_id is None or order.user_id == where.user_id,
            where.status is None or order.status == where.status,
            where.tag is None or where.tag in order.tags,
            where.external_ref is None or order.external_ref == where.external_ref,
            where.created_from is None or order.created_at >= where.created_from,
            where.created_to is None or order.created_at < where.created_to,
        ]
    )


class ListContract:
    """What lists promise."""

    async def test_lists_newest_first_and_by_id_within_an_instant(self, store: OrderStore) -> None:
        assert await store.list_page(EVERYTHING, None, 10) == SnapshotPage(b"", None)
        mixture = await save_a_mixture(store)
        assert await list_orders(store) == mixture

    async def test_answers_every_filter_exactly(self, store: OrderStore) -> None:
        mixture = await save_a_mixture(store)
        for one, user, (start, end) in product(ONE_OF, (None, *USERS, "nobody"), RANGES):
            where = replace(one, user_id=user, created_from=start, created_to=end)
            listed = [order.id for order in await list_orders(store, where)]
            assert listed == [order.id for order in mixture if matches(order, where)], where

    async def test_includes_the_first_instant_of_a_range_and_not_the_last(self, store: OrderStore) -> None:
        await store.save(*(small_order(f"order-{n}", at=SINCE + n * TICK) for n in range(4)))
        where = OrderFilter(created_from=SINCE + TICK, created_to=SINCE + 3 * TICK)
        assert [order.id for order in await list_orders(store, where)] == ["order-2", "order-1"]

    async def test_filters_by_an_order_as_it_is_now(self, store: OrderStore) -> None:
        await store.save(small_order("order-1"), small_order("order-2"))
        order = await loaded(store, "order-1")
        order.confirm(at=SINCE)
        await store.save(order)
        assert [found.id for found in await list_orders(store, OrderFilter(status="pending"))] == ["order-2"]
        assert await list_orders(store, OrderFilter(status="processing")) == [OrderDTO.of(order)]

    async def test_pages_through_every_filter(self, store: OrderStore) -> None:
        mixture = await save_a_mixture(store)
        for one, user, (start, end), size in product(ONE_OF[::3], (None, "user-1"), RANGES[::3], (1, 2, 7)):
            where = replace(one, user_id=user, created_from=start, created_to=end)
            walked = [order.id async for page in pages(store, where, size) for order in orders_on(page)]
            assert walked == [order.id for order in mixture if matches(order, where)], (where, size)

    async def test_goes_on_behind_any_place_an_order_need_not_be_there(self, store: OrderStore) -> None:
        mixture = await save_a_mixture(store)
        places = [ListPosition(order.created_at, order.id + suffix) for order in mixture for suffix in ("", "-", "0")]
        places += [ListPosition(order.created_at, edge) for order in mixture[::4] for edge in ("0", "~")]
        places += [ListPosition(at, "order-001") for at in (BEGINNING_OF_TIME, END_OF_TIME)]
        for place in places:
            behind = [order.id for order in mixture if (order.created_at, order.id) < (place.created_at, place.id)]
            assert [order.id for order in await list_orders(store, EVERYTHING, place)] == behind, place

    async def test_gives_no_more_than_the_limit(self, store: OrderStore) -> None:
        mixture = await save_a_mixture(store)
        for limit in (1, 2, 35, 36, 37, 201):
            page = await store.list_page(EVERYTHING, None, limit)
            assert orders_on(page) == mixture[:limit]
            last = mixture[limit - 1] if limit < len(mixture) else None
            assert page.next == (ListPosition(last.created_at, last.id) if last else None)
