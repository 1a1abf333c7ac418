"""Links that anyone can read a file at for some minutes: AWS Signature Version 4 in a URL.

obstore signs links too, but not what the file is to be called when it is saved.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from aiodynamo.credentials import Key

LONGEST = 604_800
"""Seconds: S3 takes no link for more than a week."""


def signed_link(url: str, region: str, key: Key, seconds: int, now: datetime, answer: Sequence[tuple[str, str]]) -> str:
    """Return the URL with a signature that holds for so many seconds from `now` on. `answer` has the headers that S3
    is to answer with, such as `("response-content-disposition", "attachment")`.
    """
    at, scope = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}/{region}/s3/aws4_request"
    asked = [
        *answer,
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{key.id}/{scope}"),
        ("X-Amz-Date", at),
        ("X-Amz-Expires", str(max(1, min(seconds, LONGEST)))),
        ("X-Amz-SignedHeaders", "host"),
    ]
    if key.token:
        asked.append(("X-Amz-Security-Token", key.token))
    query = "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in asked))
    parts = urlsplit(url)
    request = "\n".join(("GET", parts.path, query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", at, scope, hashlib.sha256(request.encode()).hexdigest()))
    secret = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        secret = _hmac(secret, part)
    return f"{url}?{query}&X-Amz-Signature={_hmac(secret, to_sign).hex()}"


def disposition(file_name: str) -> str:
    """Return the `Content-Disposition` (RFC 6266) of a file that is to be saved under that name."""
    plain = re.sub(r"[^ !#-\[\]-~]|[%/]", "_", file_name)
    if plain == file_name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _hmac(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()
