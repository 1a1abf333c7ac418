"""What every store must keep of personal data, and what it must no longer contain after an erasure."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import email_label
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.stores import list_orders, loaded, read_all

LATER = SINCE + timedelta(hours=1)


def personal_data(number: int = 1, email: str | None = None) -> PersonalData:
    """Return personal data with every field, none equal to another."""
    return PersonalData(
        Customer(f"Zoë Müller {number}", email or f"Zoe.{number}@Example.com", f"+49 30 {number:06}"),
        Address("J. Doe", f"Doe & Söhne {number}", f"{number} Main St", "2nd floor", "Łódź", "LD", "90-001", "PL"),
        Address("K. Roe", 'Roe \\ "Inc"', f"{number} Side St", "\N{HOUSE BUILDING}", "Lyon", "ARA", "69001", "FR"),
    )


def salt_of(number: int) -> bytes:
    """Return the salt of the personal data with that number."""
    return number.to_bytes(16, "big")


def order_of_person(number: int = 1, *, user_id: str = "user-1", email: str | None = None) -> Order:
    """Return a new order with personal data: `order-1` for number 1, and so on."""
    order = small_order(f"order-{number}", at=SINCE + timedelta(seconds=number), user_id=user_id)
    order.add_personal_data(personal_data(number, email), salt_of(number))
    return order


async def stored(store: OrderStore, *order_ids: str) -> dict[str, PersonalData]:
    """Return the personal data of orders."""
    return {order_id: record.data for order_id, record in (await store.get_personal_data(order_ids)).items()}


async def found_by(store: OrderStore, email: str, user_id: str | None = None) -> list[str]:
    """Return the IDs of the orders with an e-mail address, newest first."""
    return [order.id for order in await list_orders(store, OrderFilter(user_id=user_id, tag=email_label(email)))]


async def problems_of(store: OrderStore) -> list[str]:
    """Return what verification finds."""
    return [problem.message for problem in (await VerifyOrdersUseCase(store).execute()).problems]


class PersonalDataContract:
    """Personal data is written with its order, is in none of its documents, and is removed without a trace."""

    async def test_keeps_personal_data_beside_the_order(self, store: OrderStore) -> None:
        orders = [order_of_person(1), order_of_person(2), small_order("order-3")]
        await store.save(*orders)

        assert await stored(store, "order-1", "order-2", "order-3", "order-4") == {
            "order-1": personal_data(1),
            "order-2": personal_data(2),
        }
        assert await stored(store) == {}
        [record] = (await store.get_personal_data(["order-2"])).values()
        assert record.salt == salt_of(2)
        assert (await loaded(store, "order-2")).personal_data == record.commitment == orders[1].personal_data
        documents, changes = await read_all(store)
        assert not any(b"Main St" in document or b"xample" in document for document in documents)
        assert "Main St" not in repr(changes)
        assert await problems_of(store) == []

    async def test_replaces_personal_data(self, store: OrderStore) -> None:
        await store.save(order_of_person(1))
        order = await loaded(store, "order-1")
        order.set_personal_data(personal_data(2), salt_of(2), at=LATER)
        await store.save(order)

        assert await stored(store, "order-1") == {"order-1": personal_data(2)}
        order.confirm(at=LATER)  # the same object again, without a change of personal data
        await store.save(order)
        assert await stored(store, "order-1") == {"order-1": personal_data(2)}
        assert await problems_of(store) == []

    async def test_finds_orders_by_their_current_email_address(self, store: OrderStore) -> None:
        await store.save(order_of_person(1, email="Zoë@Example.com"), order_of_person(2, email="zoë@example.COM"))
        await store.save(order_of_person(3, user_id="user-3", email="zoë@example.com"), small_order("order-4"))
        assert await found_by(store, "ZOË@example.com") == ["order-3", "order-2", "order-1"]
        assert await found_by(store, "ZOË@example.com", "user-3") == ["order-3"]

        for number, email in ((1, "Zoë@Example.com"), (2, "new@example.com"), (3, None)):
            order = await loaded(store, f"order-{number}")
            data = personal_data(9, email) if email else PersonalData(Customer("Only a name"))
            order.set_personal_data(data, salt_of(9), at=LATER)
            await store.save(order)
        late = await loaded(store, "order-4")
        late.set_personal_data(personal_data(4, "new@example.com"), salt_of(4), at=LATER)
        await store.save(late)
        assert await found_by(store, "zoë@example.com") == ["order-1"]
        assert await found_by(store, "new@example.com") == ["order-2", "order-4"]
        assert await found_by(store, "new@example") == []
        assert await problems_of(store) == []

    async def test_erases_personal_data_with_its_label(self, store: OrderStore) -> None:
        await store.save(order_of_person(1, email="a@example.com"), order_of_person(2, email="a@example.com"))
        order = await loaded(store, "order-1")
        order.erase_personal_data(at=LATER)
        await store.save(order)
        await store.purge()

        assert await stored(store, "order-1", "order-2") == {"order-2": personal_data(2, "a@example.com")}
        assert await found_by(store, "a@example.com") == ["order-2"]
        assert (await loaded(store, "order-1")).personal_data is None
        assert await problems_of(store) == []

        order.set_personal_data(personal_data(3), salt_of(3), at=LATER)
        await store.save(order)
        assert await stored(store, "order-1") == {"order-1": personal_data(3)}
        assert await problems_of(store) == []

    async def test_rejected_save_leaves_personal_data_as_it_is(self, store: OrderStore) -> None:
        await store.save(order_of_person(1))
        stale, erased = await loaded(store, "order-1"), await loaded(store, "order-1")
        (current := await loaded(store, "order-1")).confirm(at=LATER)
        await store.save(current)
        stale.set_personal_data(personal_data(2, "stale@example.com"), salt_of(2), at=LATER)
        erased.erase_personal_data(at=LATER)
        for order in (stale, erased, order_of_person(1, email="twin@example.com")):
            with pytest.raises(ConcurrentUpdate):
                await store.save(order)
        with pytest.raises(ConcurrentUpdate):
            await store.save(order_of_person(5), stale)

        assert await stored(store, "order-1", "order-5") == {"order-1": personal_data(1)}
        assert await found_by(store, "stale@example.com") == await found_by(store, "twin@example.com") == []
        assert await found_by(store, "zoe.1@example.com") == ["order-1"]
        assert await problems_of(store) == []

    async def test_erasure_beside_changes_leaves_all_or_nothing(self, store: OrderStore) -> None:
        do = build_use_cases(store)
        await store.save(*[order_of_person(number) for number in range(5)])

        async def erase(number: int) -> None:
            await do.erase_personal_data.execute([f"order-{number}"], CommandContext())

        async def change(number: int, attempt: int) -> None:
            with suppress(ConcurrentUpdate):
                order = await loaded(store, f"order-{number}")
                order.set_personal_data(personal_data(number, f"{attempt}@example.com"), salt_of(attempt), at=LATER)
                await store.save(order)

        for number in range(5):
            calls = [change(number, attempt) for attempt in range(1, 5)]
            calls.insert(number, erase(number))  # first, in between and last
            await asyncio.gather(*calls)
            order, found = await loaded(store, f"order-{number}"), await store.get_personal_data([f"order-{number}"])
            assert [record.commitment for record in found.values()] == [order.personal_data] * bool(order.personal_data)
            emails = [f"{attempt}@example.com" for attempt in range(1, 5)]
            shown = [email for email in emails if f"order-{number}" in await found_by(store, email)]
            assert shown == [record.data.email for record in found.values()]
        assert await problems_of(store) == []
