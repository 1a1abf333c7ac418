"""Where a service of AWS is, and with which keys it is asked: as the usual AWS variables say, for every adapter alike.

Needs the extra aws, which whoever imports it has looked for.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orderkeep.domain.exceptions import StoreUnusable

if TYPE_CHECKING:
    from aiodynamo.credentials import Credentials, Key

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
        host = urlsplit(endpoint or "").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def local_key() -> Key:
    """Return a key for a server on this machine, which takes any."""
    from aiodynamo.credentials import Key

    return Key("local", "local")


def credentials_at(endpoint: str | None) -> Credentials:
    """Return where the keys come from: environment, files, the container's or machine's role. Where the endpoint is on
    this machine and the environment has none, any will do.
    """
    from aiodynamo.credentials import Credentials, StaticCredentials

    if is_here(endpoint) and not os.environ.get("AWS_ACCESS_KEY_ID"):
        return StaticCredentials(local_key())
    return Credentials.auto()
