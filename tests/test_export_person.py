"""Exporting all that is stored about a person."""

import json

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind
from orderkeep.application.use_cases.export_person import PersonOrder
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from orderkeep.testing.personal_data import order_of_person


async def exported() -> UseCases:
    store = InMemoryOrderRepository(
        [order_of_person(1), small_order("order-2", user_id="user-1"), order_of_person(3, user_id="user-3")]
    )
    do = build_use_cases(store)
    await do.add_note.execute("order-1", "He is rude.")
    await do.add_note.execute("order-1", "Delivered late.", visibility="customer")
    return do


async def orders_of(do: UseCases, user_id: str, actor: Actor = SYSTEM) -> list[PersonOrder]:
    return [order async for order in do.export_person.execute(user_id, actor)]


async def test_exports_all_orders_of_a_user_with_data_history_and_visible_notes() -> None:
    first, second = await orders_of(await exported(), "user-1")
    order = json.loads(first.json)
    assert (order["id"], order["customer"]["name"]) == ("order-1", "Zoë Müller 1")
    assert [note["text"] for note in order["notes"]] == ["Delivered late."]
    assert [change.version for change in first.changes] == [1, 2, 3]
    assert "rude" not in repr(first)
    assert (json.loads(second.json)["id"], len(second.changes)) == ("order-2", 1)


async def test_customers_export_their_own_orders_only() -> None:
    do, owner = await exported(), Actor(ActorKind.CUSTOMER, "user-3")
    assert len(await orders_of(do, "user-3", owner)) == 1
    assert await orders_of(do, "user-1", owner) == []
