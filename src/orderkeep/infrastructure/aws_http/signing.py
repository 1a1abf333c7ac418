"""The header that signs what is posted to `/`."""

import hashlib
from collections.abc import Mapping

from orderkeep.infrastructure.aws_signatures import ALGORITHM, scope_of, signature


def authorization(
    headers: Mapping[str, str], body: bytes, *, key_id: str, secret: str, region: str, service: str
) -> str:
    """Return the header `Authorization` for a request with these headers: all are signed, `Host` and `X-Amz-Date`
    (such as 20150830T123600Z) must be among them.
    """
    said = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(said))
    lines = "".join(f"{name}:{said[name]}\n" for name in sorted(said))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    moment = said["x-amz-date"]
    scope = scope_of(moment, region, service)
    signed = signature(secret, moment, scope, request)
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signed}"
