"""The shipments of an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from orderkeep.domain import limits
from orderkeep.domain.exceptions import ShipmentNotFound
from orderkeep.domain.lifecycle import (
    CannotDeliverOrder,
    Command,
    NothingToShip,
    OrderNotConfirmed,
    OrderStatus,
    allowed_commands,
)
from orderkeep.domain.lines import LineQuantity, quantities
from orderkeep.domain.order_state import OrderState
from orderkeep.domain.shipments import (
    NO_TRACKING,
    Shipment,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentUpdated,
    Tracking,
    deliver_units,
    ship_units,
)
from orderkeep.domain.value_objects import in_utc


class ShipmentCommands(OrderState):
    """The shipments of an order."""

    def ship(self, *, at: datetime) -> None:
        """Ship all that is left. Raises `CannotShipOrder`, also if the order is pending, `OrderOnHold` and
        `TooManyRecords`.
        """
        self._check_allowed(Command.SHIP)
        self.add_shipment(at=at)

    def add_shipment(
        self,
        lines: Iterable[LineQuantity] = (),
        tracking: Tracking = NO_TRACKING,
        occurred_at: datetime | None = None,
        *,
        at: datetime,
    ) -> None:
        """Ship units, by default all that are left. `occurred_at` is when it left, by default now.

        Raises `OrderNotConfirmed`, `NothingToShip`, `OrderOnHold`, `QuantityNotAvailable`, `TooManyRecords`, and
        `InvalidInput`.
        """
        tracking.check()
        shipped_at = self._occurred(occurred_at, at)
        units = quantities(self.lines, lines) or {line.id: line.unshipped for line in self.lines if line.unshipped}
        if self.status == OrderStatus.PENDING:
            raise OrderNotConfirmed(self.status)
        if Command.SHIP not in allowed_commands(self.status):
            raise NothingToShip(self.status)
        self._check_not_held(at)
        self._check_count("shipments", len(self.shipments), limits.MAX_SHIPMENTS)
        self.lines = ship_units(self.lines, units, self.status)
        shipped = tuple([LineQuantity(line_id, count) for line_id, count in units.items()])
        shipment_id = f"s{len(self.shipments) + 1}"
        where = (tracking.carrier, tracking.tracking_number, tracking.tracking_url)
        self.shipments += (Shipment(shipment_id, shipped, *where, shipped_at),)
        self._record(at, *self._advance(), ShipmentCreated(shipment_id))

    def update_shipment(self, shipment_id: str, changes: Mapping[str, str | None], *, at: datetime) -> None:
        """Change the carrier, tracking number or tracking URL of a shipment; None removes one.

        Raises `ShipmentNotFound`, and `InvalidInput`.
        """
        shipment = self._shipment(shipment_id)
        current = {name: getattr(shipment, name) for name in ("carrier", "tracking_number", "tracking_url")}
        Tracking(**{**current, **changes}).check()
        if (changed := replace(shipment, **changes)) != shipment:  # type: ignore[arg-type]  # texts, checked above
            self.shipments = tuple([changed if each is shipment else each for each in self.shipments])
            self._record(at, ShipmentUpdated(shipment_id))

    def deliver(self, *, at: datetime) -> None:
        """Record the delivery of all shipments. Raises `CannotDeliverOrder`."""
        self._check_allowed(Command.DELIVER)
        left = [shipment for shipment in self.shipments if shipment.delivered_at is None]
        if not left:
            raise CannotDeliverOrder(self.status)
        self._deliver(left, in_utc(at), at)

    def deliver_shipment(self, shipment_id: str, occurred_at: datetime | None = None, *, at: datetime) -> None:
        """Record the delivery of a shipment; a second report of it changes nothing. Raises `ShipmentNotFound`, and
        `InvalidInput`.
        """
        shipment, delivered_at = self._shipment(shipment_id), self._occurred(occurred_at, at)
        if shipment.delivered_at is None:
            self._deliver([shipment], delivered_at, at)

    def _deliver(self, parts: Sequence[Shipment], delivered_at: datetime, at: datetime) -> None:
        self.shipments = tuple(
            [replace(each, delivered_at=delivered_at) if each in parts else each for each in self.shipments]
        )
        self.lines = deliver_units(self.lines, parts)
        self._record(at, *self._advance(), *[ShipmentDelivered(each.id) for each in parts])

    def _shipment(self, shipment_id: str) -> Shipment:
        found = next((each for each in self.shipments if each.id == shipment_id), None)
        if found is None:
            raise ShipmentNotFound(self.id, [each.id for each in self.shipments])
        return found
