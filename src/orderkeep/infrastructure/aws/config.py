"""Region, endpoint and credentials of AWS services, from the usual AWS variables, for all adapters."""

import os
import re
from dataclasses import dataclass, field
from typing import Protocol, Self

from aiodynamo.http.types import HttpImplementation

from orderkeep.application.access.loopback import host_in, is_loopback
from orderkeep.domain.exceptions import StoreUnusable

REQUEST_SECONDS = 5.0
"""Time limit of a request, from connecting to the last byte. DynamoDB takes well below a second for the largest."""

CONNECT_SECONDS = 2.0

LOCAL_REGION = "us-east-1"
"""The region of a server on this machine, unless another is configured."""

_VARIABLES = {"dynamodb": "DYNAMODB", "events": "EVENTBRIDGE", "s3": "S3"}
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The region and the URL of a service."""

    region: str
    url: str

    @classmethod
    def of(cls, service: str, region: str | None, url: str | None) -> Self:
        """Return the endpoint of a service by its name in signatures, such as `dynamodb`; what is None comes from the
        environment. Raises `StoreUnusable` if the region is missing, or a value is malformed: clients accept malformed
        ones in ways of their own.
        """
        variable = f"AWS_ENDPOINT_URL_{_VARIABLES[service]}"
        url = url or os.environ.get(variable) or os.environ.get("AWS_ENDPOINT_URL")
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if url and host_in(url) is None:
            raise StoreUnusable(
                "the endpoint of AWS must be a URL such as https://s3.example.com:9000, without a password: "
                f"correct {variable} or AWS_ENDPOINT_URL"
            )
        if region and not _REGION.fullmatch(region):
            raise StoreUnusable("an AWS region has letters, digits and -, such as eu-central-1: correct AWS_REGION")
        region = region or (LOCAL_REGION if is_local(url) else None)
        if region is None:
            raise StoreUnusable("the AWS region is not known: set AWS_REGION, or add ?region=… to the URL")
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return cls(region, url or f"https://{service}.{region}.{domain}")


def is_local(url: str | None) -> bool:
    """Return whether the URL is on this machine, and so not a service of Amazon's."""
    return is_loopback(host_in(url or "") or "")


class Key(Protocol):
    """An access key: requests are signed with it."""

    @property
    def id(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Credentials(Protocol):
    """A source of access keys."""

    async def get_key(self, http: HttpImplementation) -> Key | None:
        """Return the current key, or None if the source has none."""
        ...

    def invalidate(self) -> bool:
        """Forget the key, which has expired; return whether the source can provide another."""
        ...


@dataclass(frozen=True, slots=True)
class StaticKey:
    """A key that does not change; it is its own source."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    async def get_key(self, http: HttpImplementation) -> Key:  # noqa: ARG002  # required by `Credentials`
        """Return the key."""
        return self

    def invalidate(self) -> bool:
        """Keep the key: there is no other."""
        return False


LOCAL_KEY = StaticKey("local", "local")
"""For a server on this machine, which accepts any key."""


def credentials_for(url: str) -> Credentials:
    """Return the source of keys for an endpoint: environment, files, the container's or machine's role. A local
    endpoint needs none.
    """
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        return StaticKey(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))
    if is_local(url) and not key_id:
        return LOCAL_KEY
    # Imported here, because its import takes 10 ms of a cold start, and on Lambda the environment has the keys.
    from aiodynamo.credentials import Credentials as AwsCredentials

    return AwsCredentials.auto()
