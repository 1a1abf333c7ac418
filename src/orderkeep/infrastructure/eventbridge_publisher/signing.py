"""AWS Signature Version 4, of what is posted to `/`: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

Our own, because Amazon's `aws-sdk-signers` needs Python 3.12 and the others are not kept. Tested by Amazon's vectors.
"""

import hashlib
import hmac
from collections.abc import Mapping
from functools import reduce

ALGORITHM = "AWS4-HMAC-SHA256"


def authorization(
    headers: Mapping[str, str], body: bytes, *, key_id: str, secret: str, region: str, service: str
) -> str:
    """Return the header `Authorization` for a request with these headers: all are signed, `Host` and `X-Amz-Date`
    (such as 20150830T123600Z) must be among them.
    """
    said = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(said))
    lines = "".join(f"{name}:{said[name]}\n" for name in sorted(said))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{_sha256(body)}"
    moment = said["x-amz-date"]
    scope = (moment[:8], region, service, "aws4_request")
    to_sign = "\n".join((ALGORITHM, moment, "/".join(scope), _sha256(canonical.encode())))
    key = reduce(_hmac, scope, f"AWS4{secret}".encode())
    credential = f"{key_id}/{'/'.join(scope)}"
    return f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={_hmac(key, to_sign).hex()}"


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
