"""API keys to test with. No two fields of one are equal, because equal values hide swapped columns."""

from datetime import UTC, datetime, timedelta
from typing import Any

from orderkeep.application.access.actor import ActorKind, Scope
from orderkeep.application.access.api_keys import ApiKey

SINCE = datetime(2026, 3, 4, 5, 6, 7, 890_123, UTC)
"""When the keys below begin; key number n is n seconds younger."""

TICK = timedelta(microseconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
USED = SINCE + timedelta(days=3, microseconds=5)
REVOKED = SINCE + timedelta(days=4, microseconds=7)


def api_key(number: int = 1, **changes: Any) -> ApiKey:
    """Return a key of staff, with `changes` of its fields."""
    values: dict[str, Any] = {
        "id": f"Key{number:07}",
        "name": f"till {number}",
        "digest": f"{number:064x}",
        "kind": ActorKind.STAFF,
        "scopes": frozenset({Scope.READ, Scope.SHIP}),
        "created_at": SINCE + timedelta(seconds=number),
    }
    return ApiKey(**values | changes)


def customers_key(number: int = 1, **changes: Any) -> ApiKey:
    """Return a key of a customer, with `changes` of its fields."""
    theirs = {"kind": ActorKind.CUSTOMER, "user_id": f"user-{number}", "scopes": frozenset[Scope]()}
    return api_key(number, **theirs | changes)


def full_key(number: int = 1) -> ApiKey:
    """Return a key with every field filled that one of staff has."""
    ends = SINCE + timedelta(days=90, microseconds=3)
    return api_key(number, expires_at=ends, last_used_at=USED, revoked_at=REVOKED)
