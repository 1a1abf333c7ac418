"""What a token says of itself before anything of it is proven: which key, which algorithm, which kind of token."""

from dataclasses import dataclass
from typing import Any

from joserfc.util import urlsafe_b64decode

from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused
from orderkeep.infrastructure.openid_tokens.strict_json import read_object

KINDS = ("at+jwt", "application/at+jwt", "jwt")
"""What `typ` may say (RFC 9068). Identity tokens, logout tokens and their like are signed with the same keys."""

FORBIDDEN = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip", "cty")
"""The first four bring or name a key: whoever forges a token would bring their own. `crit` names what must be
understood, and none of it is here. The rest say that the token holds something else than claims.
"""


@dataclass(frozen=True, slots=True)
class Header:
    """Which key is said to have signed the token, and how. A provider with one key may leave the key's name out."""

    algorithm: str
    key_id: str | None


def header_of(token: str, algorithms: tuple[str, ...]) -> Header:
    """Return what a token in three parts says of itself. Raises `TokenRefused`."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("not three parts")
    try:
        header = urlsafe_b64decode(parts[0].encode("ascii"))
    except ValueError:
        raise TokenRefused("the header is not base64url") from None
    return _checked(read_object(header), algorithms)


def _checked(header: dict[str, Any], algorithms: tuple[str, ...]) -> Header:
    for name in FORBIDDEN:
        if name in header:
            raise TokenRefused(f"the header has {name}")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in KINDS:
        raise TokenRefused("not the kind of token that opens an API")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused("not an algorithm of those configured")
    if "kid" in header and not isinstance(key_id, str):
        raise TokenRefused("kid is no name of a key")
    return Header(algorithm, key_id)
