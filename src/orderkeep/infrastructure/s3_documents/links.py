"""Links that anyone can read a file at for some minutes: AWS Signature Version 4 in a URL.

obstore signs links too, but not what the file is to be called when it is saved.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from orderkeep.infrastructure.aws_places import Key
from orderkeep.infrastructure.aws_signatures import ALGORITHM, scope_of, signature

LONGEST = 604_800
"""Seconds: S3 takes no link for more than a week."""


def signed_link(url: str, region: str, key: Key, seconds: int, now: datetime, answer: Sequence[tuple[str, str]]) -> str:
    """Return the URL with a signature that holds for so many seconds from `now` on. `answer` has the headers that S3
    is to answer with, such as `("response-content-disposition", "attachment")`.
    """
    at = f"{now:%Y%m%dT%H%M%SZ}"
    scope = scope_of(at, region, "s3")
    asked = [
        *answer,
        ("X-Amz-Algorithm", ALGORITHM),
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
    return f"{url}?{query}&X-Amz-Signature={signature(key.secret, at, scope, request)}"


def disposition(file_name: str) -> str:
    """Return the `Content-Disposition` (RFC 6266) of a file that is to be saved under that name."""
    plain = re.sub(r"[^ !#-\[\]-~]|[%/]", "_", file_name)
    if plain == file_name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
