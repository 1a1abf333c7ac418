"""Document store on S3, or a service with the same API, through obstore."""

import asyncio
import io
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from aiodynamo.credentials import (
    ContainerMetadataCredentials,
    Credentials,
    EnvironmentCredentials,
    FileCredentials,
    InstanceMetadataCredentialsV2,
    TooManyRetries,
)
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError
from obstore.store import S3Store

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws import NO_CREDENTIALS, UNREACHABLE, RequestFailed, open_http
from orderkeep.infrastructure.aws.config import LOCAL_KEY, Endpoint, Key, is_local
from orderkeep.infrastructure.aws.signing import signed_link
from orderkeep.infrastructure.document_keys import checked

if TYPE_CHECKING:
    from obstore.store import S3Config  # which does not exist at run time

PART_BYTES = 8 << 20
"""A larger document is uploaded in parts, of which few are in memory at once."""

CONCURRENT_PARTS = 2
ATTEMPTS = 3
"""How often a document is put while another writer puts the same one."""

CONNECT_TIMEOUT = timedelta(seconds=2)
READ_TIMEOUT = timedelta(seconds=15)
TOTAL_TIMEOUT = timedelta(minutes=10)

RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=10)

KEY_SECONDS = 60
"""How long a key is used before it is looked up again. A role's keys change every few hours, and the new ones are
available minutes before the old ones expire.
"""

_TEXTS: dict[type[StoreUnavailable], dict[str, str]] = {
    StoreUnavailable: {
        "S3 cannot be reached: try again, or check the network and the endpoint": UNREACHABLE,
        "these AWS credentials have expired: renew them": "ExpiredToken TokenRefreshRequired",
        "the document was damaged on its way to S3, which rejected it: try again": (
            "BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch IncompleteBody"
        ),
        "the bucket is full: free some space, and try again": "QuotaExceeded XMinioStorageFull",
        "S3 limits the rate of this bucket: try again": "SlowDown ThrottlingException",
        "S3 is unavailable: try again": "InternalError ServiceUnavailable RequestTimeout OperationAborted",
        "another writer puts the same document: try again": "ConditionalRequestConflict",
    },
    StoreUnusable: {
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or assign a role": (
            NO_CREDENTIALS
        ),
        "there is no such bucket: create it, or name another in ORDERKEEP_DOCUMENTS": "NoSuchBucket",
        "this is not a valid name of a bucket: correct ORDERKEEP_DOCUMENTS": "InvalidBucketName",
        "these AWS credentials may not do this, or the document is gone: allow what the page on documents lists": (
            "AccessDenied"
        ),
        "the bucket is disabled: check it in the AWS account": "AllAccessDisabled",
        "S3 does not accept these AWS credentials: use others": (
            "InvalidAccessKeyId SignatureDoesNotMatch InvalidToken InvalidSecurity"
        ),
        "this machine's clock is wrong by more than 15 minutes: set it": "RequestTimeTooSkewed",
        "the bucket is in another region: add ?region=… to the URL of the documents": (
            "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException"
        ),
        "the service at this endpoint lacks what is needed (If-None-Match, SHA-256): use one that has it": (
            "NotImplemented"
        ),
    },
}
ERRORS = {
    code: (kind, text) for kind, texts in _TEXTS.items() for text, codes in texts.items() for code in codes.split()
}
"""By S3's error code: what is raised, and what to do."""

_SOURCES: tuple[type[Credentials], ...] = (EnvironmentCredentials, FileCredentials)
_ROLES: tuple[type[Credentials], ...] = (ContainerMetadataCredentials, InstanceMetadataCredentialsV2)
_LOOKUP_FAILURES = (RequestFailed, TooManyRetries, OSError, TimeoutError, ValueError, KeyError)


class S3DocumentStore(DocumentStore):
    """Stores documents in an existing bucket, below a prefix. Region and endpoint default to the usual AWS variables.
    Raises `StoreUnusable` if they are invalid.
    """

    def __init__(
        self, bucket: str, prefix: str = "", *, region: str | None = None, endpoint: str | None = None
    ) -> None:
        found = Endpoint.of("s3", region, endpoint)
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._region, self._url = found.region, found.url.rstrip("/")
        self._key: tuple[float, Key | None] | None = None
        self._client: tuple[Key | None, S3Store] | None = None

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        path = self._path(key)
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        async with self._open_client() as client:
            start = await asyncio.to_thread(_start_of, file)
            if len(start) <= PART_BYTES:
                await _create(client, path, start, media_type)
            elif not await _exists(client, path):
                # obstore sends no If-None-Match with parts: two writers write the same content twice.
                await client.put_async(
                    path,
                    chain([start], iter(partial(file.read, 1 << 20), b"")),
                    attributes={"Content-Type": media_type},
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=CONCURRENT_PARTS,
                )

    async def get(self, key: str) -> bytes | None:
        path = self._path(key)
        async with self._open_client() as client:
            try:
                found = await client.get_async(path)
            except FileNotFoundError as error:
                if _code_of(error) == "NoSuchKey":
                    return None
                raise
            return bytes(await found.bytes_async())

    async def delete(self, key: str) -> None:
        path = self._path(key)
        async with self._open_client() as client:
            with suppress(FileNotFoundError):
                await client.delete_async(path)

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        path = self._path(key)
        access_key = await self._current_key()
        if access_key is None:
            return None
        url = f"{self._url}/{self._bucket}/{quote(path)}"
        headers = [("response-content-disposition", disposition(file_name))]
        return signed_link(url, self._region, access_key, seconds, datetime.now(UTC), headers)

    async def close(self) -> None:
        self._client = self._key = None

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{checked(key)}".removeprefix("/")

    @asynccontextmanager
    async def _open_client(self) -> AsyncIterator[S3Store]:
        key = await self._current_key()
        try:
            if self._client is None or self._client[0] != key:
                self._client = key, self._client_with(key)
            yield self._client[1]
        except (BaseError, FileNotFoundError) as error:
            raise _translated(error) from error
        except OSError as error:
            raise StoreUnavailable(f"the file of the document cannot be read: {error.strerror}") from error

    def _client_with(self, key: Key | None) -> S3Store:
        """Return a client. Without a key it authenticates itself with the web identity of a Kubernetes pod."""
        config: S3Config = {} if key is None else {"access_key_id": key.id, "secret_access_key": key.secret}
        if key is not None and key.token:
            config["session_token"] = key.token
        return S3Store(
            self._bucket,
            config=config,
            client_options={
                "allow_http": self._url.startswith("http://"),
                "connect_timeout": CONNECT_TIMEOUT,
                "read_timeout": READ_TIMEOUT,
                "timeout": TOTAL_TIMEOUT,
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
            region=self._region,
            endpoint=self._url,
            virtual_hosted_style_request=False,
            checksum_algorithm="SHA256",
            disable_bulk_delete=True,  # few other services implement it
        )

    async def _current_key(self) -> Key | None:
        """Return the key from the environment, files, or the container's or machine's role; None if a web identity is
        configured. A local server accepts any key. Raises `StoreUnusable` if there are no credentials.
        """
        now = time.monotonic()
        if self._key is None or now - self._key[0] > KEY_SECONDS:
            self._key = now, await _find_key(self._url)
        return self._key[1]


def disposition(file_name: str) -> str:
    """Return the `Content-Disposition` (RFC 6266) of a file to be saved under that name."""
    plain = re.sub(r"[^ !#-\[\]-~]|[%/]", "_", file_name)
    if plain == file_name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


async def _find_key(url: str) -> Key | None:
    web_identity = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    sources = _SOURCES if web_identity or is_local(url) else (*_SOURCES, *_ROLES)
    async with aclosing(open_http()) as http:
        for source in sources:
            with suppress(*_LOOKUP_FAILURES):
                if key := await source().get_key(http):
                    return key
    if web_identity:
        return None
    if is_local(url):
        return LOCAL_KEY
    kind, message = ERRORS[NO_CREDENTIALS]
    raise kind(message)


def _start_of(file: IO[bytes]) -> bytes:
    """Return the whole file if it fits into one part, and otherwise a little more than a part."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) <= PART_BYTES and (piece := file.read(PART_BYTES + 1)):  # a read may return less
        pieces.append(piece)
    return b"".join(pieces)


async def _create(client: S3Store, path: str, content: bytes, media_type: str) -> None:
    """Put a document unless it exists: S3 decides, so that one of several writers succeeds (`If-None-Match: *`)."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await client.put_async(
                path, content, mode="create", attributes={"Content-Type": media_type}, use_multipart=False
            )
        except AlreadyExistsError as error:
            # obstore raises this also for 409, when S3 could not decide and stored nothing.
            if _status_of(error) != "409":
                return
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(0.05 * attempt)
        else:
            return


async def _exists(client: S3Store, path: str) -> bool:
    try:
        await client.head_async(path)
    except (FileNotFoundError, PermissionDeniedError):  # without s3:ListBucket, S3 responds 403 for a missing object
        return False
    return True


def _translated(error: Exception) -> StoreUnavailable:
    code, status = _code_of(error), _status_of(error)
    if code in ERRORS:
        kind, message = ERRORS[code]
    elif code.startswith("KMS."):
        kind, message = StoreUnusable, "the bucket's encryption key cannot be used: allow it to these credentials"
    elif status.startswith("4"):
        kind, message = StoreUnusable, f"the service at this endpoint does not respond as S3 does: status {status}"
    else:
        kind, message = StoreUnavailable, "S3 could not do it: try again"
    return kind(f"{message} ({code})" if code else message)


def _code_of(error: Exception) -> str:
    """Return S3's error code from an exception of obstore's: `UNREACHABLE` without a response, "" without a code."""
    text = str(error)
    if found := re.search(r"<Code>([A-Za-z0-9.]+)</Code>", text):
        return found[1]
    if "incorrectly configured region" in text:
        return "PermanentRedirect"
    return "" if _status_of(error) else UNREACHABLE


def _status_of(error: Exception) -> str:
    found = re.search(r"status code: ([0-9]+)", str(error))
    return found[1] if found else ""
