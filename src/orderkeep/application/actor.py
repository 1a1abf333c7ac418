"""Who asks, and what they may ask. Every use case decides with it, so that all doors share one rule."""

from dataclasses import dataclass
from enum import StrEnum

from orderkeep.application.errors import NotAllowed


class ActorKind(StrEnum):
    """Customers see their own orders only; staff see all, as far as their scopes go; the system may do everything."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


class Scope(StrEnum):
    """What staff may be allowed to do. Who has `admin` has all of them."""

    READ = "orders:read"
    WRITE = "orders:write"
    CANCEL = "orders:cancel"
    SHIP = "orders:ship"
    EXPORT = "orders:export"
    ADMIN = "admin"


EVERY_SCOPE = frozenset(Scope)


def scopes_in(text: str) -> frozenset[Scope]:
    """Return the scopes that a text such as `orders:read orders:ship` names. Raises `ValueError`."""
    words = text.replace(",", " ").split()
    if unknown := set(words) - set(Scope):
        raise ValueError(f"must be some of {', '.join(Scope)}: there is no scope {min(unknown)}")
    return frozenset(map(Scope, words))


CUSTOMER_SCOPES = frozenset({Scope.READ, Scope.CANCEL, Scope.EXPORT})
"""What customers may do with their own orders, and need no scope for. The rest is the shop's."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf a use case runs. A customer's `id` is the `user_id` of their orders."""

    kind: ActorKind
    id: str
    scopes: frozenset[Scope] = frozenset()

    @property
    def sees_all(self) -> bool:
        """Whether every order exists for this actor."""
        return self.kind is not ActorKind.CUSTOMER

    def may_see(self, user_id: str) -> bool:
        """Tell whether an order of that user exists for this actor."""
        return self.sees_all or self.id == user_id

    def need(self, scope: Scope) -> None:
        """Raise `NotAllowed` unless this actor may do what the scope is for."""
        if self.kind is ActorKind.SYSTEM:
            return
        allowed = CUSTOMER_SCOPES if self.kind is ActorKind.CUSTOMER else self.scopes
        if scope not in allowed and Scope.ADMIN not in allowed:
            raise NotAllowed(scope)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor(ActorKind.SYSTEM, "orderkeep")
"""The service itself, and whoever calls a use case from Python without saying who asks."""
