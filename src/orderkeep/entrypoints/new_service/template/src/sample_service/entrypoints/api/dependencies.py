"""What routes get from the request besides their path, query and body. The only module that uses `Depends`."""

import re
from typing import Annotated, cast

from fastapi import Depends, Header, HTTPException, Request

from sample_service.bootstrap import UseCases
from sample_service.entrypoints.api.problems import InvalidHeader

_ETAG = re.compile(r'"([0-9]{1,15})"')


def _use_cases(request: Request) -> UseCases:
    return cast("UseCases", request.app.state.use_cases)


def _expected_version(
    if_match: Annotated[str | None, Header(description="ETag that the sample item must have, or *.")] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidHeader("If-Match", 'must be one ETag, such as "3", or *')
    return int(found[1])


async def _check_site(request: Request) -> None:
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:  # browsers send it over HTTPS and to localhost only, programs send neither
        is_own = origin is None or origin.partition("://")[2] == headers.get("host")
    else:
        is_own = site in ("same-origin", "none")
    if not is_own and request.method not in ("GET", "HEAD"):
        raise HTTPException(403, "a page of another site sent this request: only pages of this service may change data")


OWN_SITE = Depends(_check_site)
"""Rejects changes that a browser sends from a page of another site (CSRF). The service has no authentication, so any
page could otherwise make them, also on localhost.
"""

UseCasesOfApp = Annotated[UseCases, Depends(_use_cases)]
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes the request safe to retry: requests with the same key have one effect and one result.",
    ),
]
