"""Browser sessions: what is stored of a person who signed in, with an API key or at an OpenID provider.

The browser has a token of 256 random bits, and the store its SHA-256, so that no session can be taken over with what is
stored. A session of an API key contains the ID of the key: revoking the key ends it. One of an OpenID provider contains
the actor of the access token, and ends when the token expires; the token itself is not stored.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.records import Record, RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate

KIND = "session"
"""The kind of the records of sessions."""

IDLE = timedelta(hours=1)
"""A session ends if it is not used for this long."""

LIFETIME = timedelta(hours=12)
"""A session ends at the latest after this time."""

NOTED_EVERY = timedelta(minutes=5)
"""The precision of the time of a session's last use: it is written at most this often."""

REMOVED = 50
"""How many stored sessions a new one checks, from a random one on, to delete those that have ended."""

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class OpenIdLogin:
    """The actor of an access token, when the token expires, and the configuration of the provider that issued it."""

    actor: Actor
    expires_at: datetime
    provider: str


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session, with a `key_id` or a `login`. `id` is the digest of its token, `version` that of its record."""

    id: str
    key_id: str
    created_at: datetime
    used_at: datetime
    version: int = 0
    login: OpenIdLogin | None = None

    @property
    def method(self) -> str:
        """The authentication method, as the settings name it."""
        return "jwt" if self.login else "keys"

    def has_ended(self, now: datetime) -> bool:
        ends_at = self.created_at + LIFETIME
        if self.login:
            ends_at = min(ends_at, self.login.expires_at)
        return not (self.created_at <= now < ends_at and now < self.used_at + IDLE)

    def used(self, now: datetime) -> "Session | None":
        """Return the session as used now, or None if that need not be written."""
        return replace(self, used_at=now) if now - self.used_at >= NOTED_EVERY else None

    def to_record(self) -> Record:
        content: dict[str, object] = {
            "key_id": self.key_id,
            "created_at": self.created_at.isoformat(),
            "used_at": self.used_at.isoformat(),
        }
        if self.login:
            content["login"] = {
                "kind": self.login.actor.kind,
                "id": self.login.actor.id,
                "scopes": sorted(self.login.actor.scopes),
                "expires_at": self.login.expires_at.isoformat(),
                "provider": self.login.provider,
            }
        return Record(KIND, self.id, json.dumps(content), self.version)

    @classmethod
    def of(cls, record: Record) -> "Session":
        """Return the session of a record."""
        content = json.loads(record.content)
        created_at, used_at = (datetime.fromisoformat(content[name]) for name in ("created_at", "used_at"))
        login = _login_of(content["login"]) if "login" in content else None
        return cls(record.id, content["key_id"], created_at, used_at, record.version, login)


def _login_of(content: dict[str, str]) -> OpenIdLogin:
    actor = Actor(ActorKind(content["kind"]), content["id"], frozenset(map(Scope, content["scopes"])))
    return OpenIdLogin(actor, datetime.fromisoformat(content["expires_at"]), content["provider"])


async def add_session(records: RecordStore, session: Session, randomness: Randomness, *others: Record) -> None:
    """Store a new session, in one transaction with other records, and delete some that have ended. Raises
    `ConcurrentUpdate` if one of the others exists.
    """
    found = await records.list_records(KIND, randomness(8).hex(), REMOVED)
    await records.write_records([session.to_record(), *others])
    with suppress(ConcurrentUpdate):  # another new session deletes the same ones
        await records.write_records([], [each for each in found if Session.of(each).has_ended(session.created_at)])


def make_token(randomness: Randomness) -> str:
    """Return the token of a new session."""
    return urlsafe_b64encode(randomness(_TOKEN_BYTES)).decode().rstrip("=")


def digest_of_token(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal: the ID of its session."""
    return hashlib.sha256(token.encode()).hexdigest()
