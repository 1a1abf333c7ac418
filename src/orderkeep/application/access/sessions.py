"""Browser sessions: what is stored of a person who signed in with an API key.

The browser has a token of 256 random bits, and the store its SHA-256, so that no session can be taken over with what is
stored. A session contains the ID of the API key: revoking the key ends its sessions.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.records import Record

KIND = "session"
"""The kind of the records of sessions."""

IDLE = timedelta(hours=1)
"""A session ends if it is not used for this long."""

LIFETIME = timedelta(hours=12)
"""A session ends at the latest after this time."""

NOTED_EVERY = timedelta(minutes=5)
"""The precision of the time of a session's last use: it is written at most this often."""

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session. `id` is the digest of its token, `version` that of its record."""

    id: str
    key_id: str
    created_at: datetime
    used_at: datetime
    version: int = 0

    def has_ended(self, now: datetime) -> bool:
        return not (self.created_at <= now < self.created_at + LIFETIME and now < self.used_at + IDLE)

    def used(self, now: datetime) -> "Session | None":
        """Return the session as used now, or None if that need not be written."""
        return replace(self, used_at=now) if now - self.used_at >= NOTED_EVERY else None

    def to_record(self) -> Record:
        content = {"key_id": self.key_id, "created_at": self.created_at, "used_at": self.used_at}
        return Record(KIND, self.id, json.dumps(content, default=datetime.isoformat), self.version)

    @classmethod
    def of(cls, record: Record) -> "Session":
        """Return the session of a record."""
        content = json.loads(record.content)
        created_at, used_at = (datetime.fromisoformat(content[name]) for name in ("created_at", "used_at"))
        return cls(record.id, content["key_id"], created_at, used_at, record.version)


def make_token(randomness: Randomness) -> str:
    """Return the token of a new session."""
    return urlsafe_b64encode(randomness(_TOKEN_BYTES)).decode().rstrip("=")


def digest_of_token(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal: the ID of its session."""
    return hashlib.sha256(token.encode()).hexdigest()
