"""Where the bucket is, and whose keys open it."""

from __future__ import annotations

import os
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from aiodynamo.credentials import (
    ContainerMetadataCredentials,
    Credentials,
    EnvironmentCredentials,
    FileCredentials,
    InstanceMetadataCredentialsV2,
    TooManyRetries,
)
from obstore.store import S3Store

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.aws_http import AwsHttp, RequestFailed, open_http
from orderkeep.infrastructure.aws_places import LOCAL_KEY, Key, is_here, located
from orderkeep.infrastructure.s3_documents.errors import NO_CREDENTIALS, of_our_own

if TYPE_CHECKING:
    from obstore.store import S3Config

CONNECT = timedelta(seconds=2)
SILENCE = timedelta(seconds=15)
WHOLE = timedelta(minutes=10)
"""How long a connection, a silent server, and a transfer that gets on may take."""

TRIES_AGAIN = 2
TRIES_AGAIN_FOR = timedelta(seconds=10)

SECONDS_TO_KEEP_KEYS = 60
"""A role's keys change every few hours, and the new ones are there minutes before the old ones end."""

_SOURCES: tuple[type[Credentials], ...] = (EnvironmentCredentials, FileCredentials)
_ROLES: tuple[type[Credentials], ...] = (ContainerMetadataCredentials, InstanceMetadataCredentialsV2)
_NOT_TO_BE_HAD = (RequestFailed, TooManyRetries, OSError, TimeoutError, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and the endpoint and region that it is reached at."""

    bucket: str
    region: str
    endpoint: str

    @classmethod
    def of(cls, bucket: str, region: str | None, endpoint: str | None) -> Self:
        """Return the place given; what is None is as the usual AWS variables say."""
        region, endpoint = located("S3", region, endpoint)
        if not region:
            raise StoreUnusable(
                "the AWS region is not known: set AWS_REGION, or add ?region=… to the URL of the documents"
            )
        return cls(bucket, region, (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"))

    def open(self, key: Key | None) -> S3Store:
        """Return a client. Without a key it finds one itself, by the web identity that a Kubernetes pod has."""
        given: S3Config = {} if key is None else {"access_key_id": key.id, "secret_access_key": key.secret}
        if key is not None and key.token:
            given["session_token"] = key.token
        return S3Store(
            self.bucket,
            config=given,
            client_options={
                "allow_http": self.endpoint.startswith("http://"),
                "connect_timeout": CONNECT,
                "read_timeout": SILENCE,
                "timeout": WHOLE,
            },
            retry_config={"max_retries": TRIES_AGAIN, "retry_timeout": TRIES_AGAIN_FOR},
            region=self.region,
            endpoint=self.endpoint,
            virtual_hosted_style_request=False,
            checksum_algorithm="SHA256",
        )

    async def find_key(self) -> Key | None:
        """Return the key from the usual places: environment, files, the container's or machine's role; None where a
        web identity is to be used. A server on this machine takes any. Raises `StoreUnusable` where there is none.
        """
        async with aclosing(open_http()) as http:
            if key := await _first(_SOURCES, http):
                return key
            if os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
                return None
            if is_here(self.endpoint):
                return LOCAL_KEY
            if key := await _first(_ROLES, http):
                return key
        raise of_our_own(NO_CREDENTIALS)


class Keys:
    """The key to a place, looked for anew every minute."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._found: tuple[float, Key | None] | None = None

    async def current(self) -> Key | None:
        """Return the key, as `Place.find_key` does."""
        now = time.monotonic()
        if self._found is None or now - self._found[0] > SECONDS_TO_KEEP_KEYS:
            self._found = now, await self._place.find_key()
        return self._found[1]


async def _first(sources: tuple[type[Credentials], ...], http: AwsHttp) -> Key | None:
    for source in sources:
        try:
            if key := await source().get_key(http):
                return key
        except _NOT_TO_BE_HAD:
            continue
    return None
