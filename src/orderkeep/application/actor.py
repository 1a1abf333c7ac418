"""Who asks."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """Customers see their own orders only; staff and the system see all."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf a use case runs. A customer's `id` is the `user_id` of their orders."""

    kind: ActorKind
    id: str

    def may_see(self, user_id: str) -> bool:
        """Tell whether an order of that user exists for this actor."""
        return self.kind is not ActorKind.CUSTOMER or self.id == user_id

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor(ActorKind.SYSTEM, "orderkeep")
"""The service itself, and whoever calls a use case from Python without saying who asks."""
