"""The provider's keys, as its JWKS has them: those that can sign tokens for us and are strong enough to."""

import logging
from collections.abc import Iterator
from typing import Any

from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused
from orderkeep.infrastructure.openid_tokens.strict_json import read_object

try:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
    from joserfc.util import base64_to_int
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tokens of an OpenID provider need the extra jwt: pip install 'orderkeep[jwt]'"
    ) from error

MAX_KEYS = 100
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
"""Fewer can be broken (NIST SP 800-131A); with more, whoever sends a token has us work for a millisecond."""

MIN_RSA_EXPONENT, MAX_RSA_EXPONENT = 65_537, 2**32

_KINDS: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}

log = logging.getLogger("orderkeep.openid")


class KeySet:
    """The keys that count, by their name and what they may sign with. Two with one name: the first counts."""

    def __init__(self, source: bytes, keys: dict[tuple[str | None, str], Key]) -> None:
        self.source = source
        """The bytes that the provider answered."""

        self._keys = keys
        self._only: dict[str, Key | None] = {}
        for (_, algorithm), key in keys.items():
            self._only[algorithm] = None if algorithm in self._only else key

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """Return the key of that name; without a name, the one that can have signed, where there is no other."""
        return self._only.get(algorithm) if key_id is None else self._keys.get((key_id, algorithm))


def read_key_set(source: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """Return the keys of a JWKS that can sign with one of the algorithms; others are passed over (RFC 7517, section 5).

    Raises `TokenRefused` where it is no JWKS.
    """
    given = read_object(source).get("keys")
    if not isinstance(given, list) or len(given) > MAX_KEYS:
        raise TokenRefused(f"not a JWKS of at most {MAX_KEYS} keys")
    keys: dict[tuple[str | None, str], Key] = {}
    for described in given:
        for algorithm, key in _usable(described, algorithms):
            keys.setdefault((key.kid, algorithm), key)
    if not keys:
        log.warning("the OpenID provider has no key: no token counts", extra={"reason": f"for {' '.join(algorithms)}"})
    return KeySet(source, keys)


def _usable(described: Any, algorithms: tuple[str, ...]) -> Iterator[tuple[str, Key]]:
    key = _imported(described)
    if key is None:
        return
    for algorithm in algorithms:
        try:
            jws.JWSRegistry.algorithms[algorithm].check_key(key)
        except JoseError:
            continue
        yield algorithm, key


def _imported(described: Any) -> Key | None:
    """Return a public key that is strong enough. One whose private half is published is everybody's."""
    if not isinstance(described, dict) or "d" in described:
        return None
    try:
        return _KINDS[described["kty"]].import_key(described) if _is_strong(described) else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_strong(described: dict[str, Any]) -> bool:
    match described["kty"]:
        case "RSA":
            modulus, exponent = (base64_to_int(described[name]) for name in ("n", "e"))
            fits = MIN_RSA_EXPONENT <= exponent <= MAX_RSA_EXPONENT
            return fits and MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS
        case "OKP":
            return bool(described["crv"] == "Ed25519")  # EdDSA alone does not say which curve
        case kind:
            return bool(kind == "EC")  # each algorithm has its curve; oct is a secret, which is none once published
