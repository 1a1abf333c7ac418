"""Actors and scopes: the authorization policy that every use case enforces."""

from dataclasses import dataclass
from enum import StrEnum

from orderkeep.application.errors import NotAllowed


class ActorKind(StrEnum):
    """Customers have access to their own orders only, staff as far as their scopes allow, the system to everything."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


class Scope(StrEnum):
    """A permission of staff. `admin` includes all others."""

    READ = "orders:read"
    WRITE = "orders:write"
    CANCEL = "orders:cancel"
    SHIP = "orders:ship"
    PAY = "orders:pay"
    REFUND = "orders:refund"
    ERASE = "orders:erase"
    EVENTS = "events:read"
    WEBHOOKS = "webhooks:admin"
    STATISTICS = "stats:read"
    ADMIN = "admin"


EVERY_SCOPE = frozenset(Scope)


def scopes_in(text: str) -> frozenset[Scope]:
    """Return the scopes in a text such as `orders:read orders:ship`. Raises `ValueError`."""
    words = text.replace(",", " ").split()
    if unknown := set(words) - set(Scope):
        raise ValueError(f"must be some of {', '.join(Scope)}: there is no scope {min(unknown)}")
    return frozenset(map(Scope, words))


CUSTOMER_SCOPES = frozenset({Scope.READ, Scope.CANCEL})
"""The permissions of every customer, for their own orders."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated caller of a use case. A customer's `id` is the `user_id` of their orders."""

    kind: ActorKind
    id: str
    scopes: frozenset[Scope] = frozenset()

    @property
    def sees_all(self) -> bool:
        """Whether this actor may see the orders of every user."""
        return self.kind is not ActorKind.CUSTOMER

    def may_see(self, user_id: str) -> bool:
        return self.sees_all or self.id == user_id

    def require(self, scope: Scope) -> None:
        """Require a scope; raise `NotAllowed` if the actor lacks it."""
        if self.kind is ActorKind.SYSTEM:
            return
        allowed = CUSTOMER_SCOPES if self.kind is ActorKind.CUSTOMER else self.scopes
        if scope not in allowed and Scope.ADMIN not in allowed:
            raise NotAllowed(scope, is_customer=self.kind is ActorKind.CUSTOMER)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor(ActorKind.SYSTEM, "orderkeep")
"""The service itself: the default actor of use cases that are called from Python."""
