"""Finding an order by its ID, the beginning of its ID, or its external reference."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.errors import AmbiguousOrder, NoOrderMatches, OrderSummary
from orderkeep.application.ports import OrderQueries
from orderkeep.application.use_cases.find_order import FindOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, large_order, small_order

ONE, OTHER, FOREIGN = "0198f2a1-7c3e", "0198f2a1-9d21", "7c3e0198-5f0c"
BEGINNING = "0198f2a1"
ANNA = Actor(ActorKind.CUSTOMER, "anna")


def found_among(*orders: Order) -> FindOrderUseCase:
    return FindOrderUseCase(InMemoryOrderRepository(orders))


async def test_finds_by_id_prefix_and_external_reference() -> None:
    find = found_among(small_order(ONE, external_ref="web-1"), small_order(FOREIGN, external_ref="web-22"))
    for text, expected in (
        (ONE, ONE),
        (ONE[:8], ONE),
        (ONE[:-1], ONE),
        ("web-1", ONE),
        ("web-22", FOREIGN),
        (" web-22\u200b", FOREIGN),
        (FOREIGN[:8], FOREIGN),
    ):
        assert await find.execute(text) == expected, text


async def test_exact_id_is_preferred_to_longer_ids_and_references() -> None:
    find = found_among(small_order("order-12"), small_order("order-123"), small_order(ONE, external_ref="order-12"))
    assert await find.execute("order-12") == "order-12"


async def test_order_that_matches_in_two_ways_is_not_ambiguous() -> None:
    assert await found_among(small_order(ONE, external_ref=BEGINNING)).execute(BEGINNING) == ONE


async def test_several_matches_are_listed_by_reference_then_by_id() -> None:
    find = found_among(
        small_order(ONE, user_id="ben", total=4_711, external_ref="web-1", at=SINCE),
        small_order(OTHER, status="shipped", external_ref=None, at=SINCE + timedelta(hours=1)),
        small_order(FOREIGN, external_ref=BEGINNING, at=SINCE + timedelta(hours=2)),
    )
    with pytest.raises(AmbiguousOrder, match=r"^3 orders match: use the whole ID of one$") as error:
        await find.execute(BEGINNING)
    assert [order.id for order in error.value.candidates] == [FOREIGN, ONE, OTHER]
    one = OrderSummary(ONE, "pending", 4_711, "EUR", "ben", "web-1", "2026-02-03T04:05:06.789012Z")
    assert error.value.candidates[1] == one
    assert (error.value.candidates[2].status, error.value.candidates[2].external_ref) == ("shipped", None)
    assert not error.value.has_more


async def test_ten_of_many_matches_are_listed() -> None:
    find = found_among(*(small_order(f"{BEGINNING}-{number:02}", external_ref="web-1") for number in range(12)))
    for text in (BEGINNING, "web-1"):
        with pytest.raises(AmbiguousOrder, match=r"^more than 10 orders match") as error:
            await find.execute(text)
        assert (len(error.value.candidates), error.value.has_more) == (10, True)


@pytest.mark.parametrize(
    "text, tried",
    [
        ("0198f2a2", ", or an ID that begins like this"),
        (BEGINNING[:7], "; to find it by the beginning of its ID, enter at least 8 characters"),
        ("0198F2A1", ", or an ID that begins like this"),
        ("%" * 8, ", or an ID that begins like this"),
    ],
)
async def test_error_says_what_was_tried(text: str, tried: str) -> None:
    with pytest.raises(NoOrderMatches) as error:
        await found_among(small_order(ONE)).execute(text)
    assert str(error.value) == f"Order not found: no order has this ID or external reference{tried}"
    assert error.value.code == "order_not_found"


async def test_store_without_prefixes_finds_ids_and_references() -> None:
    class NoPrefixes(InMemoryOrderRepository):
        find_by_id_prefix = OrderQueries.find_by_id_prefix  # type: ignore[assignment]  # the port's own

    find = FindOrderUseCase(NoPrefixes([small_order(ONE, external_ref="web-1042")]))
    assert await find.execute(ONE) == await find.execute("web-1042") == ONE
    with pytest.raises(NoOrderMatches, match="; this store cannot find orders by the beginning of an ID: enter the "):
        await find.execute(BEGINNING)


@pytest.mark.parametrize("text", [FOREIGN, FOREIGN[:8], "web-2"])
async def test_customer_does_not_find_orders_of_others(text: str) -> None:
    find = found_among(small_order(FOREIGN, user_id="ben", external_ref="web-2"))
    with pytest.raises(NoOrderMatches) as hidden:
        await find.execute(text, ANNA)
    with pytest.raises(NoOrderMatches) as missing:
        await found_among().execute(text, ANNA)
    assert str(hidden.value) == str(missing.value)


async def test_orders_of_others_do_not_make_a_match_ambiguous() -> None:
    find = found_among(
        small_order(ONE, user_id="anna", external_ref="web-1"), small_order(OTHER, user_id="ben", external_ref="web-1")
    )
    assert await find.execute(BEGINNING, ANNA) == await find.execute("web-1", ANNA) == ONE


async def test_customer_cannot_use_a_prefix_that_many_orders_share() -> None:
    own = small_order(f"{BEGINNING}-00", user_id="anna", external_ref="web-1")
    find = found_among(own, *(small_order(f"{BEGINNING}-{number}", user_id="ben") for number in range(10, 20)))
    with pytest.raises(NoOrderMatches):
        await find.execute(BEGINNING, ANNA)
    assert await find.execute("web-1", ANNA) == own.id


async def test_lookup_reads_at_most_eleven_orders_each_way() -> None:
    limits: list[int] = []

    class Counts(InMemoryOrderRepository):
        async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
            limits.append(limit)
            return await super().find_by_id_prefix(prefix, limit)

    orders: Sequence[Order] = [small_order(f"{BEGINNING}-{number}") for number in range(30)]
    with pytest.raises(AmbiguousOrder):
        await FindOrderUseCase(Counts(orders)).execute(BEGINNING)
    assert limits == [11]


async def test_large_orders_with_one_external_reference_are_ambiguous() -> None:
    """They are not on one page of a list."""
    find = found_among(*(large_order(f"order-{number}", external_ref="web-1") for number in range(12)))
    with pytest.raises(AmbiguousOrder) as ambiguous:
        await find.execute("web-1")
    assert (len(ambiguous.value.candidates), ambiguous.value.has_more) == (10, True)
