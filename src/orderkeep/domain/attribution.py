"""The source of a change, and the idempotency keys that an order remembers."""

from dataclasses import dataclass

from orderkeep.domain import limits


@dataclass(frozen=True, slots=True)
class Attribution:
    """The source of a change: the actor, the idempotency key and the fingerprint of its request, and the request ID."""

    actor: str = "system"
    key: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RememberedKey:
    """The effect of an idempotency key: the version it created, and the fingerprint of its request."""

    version: int
    fingerprint: str


def remember(keys: dict[str, RememberedKey], key: str, version: int, fingerprint: str) -> None:
    """Add a key to the remembered ones, and forget the oldest beyond the limit.

    The first key is the placement's. A repeated placement finds its order by the ID, derived from the key, so that key
    is always kept, and the second is deleted first.
    """
    keys[key] = RememberedKey(version, fingerprint)
    if len(keys) > limits.MAX_REMEMBERED_KEYS:
        del keys[list(keys)[1]]
