"""Shipments: added, tracked and delivered one by one."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.add_shipment import AddShipmentUseCase
from orderkeep.application.use_cases.deliver_shipment import DeliverShipmentUseCase
from orderkeep.application.use_cases.update_shipment import UpdateShipmentUseCase
from orderkeep.domain.exceptions import InvalidUrl, ShipmentNotFound
from orderkeep.domain.lifecycle import OrderNotConfirmed
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.shipments import Shipment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(hours=5)
PAGE = "https://parcels.example/T-1"


@pytest.fixture
def repo() -> InMemoryOrderRepository:
    order = pending_order()
    order.confirm(at=BEFORE)
    return InMemoryOrderRepository([order])


async def test_ships_a_part_with_its_values(repo: InMemoryOrderRepository) -> None:
    result = await AddShipmentUseCase(repo, clock=lambda: NOON).execute(
        "order-1",
        lines=[LineQuantity("l1", 2)],
        carrier="DHL",
        tracking_number="T-1",
        tracking_url=PAGE,
        occurred_at=BEFORE,
    )
    assert result.events == (EventDTO("ShipmentCreated", {"shipment_id": "s1"}),)
    assert result.order.status == "partially_shipped"
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert saved.shipments == (Shipment("s1", (LineQuantity("l1", 2),), "DHL", "T-1", PAGE, BEFORE),)


async def test_ships_by_default_what_is_left_now(repo: InMemoryOrderRepository) -> None:
    add = AddShipmentUseCase(repo, clock=lambda: NOON)
    await add.execute("order-1", lines=[LineQuantity("l1", 2)])
    result = await add.execute("order-1")
    rest = (LineQuantity("l1", 1), LineQuantity("l2", 7))
    assert result.order.shipments[1] == Shipment("s2", rest, None, None, None, NOON)
    assert result.order.status == "shipped"


async def test_rejects_to_ship_a_pending_order() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    with pytest.raises(OrderNotConfirmed, match=r"^the order is pending: confirm it before you ship it$"):
        await AddShipmentUseCase(repo).execute("order-1")


async def test_update_changes_what_is_given_and_null_removes(repo: InMemoryOrderRepository) -> None:
    add = AddShipmentUseCase(repo, clock=lambda: NOON)
    await add.execute("order-1", carrier="DHL", tracking_number="T-1", tracking_url=PAGE)
    update = UpdateShipmentUseCase(repo)
    result = await update.execute("order-1", "s1", {"tracking_number": "T-2", "tracking_url": None})
    assert result.events == (EventDTO("ShipmentUpdated", {"shipment_id": "s1"}),)
    [shipment] = result.order.shipments
    assert (shipment.carrier, shipment.tracking_number, shipment.tracking_url) == ("DHL", "T-2", None)
    again = await update.execute("order-1", "s1", {"carrier": "DHL"})
    assert (again.events, again.unchanged, again.replayed) == ((), True, False)
    with pytest.raises(InvalidUrl):
        await update.execute("order-1", "s1", {"tracking_url": "javascript:alert(1)"})


async def test_delivers_one_shipment_once(repo: InMemoryOrderRepository) -> None:
    add = AddShipmentUseCase(repo, clock=lambda: BEFORE)
    await add.execute("order-1", lines=[LineQuantity("l2", 7)])
    await add.execute("order-1")
    deliver = DeliverShipmentUseCase(repo, clock=lambda: NOON)
    first = await deliver.execute("order-1", "s2", occurred_at=NOON - timedelta(hours=1))
    assert first.events == (EventDTO("ShipmentDelivered", {"shipment_id": "s2"}),)
    assert first.order.shipments[1].delivered_at == NOON - timedelta(hours=1)
    again = await deliver.execute("order-1", "s2")
    assert (again.events, again.unchanged, again.order.status) == ((), True, "shipped")
    last = await deliver.execute("order-1", "s1")
    assert last.order.shipments[0].delivered_at == NOON
    assert (last.order.status, last.events[0]) == ("delivered", EventDTO("OrderDelivered"))


async def test_rejects_a_shipment_that_does_not_exist(repo: InMemoryOrderRepository) -> None:
    with pytest.raises(ShipmentNotFound, match="has no shipment"):
        await DeliverShipmentUseCase(repo).execute("order-1", "s1")
    with pytest.raises(ShipmentNotFound):
        await UpdateShipmentUseCase(repo).execute("order-1", "s1", {"carrier": "DHL"})
