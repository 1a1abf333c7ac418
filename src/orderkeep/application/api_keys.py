"""API keys: how one is made, and what is kept of it. A key is `ok_<id>_<secret><checksum>`, in letters and digits.

The secret has 256 random bits, so its plain SHA-256 is kept: nobody guesses it, however fast they try. What makes
guessing slow (bcrypt, argon2) is for passwords, and would be paid by every request.
"""

import hashlib
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.ports import ListPosition

Randomness = Callable[[int], bytes]
"""Gives so many random bytes, fit for secrets: `os.urandom`."""

PREFIX = "ok_"
"""How every key begins, and nothing else that is a secret: so that scanners find keys in code and logs."""

KEY_PATTERN = r"ok_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}"
"""What keys look like. The last six characters are a checksum: a scanner, and the service, need ask nobody to know that
something only looks like a key.
"""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 10, 43, 6
_SECRET_BYTES = 32
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_ID = re.compile(rf"[0-9A-Za-z]{{{_ID_LENGTH}}}", re.ASCII)


class KeyState(StrEnum):
    """Whether a key counts."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key, which is never the key itself. A key of staff has scopes, a customer's has a `user_id`."""

    id: str
    name: str
    digest: str = field(repr=False)
    kind: ActorKind
    user_id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def state_at(self, now: datetime) -> KeyState:
        """Tell whether the key counts at that instant."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at is not None and self.expires_at <= now else KeyState.ACTIVE

    @property
    def actor(self) -> Actor:
        """Who holds the key."""
        if self.user_id is not None:
            return Actor(ActorKind.CUSTOMER, self.user_id)
        return Actor(ActorKind.STAFF, f"key:{self.id}", self.scopes)


class ApiKeyStore(ABC):
    """Keeps API keys, where orders are kept, and apart from them. It opens and closes with the store of the orders.

    A store need not keep any; `orderkeep.testing` holds those that do to this contract. Every method may raise
    `StoreUnavailable`.
    """

    @abstractmethod
    async def add(self, key: ApiKey) -> bool:
        """Keep a new key; it is durable when this returns. False where there is one of that id already, which stays
        as it was.
        """

    @abstractmethod
    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key as last written, or None. A key that was revoked anywhere before the call is so here."""

    @abstractmethod
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        """Return up to `limit` keys, newest first by `(created_at, id)`, those behind `after`. All that were ever made
        are there: revoked and expired ones too.
        """

    @abstractmethod
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """Revoke the key for ever, and return it as it is then; None where there is no such key. Where it was revoked
        before, that instant stays.
        """

    @abstractmethod
    async def note_use(self, key_id: str, at: datetime) -> None:
        """Note that the key was used then. Nothing happens where a later use is known, or there is no such key."""


def make_key(randomness: Randomness) -> str:
    """Return a new key: 59 random bits as its id, 256 as its secret, and the checksum of both."""
    key_id = _in_digits(int.from_bytes(randomness(16), "big") % len(_DIGITS) ** _ID_LENGTH, _ID_LENGTH)
    secret = _in_digits(int.from_bytes(randomness(_SECRET_BYTES), "big"), _SECRET_LENGTH)
    body = f"{PREFIX}{key_id}_{secret}"
    return body + _checksum(body)


def id_of_key(key: str) -> str | None:
    """Return the id that stands in what looks like a key, None in what does not."""
    return key[len(PREFIX) : len(PREFIX) + _ID_LENGTH] if _KEY.fullmatch(key) else None


def has_its_checksum(key: str) -> bool:
    """Tell whether what looks like a key was ever made: one with a letter altered was not."""
    return _checksum(key[:-_CHECKSUM_LENGTH]) == key[-_CHECKSUM_LENGTH:]


def id_in(text: str) -> str | None:
    """Return the id that somebody means who gives an id, `ok_` and an id, or a whole key; None where it is none."""
    key_id = text.removeprefix(PREFIX)[:_ID_LENGTH] if text.startswith(PREFIX) else text
    is_one = _ID.fullmatch(key_id) and (text in (key_id, PREFIX + key_id) or _KEY.fullmatch(text))
    return key_id if is_one else None


def digest_of_key(key: str) -> str:
    """Return the SHA-256 (FIPS 180-4) of the whole key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _in_digits(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _in_digits(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
