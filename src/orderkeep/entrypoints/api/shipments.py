"""Routes of shipments."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import Field
from starlette.responses import Response

from orderkeep.domain import limits
from orderkeep.domain.entities import Order as DomainOrder
from orderkeep.domain.exceptions import ShipmentNotFound
from orderkeep.domain.lifecycle import NothingToShip, OrderNotConfirmed, OrderOnHold, QuantityNotAvailable
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.policies import PaymentRequired
from orderkeep.domain.shipments import Tracking
from orderkeep.entrypoints import schemas
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, OrderId, Services
from orderkeep.entrypoints.api.examples import failures
from orderkeep.entrypoints.api.models import Order
from orderkeep.entrypoints.api.responses import command_response
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import Units, Url, text_of, units_of
from orderkeep.entrypoints.schemas import Instant

router = APIRouter(prefix="/orders/{order_id}/shipments", tags=["shipments"], route_class=CompiledRoute)


class TrackingBody(schemas.Body):
    """Carrier and tracking of a shipment."""

    carrier: Annotated[str, text_of(limits.MAX_CARRIER_LENGTH)] | None = Field(None, description="Carrier.")
    tracking_number: Annotated[str, text_of(limits.MAX_TRACKING_NUMBER_LENGTH)] | None = Field(
        None, description="The carrier's number of the parcel."
    )
    tracking_url: Url | None = Field(None, description="Page where the parcel can be tracked, an http or https URL.")


class ShipmentBody(TrackingBody):
    """Units that were shipped together."""

    lines: Units | None = Field(None, description="Shipped units. By default, all that are left.")
    occurred_at: Instant | None = Field(None, description="Time of shipment. Default: now.")


class UpdateShipmentBody(TrackingBody):
    """Changes of a shipment, as a JSON merge patch (RFC 7396): null removes a value, and an omitted field is kept."""

    def changes(self) -> dict[str, str | None]:
        """Return the new values by name, None for those to be removed."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class DeliverShipmentBody(schemas.Body):
    """Delivery of a shipment."""

    occurred_at: Instant | None = Field(None, description="Time of delivery. Default: now.")


TRACKING = {"carrier": "DHL", "tracking_number": "00340434161094042557"}
SHIPMENT = {"lines": [{"line": "l1", "quantity": 1}], **TRACKING}
UPDATE = {"tracking_number": "00340434161094042564", "tracking_url": None}
DELIVERY = {"occurred_at": examples.SHIPPED_AT}
EVERYTHING, NOW = ShipmentBody(), DeliverShipmentBody()

ShipmentId = Annotated[str, Path(description="ID of the shipment.", examples=["s1"])]


def _ship_one(order: DomainOrder) -> None:
    order.add_shipment([LineQuantity("l1", 1)], Tracking(**TRACKING), at=examples.AT)


@router.post(
    "",
    response_model=Order,
    summary="Add a shipment",
    responses={
        **examples.changed(examples.confirm, _ship_one),
        **failures(
            (
                OrderNotConfirmed("pending"),
                NothingToShip("shipped"),
                OrderOnHold("processing"),
                PaymentRequired("processing", "ship", "paid", 0, 9900, "EUR"),
                QuantityNotAvailable("processing", "l1", 3, 2, "units left to ship"),
                *examples.RECORD_ERRORS,
            )
        ),
    },
)
async def add_shipment(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    shipment: Annotated[ShipmentBody, Body(openapi_examples={"ShipmentBody": {"value": SHIPMENT}})] = EVERYTHING,
) -> Response:
    """Records that units were shipped together, by default all that are left. The status becomes `partially_shipped`,
    or `shipped` if no units are left.
    """
    result = await use_cases.add_shipment.execute(
        order_id,
        context,
        lines=units_of(shipment.lines),
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        tracking_url=shipment.tracking_url,
        occurred_at=shipment.occurred_at,
    )
    return command_response(result)


@router.patch(
    "/{shipment_id}",
    response_model=Order,
    summary="Update the tracking of a shipment",
    responses={
        **examples.changed(
            examples.confirm,
            _ship_one,
            lambda order: order.update_shipment("s1", UPDATE, at=examples.AT),
        ),
        **failures((ShipmentNotFound(""), *examples.COMMAND_ERRORS)),
    },
)
async def update_shipment(
    order_id: OrderId,
    shipment_id: ShipmentId,
    context: Context,
    use_cases: Services,
    update: Annotated[UpdateShipmentBody, Body(openapi_examples={"UpdateShipmentBody": {"value": UPDATE}})],
) -> Response:
    """Changes the carrier, the tracking number or the tracking URL, as a JSON merge patch (RFC 7396): null removes a
    value, and an omitted field is kept.
    """
    return command_response(await use_cases.update_shipment.execute(order_id, shipment_id, update.changes(), context))


@router.post(
    "/{shipment_id}/deliver",
    response_model=Order,
    summary="Deliver a shipment",
    responses={
        **examples.changed(examples.confirm, _ship_one, lambda order: order.deliver_shipment("s1", at=examples.AT)),
        **failures((ShipmentNotFound(""), *examples.RECORD_ERRORS)),
    },
)
async def deliver_shipment(
    order_id: OrderId,
    shipment_id: ShipmentId,
    context: Context,
    use_cases: Services,
    delivery: Annotated[DeliverShipmentBody, Body(openapi_examples={"DeliverShipmentBody": {"value": DELIVERY}})] = NOW,
) -> Response:
    """Records that a shipment was delivered. A second report changes nothing. The status becomes `delivered` with the
    last shipment of an order that is `shipped`.
    """
    result = await use_cases.deliver_shipment.execute(order_id, shipment_id, context, occurred_at=delivery.occurred_at)
    return command_response(result)
