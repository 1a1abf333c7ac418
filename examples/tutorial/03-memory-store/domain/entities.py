"""The order and its rules."""

from dataclasses import dataclass
from datetime import datetime

from domain.exceptions import CannotCancelOrder, CannotShipOrder, NegativeTotal


@dataclass
class Order:
    id: str
    user_id: str
    total: int  # in cents
    status: str
    created_at: datetime

    @classmethod
    def place(cls, order_id: str, user_id: str, total: int, at: datetime) -> "Order":
        if total < 0:
            raise NegativeTotal
        return cls(order_id, user_id, total, "pending", at)

    def can_be_cancelled(self) -> bool:
        return self.status == "pending"

    def cancel(self) -> None:
        if not self.can_be_cancelled():
            raise CannotCancelOrder(self.status)
        self.status = "cancelled"

    def ship(self) -> None:
        if self.status != "pending":
            raise CannotShipOrder(self.status)
        self.status = "shipped"
