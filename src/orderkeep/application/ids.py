"""Order IDs, which are UUIDs (RFC 9562): random, or derived from an idempotency key or an external reference."""

import hashlib
import os
import uuid

from orderkeep.application.access.actor import Actor
from orderkeep.domain.personal_data import SALT_BYTES

_NAMESPACE = uuid.UUID("6f72646b-6565-5000-8000-6b6579730001").bytes


def new_order_id() -> str:
    """Return a random UUIDv4: unlike those of a UUIDv7, its first 8 characters identify an order to a person."""
    return str(uuid.uuid4())


def new_salt() -> bytes:
    """Return the random salt of a commitment to personal data."""
    return os.urandom(SALT_BYTES)


def order_id_for_key(actor: Actor, key: str) -> str:
    """Return the UUIDv5 of an actor's idempotency key, so that a repeated request refers to the same order."""
    return _uuid5(f"{actor}\n{key}")


def order_id_for_external_ref(external_ref: str) -> str:
    """Return the UUIDv5 of an imported order that has no ID; it is the same in every import."""
    return _uuid5(f"import\n{external_ref}")


def _uuid5(name: str) -> str:
    """Return the UUIDv5 of a name (RFC 9562, 5.5), as `uuid.uuid5` does in more than twice the time."""
    digest = bytearray(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest())
    digest[6] = 0x50 | digest[6] & 0x0F  # the version
    digest[8] = 0x80 | digest[8] & 0x3F  # the variant
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
