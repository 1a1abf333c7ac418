"""Tokens that were verified a moment ago, so that one that comes with every request is not verified with each."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from orderkeep.application.access.actor import Actor
from orderkeep.infrastructure.openid_tokens.keys import KeySet
from orderkeep.infrastructure.openid_tokens.token_claims import LEEWAY

MAX_TOKENS = 4_096
LIFETIME = 300
"""Seconds after which a token is verified anew, whatever its end."""


@dataclass(frozen=True, slots=True)
class _Verified:
    actor: Actor
    keys: KeySet
    since: float
    end: int


class VerifiedTokens:
    """At most `MAX_TOKENS`, the oldest go first. Kept by their SHA-256: a dump of the memory shows no token of these.

    A token counts here no longer than it would if it were verified now: until its end, and while the provider's keys
    are the same as they were.
    """

    def __init__(self) -> None:
        self._tokens: OrderedDict[bytes, _Verified] = OrderedDict()

    def find(self, token: str, keys: KeySet | None, now: float) -> Actor | None:
        """Return who holds the token, where it was verified with these keys and counts still."""
        known = self._tokens.get(_digest(token))
        if known is None or known.keys is not keys:
            return None
        if known.end <= now - LEEWAY or not 0 <= now - known.since < LIFETIME:
            return None
        return known.actor

    def add(self, token: str, actor: Actor, keys: KeySet, end: int, now: float) -> None:
        """Remember a token that was verified now."""
        digest = _digest(token)
        self._tokens.pop(digest, None)
        while len(self._tokens) >= MAX_TOKENS:
            self._tokens.popitem(last=False)
        self._tokens[digest] = _Verified(actor, keys, now, end)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
