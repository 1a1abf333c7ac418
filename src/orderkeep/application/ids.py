"""Order IDs, which are UUIDs (RFC 9562): random, or derived from an idempotency key or an external reference."""

import os
import time
import uuid

from orderkeep.application.access.actor import Actor

_NAMESPACE = uuid.UUID("6f72646b-6565-5000-8000-6b6579730001")


def new_order_id() -> str:
    """Return a UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF000 << 64) | 0x7000 << 64
    value = value & ~(0xC000 << 48) | 0x8000 << 48
    return str(uuid.UUID(int=value))


def order_id_for_key(actor: Actor, key: str) -> str:
    """Return the UUIDv5 of an actor's idempotency key, so that a repeated request refers to the same order."""
    return str(uuid.uuid5(_NAMESPACE, f"{actor}\n{key}"))


def order_id_for_external_ref(external_ref: str) -> str:
    """Return the UUIDv5 of an imported order that has no ID; it is the same in every import."""
    return str(uuid.uuid5(_NAMESPACE, f"import\n{external_ref}"))
