"""The seam to joserfc: was this token signed with that key?"""

from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused


class OneAlgorithm(jws.JWSRegistry):
    """Knows a single algorithm. The library's own registry, asked without a list, knows HS256 too."""

    def __init__(self, name: str) -> None:
        super().__init__(algorithms=[name], strict_check_header=False)
        self._name = name

    def get_alg(self, name: str) -> Any:
        """Return the algorithm, where it is that one."""
        if name != self._name:
            raise TokenRefused("not the algorithm that the key was looked up for")
        return self.algorithms[name]


def signed_bytes(token: str, key: Key, algorithm: str) -> bytes:
    """Return what the key has signed. Raises `TokenRefused` where it has not."""
    try:
        return jws.deserialize_compact(token, key, registry=OneAlgorithm(algorithm)).payload
    except (JoseError, ValueError):
        raise TokenRefused("the signature is not of that key") from None
