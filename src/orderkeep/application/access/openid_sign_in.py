"""Sign-in at an OpenID provider in a browser: what ties it to that browser, and the port of the provider.

Nothing is stored of a sign-in in progress. Its state, nonce and PKCE verifier are derived from the random token in the
browser's cookie, so that a response of the provider is useless in any other browser.
"""

import hmac
import re
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.errors import InvalidCredentials

TIME_TO_SIGN_IN = timedelta(minutes=10)
"""How long a person may take at the provider."""

_STATE = re.compile(r"([0-9a-f]{10})([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")
"""The time, random bits, and the proof that the browser started the sign-in."""


class Failure(StrEnum):
    """Why a sign-in failed."""

    STATE = "state"
    """It was started in another browser, is completed, or was never started."""

    EXPIRED = "expired"
    DENIED = "denied"
    """The person cancelled, or has no access."""

    REJECTED = "rejected"
    """The code or a token is invalid."""

    TOKEN = "token"  # noqa: S105  # not a password
    """The access token is not one that the API accepts."""

    CLOCK = "clock"
    SETTINGS = "settings"
    """The provider does not accept the client, the redirect URI or the scopes."""


class SignInFailed(InvalidCredentials):
    """The person is not signed in; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"the sign-in failed: {failure}")
        self.failure = failure


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in in progress. IDs sort by time."""

    id: str
    state: str
    nonce: str
    verifier: str

    @classmethod
    def start(cls, token: str, now: datetime, randomness: Randomness) -> "SignIn":
        """Return a new one, of the browser that has the token."""
        return cls._of(token, time_id(now) + randomness(16).hex())

    @classmethod
    def resume(cls, token: str, state: str, now: datetime) -> "SignIn":
        """Return the one that this browser has started. Raises `SignInFailed`."""
        found = _STATE.fullmatch(state)
        expected = cls._of(token, found[1] + found[2]) if token and found else None
        if expected is None or not hmac.compare_digest(expected.state, state):
            raise SignInFailed(Failure.STATE)
        if expected.id < time_id(now - TIME_TO_SIGN_IN):
            raise SignInFailed(Failure.EXPIRED)
        return expected

    @classmethod
    def _of(cls, token: str, id_: str) -> "SignIn":
        state, nonce, verifier = (_derived(token, what, id_) for what in ("state", "nonce", "verifier"))
        return cls(id_, f"{id_}.{state}", nonce, verifier)


def time_id(time: datetime) -> str:
    """Return what the IDs of sign-ins begin with that were started then."""
    return f"{int(time.timestamp()):010x}"


def _derived(token: str, *what: str) -> str:
    digest = hmac.digest(token.encode(), " ".join(("sign-in", *what)).encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The result of a sign-in: the actor, as of the access token, and when the token expires."""

    actor: Actor
    expires_at: datetime


class SignInProvider(ABC):
    """A provider where people sign in (OpenID Connect, authorization code flow with PKCE)."""

    fingerprint: str
    """Another one for each configuration: sessions that were started with another one have ended."""

    @abstractmethod
    async def url_of(self, sign_in: SignIn) -> str:
        """Return the URL of the provider's sign-in page. Raises `AuthenticationUnavailable`."""

    @abstractmethod
    async def redeem(self, response: Mapping[str, str], sign_in: SignIn) -> SignedIn:
        """Exchange the code in the provider's response, whose state has been checked, for tokens, and verify them.
        Raises `SignInFailed`, `AuthenticationUnavailable` and `Overloaded`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Cancel requests in progress. A second call has no effect."""
