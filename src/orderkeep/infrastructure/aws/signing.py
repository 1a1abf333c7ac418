"""AWS Signature Version 4, in the header of a request or in a link.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. Own code, because Amazon's `aws-sdk-signers` needs
Python 3.12 and the others are not maintained. Tested with Amazon's vectors and against botocore.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from urllib.parse import quote, urlsplit

from orderkeep.infrastructure.aws.config import Key

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_LINK_SECONDS = 604_800
"""S3 accepts links for up to a week."""


def authorization(headers: Mapping[str, str], body: bytes, *, key: Key, region: str, service: str) -> str:
    """Return the header `Authorization` of a `POST /` with these headers, which are all signed. They must include
    `Host` and `X-Amz-Date` (such as 20150830T123600Z).
    """
    values = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(values))
    lines = "".join(f"{name}:{values[name]}\n" for name in sorted(values))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    moment = values["x-amz-date"]
    scope = _scope(moment, region, service)
    signature = _signature(key, moment, scope, request)
    return f"{ALGORITHM} Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"


def signed_link(
    url: str, region: str, key: Key, seconds: int, now: datetime, headers: Sequence[tuple[str, str]]
) -> str:
    """Return a link to an object in S3 that is valid for that many seconds from `now` on. `headers` are those of the
    response, such as `("response-content-disposition", "attachment")`.
    """
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    scope = _scope(moment, region, "s3")
    parameters = [
        *headers,
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{key.id}/{scope}"),
        ("X-Amz-Date", moment),
        ("X-Amz-Expires", str(max(1, min(seconds, MAX_LINK_SECONDS)))),
        ("X-Amz-SignedHeaders", "host"),
    ]
    if key.token:
        parameters.append(("X-Amz-Security-Token", key.token))
    query = "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters))
    parts = urlsplit(url)
    request = "\n".join(("GET", parts.path, query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
    return f"{url}?{query}&X-Amz-Signature={_signature(key, moment, scope, request)}"


def _scope(moment: str, region: str, service: str) -> str:
    return f"{moment[:8]}/{region}/{service}/aws4_request"


def _signature(key: Key, moment: str, scope: str, request: str) -> str:
    """Return the signature of a request in Amazon's canonical form."""
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    return _hmac(reduce(_hmac, scope.split("/"), f"AWS4{key.secret}".encode()), to_sign).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
