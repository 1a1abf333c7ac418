"""API keys: their format, what is stored of them, and the port to their store.

A key is `ok_<id>_<secret><checksum>`, in letters and digits. The secret has 256 random bits, so storing its plain
SHA-256 is safe. Slow hashes (bcrypt, argon2) are for passwords, which can be guessed, and would cost every request.
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
"""Returns that number of random bytes, suitable for secrets: `os.urandom`."""

PREFIX = "ok_"
"""The prefix of every key, by which scanners find keys in code and logs."""

KEY_PATTERN = r"ok_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}"
"""The format of keys. The last six characters are a checksum, by which scanners and the service reject lookalikes."""

MAX_KEY_NAME_LENGTH = 100

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 10, 43, 6
_SECRET_BYTES = 32
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_ID = re.compile(rf"[0-9A-Za-z]{{{_ID_LENGTH}}}", re.ASCII)


class KeyState(StrEnum):
    """Whether a key is accepted."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The stored record of a key, without its secret. A staff key has scopes, a customer's key has a `user_id`."""

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
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at is not None and self.expires_at <= now else KeyState.ACTIVE

    @property
    def actor(self) -> Actor:
        if self.user_id is not None:
            return Actor(ActorKind.CUSTOMER, self.user_id)
        return Actor(ActorKind.STAFF, f"key:{self.id}", self.scopes)


class ApiKeyStore(ABC):
    """Stores API keys beside the orders; it is opened and closed with the order store, which need not support it.

    Every method may raise `StoreUnavailable`. `orderkeep.testing` has the contract tests.
    """

    @abstractmethod
    async def add(self, key: ApiKey) -> bool:
        """Store a new key durably. Returns False, and changes nothing, if the ID exists already."""

    @abstractmethod
    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key as last written, or None. The read is consistent: an earlier revocation is visible."""

    @abstractmethod
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        """Return up to `limit` keys after `after`, newest first by `(created_at, id)`, revoked and expired ones too."""

    @abstractmethod
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """Revoke the key and return it, or None if it does not exist. A second revocation keeps the first time."""

    @abstractmethod
    async def note_use(self, key_id: str, at: datetime) -> None:
        """Record the use of a key. Has no effect if a later use is recorded or the key does not exist."""


def make_key(randomness: Randomness, id_source: bytes | None = None) -> str:
    """Return a new key: 59 bits of the source, or random ones, as its ID, 256 random bits as its secret, and the
    checksum of both.
    """
    key_id = _in_digits(int.from_bytes(id_source or randomness(16), "big") % len(_DIGITS) ** _ID_LENGTH, _ID_LENGTH)
    secret = _in_digits(int.from_bytes(randomness(_SECRET_BYTES), "big"), _SECRET_LENGTH)
    body = f"{PREFIX}{key_id}_{secret}"
    return body + _checksum(body)


def id_of_key(key: str) -> str | None:
    """Return the ID in a text of the format of keys, None for other texts."""
    return key[len(PREFIX) : len(PREFIX) + _ID_LENGTH] if _KEY.fullmatch(key) else None


def has_its_checksum(key: str) -> bool:
    """Return whether the checksum of a text of the format of keys is right."""
    return _checksum(key[:-_CHECKSUM_LENGTH]) == key[-_CHECKSUM_LENGTH:]


def id_in(text: str) -> str | None:
    """Return the ID in an ID, `ok_` with an ID, or a whole key; None for other texts."""
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
