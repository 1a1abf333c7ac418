"""Where a service of AWS is, and with which keys it is asked: as the usual AWS variables say, for every adapter alike.

Needs the extra aws, which whoever imports it has looked for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from orderkeep.application.access.loopback import is_loopback
from orderkeep.domain.exceptions import StoreUnusable

if TYPE_CHECKING:
    from aiodynamo.http.types import HttpImplementation

_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")

LOCAL_REGION = "us-east-1"
"""Of a server on this machine, where nobody says another."""


def located(service: str, region: str | None, endpoint: str | None) -> tuple[str, str | None]:
    """Return region and endpoint of a service, such as "DYNAMODB": what is None is as the environment says. The region
    is "" where nobody says it and the endpoint is not on this machine. Raises `StoreUnusable` where one of them is not
    what it must be, which clients take in ways of their own.
    """
    endpoint = endpoint or os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL")
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint and not _is_url(endpoint):
        raise StoreUnusable(
            "the endpoint of AWS must be a URL such as https://s3.example.com:9000, without a password: "
            f"set AWS_ENDPOINT_URL_{service} or AWS_ENDPOINT_URL anew"
        )
    if region and not _REGION.fullmatch(region):
        raise StoreUnusable("the AWS region must be letters, digits and -, such as eu-central-1: set AWS_REGION anew")
    return region or (LOCAL_REGION if is_here(endpoint) else ""), endpoint


def _is_url(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:  # the port, or half an IPv6 address
        return False


def is_here(endpoint: str | None) -> bool:
    """Tell whether the endpoint is on this machine, and so is no service of Amazon's."""
    try:
        return is_loopback(urlsplit(endpoint or "").hostname or "")
    except ValueError:
        return False


class Key(Protocol):
    """What requests are signed with."""

    @property
    def id(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Credentials(Protocol):
    """Where keys come from."""

    async def get_key(self, http: HttpImplementation) -> Key | None:
        """Return the key that holds now, or None where there is none."""
        ...

    def invalidate(self) -> bool:
        """Forget the key, which has expired; tell whether another can be had."""
        ...


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A key that stands somewhere as it is; it is its own source."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    async def get_key(self, http: HttpImplementation) -> Key:  # noqa: ARG002  # as of all sources
        """Return itself."""
        return self

    def invalidate(self) -> bool:
        """Keep it: there is no other."""
        return False


LOCAL_KEY = GivenKey("local", "local")
"""For a server on this machine, which takes any."""


def credentials_at(endpoint: str | None) -> Credentials:
    """Return where the keys come from: environment, files, the container's or machine's role. Where the endpoint is on
    this machine and the environment has none, any will do.
    """
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:  # as on Lambda, which need not import what knows all the other places
        return GivenKey(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))
    if is_here(endpoint) and not key_id:
        return LOCAL_KEY
    from aiodynamo.credentials import Credentials as Found

    return Found.auto()


def domain_of(region: str) -> str:
    """Return the domain that the region's services are in."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
