"""Order IDs, which are UUIDs (RFC 9562): random, or derived from an idempotency key or an external reference."""

import os
import re
import unicodedata
import uuid

from orderkeep.application.access.actor import Actor
from orderkeep.domain.personal_data import SALT_BYTES
from orderkeep.domain.value_objects import INVISIBLE

_INVISIBLE_ENDS = re.compile(rf"^[\s{INVISIBLE}]+|[\s{INVISIBLE}]+$")
_NAMESPACE = uuid.UUID("6f72646b-6565-5000-8000-6b6579730001")


def new_order_id() -> str:
    """Return a random UUIDv4: unlike those of a UUIDv7, its first 8 characters identify an order to a person."""
    return str(uuid.uuid4())


def new_salt() -> bytes:
    """Return the random salt of a commitment to personal data."""
    return os.urandom(SALT_BYTES)


def order_id_for_key(actor: Actor, key: str) -> str:
    """Return the UUIDv5 of an actor's idempotency key, so that a repeated request refers to the same order."""
    return str(uuid.uuid5(_NAMESPACE, f"{actor}\n{key}"))


def order_id_for_external_ref(external_ref: str) -> str:
    """Return the UUIDv5 of an imported order that has no ID; it is the same in every import."""
    return str(uuid.uuid5(_NAMESPACE, f"import\n{external_ref}"))


def normalized_ref(external_ref: str) -> str:
    """Return the reference of an imported order without surrounding whitespace and invisible characters, in Unicode's
    form NFC: files and rows that write a number differently mean the same order.
    """
    if external_ref.isascii():
        return external_ref.strip()
    return _INVISIBLE_ENDS.sub("", unicodedata.normalize("NFC", external_ref))
