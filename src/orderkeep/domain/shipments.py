"""Shipments of an order, and how much of it they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orderkeep.domain import limits
from orderkeep.domain.exceptions import InvalidUrl
from orderkeep.domain.lifecycle import Event, OrderStatus
from orderkeep.domain.lines import LineQuantity, OrderLine, check_available
from orderkeep.domain.value_objects import check_text

WEB_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)


class ShippingStatus(StrEnum):
    """How much of an order was shipped and delivered; none of a cancelled order."""

    UNSHIPPED = "unshipped"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    NONE = "none"


SHIPPING_OF: dict[str, ShippingStatus] = {
    OrderStatus.PENDING: ShippingStatus.UNSHIPPED,
    OrderStatus.PROCESSING: ShippingStatus.UNSHIPPED,
    OrderStatus.PARTIALLY_SHIPPED: ShippingStatus.PARTIALLY_SHIPPED,
    OrderStatus.SHIPPED: ShippingStatus.SHIPPED,
    OrderStatus.DELIVERED: ShippingStatus.DELIVERED,
    OrderStatus.CANCELLED: ShippingStatus.NONE,
}


@dataclass(frozen=True, slots=True)
class Tracking:
    """How to follow a shipment."""

    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that it breaks."""
        if self.carrier is not None:
            check_text(self.carrier, "carrier", limits.MAX_CARRIER_LENGTH)
        if self.tracking_number is not None:
            check_text(self.tracking_number, "tracking_number", limits.MAX_TRACKING_NUMBER_LENGTH)
        if self.tracking_url is not None:
            check_text(self.tracking_url, "tracking_url", limits.MAX_TRACKING_URL_LENGTH)
            if not WEB_URL.fullmatch(self.tracking_url):
                raise InvalidUrl("must be an https:// or http:// URL", "tracking_url")


NO_TRACKING = Tracking()


def comparable(tracking_number: str) -> str:
    """Return a tracking number as it is compared: without spaces, hyphens and the difference of case."""
    return "".join(tracking_number.replace("-", "").split()).casefold()


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel, or whatever was shipped together. `lines` is empty if the order has no lines: it ships as a whole."""

    id: str
    lines: tuple[LineQuantity, ...]
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    shipped_at: datetime
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShipmentCreated(Event):
    """A part of the order, or all of it, was shipped."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class ShipmentUpdated(Event):
    """The carrier, the tracking number or the tracking URL of a shipment changed."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class ShipmentDelivered(Event):
    """A shipment was delivered to the customer."""

    shipment_id: str


def ship_units(lines: Sequence[OrderLine], units: Mapping[str, int], status: str) -> tuple[OrderLine, ...]:
    """Return the lines after units of them were shipped. Raises `QuantityNotAvailable`."""
    check_available(units, {line.id: line.unshipped for line in lines}, status, "units left to ship")
    return tuple([replace(line, shipped=line.shipped + units.get(line.id, 0)) for line in lines])


def deliver_units(lines: Sequence[OrderLine], shipments: Iterable[Shipment]) -> tuple[OrderLine, ...]:
    """Return the lines after shipments were delivered."""
    units = Counter[str]()
    for shipment in shipments:
        units.update({each.line: each.quantity for each in shipment.lines})
    return tuple([replace(line, delivered=line.delivered + units[line.id]) for line in lines])


def status_after(status: OrderStatus, lines: Sequence[OrderLine], shipments: Sequence[Shipment]) -> OrderStatus:
    """Return the status of an order after units of it were shipped, delivered or cancelled."""
    live = sum([line.live for line in lines]) if lines else 1
    shipped = sum([line.shipped for line in lines]) if lines else min(len(shipments), 1)
    if live == 0:
        return OrderStatus.CANCELLED
    if shipped == 0:
        return status
    if shipped < live:
        return OrderStatus.PARTIALLY_SHIPPED
    delivered = all(shipment.delivered_at is not None for shipment in shipments)
    return OrderStatus.DELIVERED if delivered else OrderStatus.SHIPPED
