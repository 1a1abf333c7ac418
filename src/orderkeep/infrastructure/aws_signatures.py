"""AWS Signature Version 4, the part that all requests share:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

Our own, because Amazon's `aws-sdk-signers` needs Python 3.12 and the others are not kept. Tested by Amazon's vectors.
"""

import hashlib
import hmac
from functools import reduce

ALGORITHM = "AWS4-HMAC-SHA256"


def scope_of(moment: str, region: str, service: str) -> str:
    """Return what a signature is good for, as its credential names it; `moment` is such as 20150830T123600Z."""
    return f"{moment[:8]}/{region}/{service}/aws4_request"


def signature(secret: str, moment: str, scope: str, request: str) -> str:
    """Return the signature of a request that is written in Amazon's canonical form."""
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = reduce(_hmac, scope.split("/"), f"AWS4{secret}".encode())
    return _hmac(key, to_sign).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
