"""HTTP client for AWS services, shared by all adapters: a request is sent once, and its response is returned whole.

Retries are the adapters' decision. A transport is what `aiodynamo` calls an HTTP implementation, so that credentials
are fetched over the same connections. Needs the extra `aws`.
"""

import asyncio
import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

try:
    from aiodynamo.http.types import Request as Request
    from aiodynamo.http.types import RequestFailed as RequestFailed
    from aiodynamo.http.types import Response as Response
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("AWS needs packages that are not installed: pip install 'orderkeep[aws]'") from error

from orderkeep.infrastructure.aws.config import Credentials, Endpoint, Key, credentials_for
from orderkeep.infrastructure.aws.signing import authorization

Json = dict[str, Any]

UNREACHABLE = "Unreachable"
NO_CREDENTIALS = "NoCredentials"
"""Error codes of our own: without a response from the service, and without an access key in any of the usual places."""

EXPIRED = "ExpiredTokenException"

_FAILED = {500: "InternalServerError", 503: "ServiceUnavailable"}
_decode = msgspec.json.Decoder(Json).decode


class AwsHttp(Protocol):
    """Sends requests over persistent connections. Belongs to the event loop that it was opened in."""

    async def __call__(self, request: Request) -> Response:
        """Send the request once, follow no redirect, and return the response. Raises `RequestFailed` without one: the
        request may have had its effect all the same.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


def open_http() -> AwsHttp:
    """Open the transport for this process: urllib3 in threads on Lambda, which has one request at a time and waits for
    each import; aiohttp everywhere else. Call it in the loop that will use it.
    """
    # Imported here, because aiohttp takes a tenth of a second of a cold start, and urllib3 is not used elsewhere.
    if os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        from orderkeep.infrastructure.aws.urllib3_transport import Urllib3Transport

        return Urllib3Transport()
    from orderkeep.infrastructure.aws.aiohttp_transport import AiohttpTransport

    return AiohttpTransport()


async def back_off(attempt: int, first: float, longest: float = inf) -> None:
    """Wait before another attempt, up to twice as long each time, and not at all before the first (0)."""
    if attempt:
        await asyncio.sleep(random.uniform(0, min(first * 2**attempt, longest)))  # noqa: S311


class AwsError(Exception):
    """A failed call: AWS's error code, or one of our own, and the response, empty if it is not AWS's."""

    def __init__(self, code: str, message: str = "", response: Json | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.response = code, message, response or {}


@dataclass(slots=True)
class JsonService:
    """A service with a JSON protocol, such as DynamoDB or EventBridge. `name` is its name in signatures, `media_type`
    its version of JSON. Credentials are looked up with the first request: with SnapStart, a container gets its keys
    after the import.
    """

    name: str
    endpoint: Endpoint
    media_type: str
    http: AwsHttp
    _credentials: Credentials | None = field(default=None, init=False)

    async def call(self, target: str, payload: Json) -> Json:
        """Call an operation, such as `DynamoDB_20120810.GetItem`, once, and return the response. Raises `AwsError`."""
        body = msgspec.json.encode(payload)
        try:
            response = await self._post(target, body)
            if response.status == 200:
                return _decode(response.body)
        except RequestFailed as error:
            raise AwsError(UNREACHABLE, type(error.inner).__name__) from error
        except ValueError as error:
            raise AwsError(UNREACHABLE, type(error).__name__) from error
        raise self._failure(response)  # not from a variable: that would be a reference cycle with the request's body

    def _failure(self, response: Response) -> AwsError:
        failure = _error_of(response)
        if failure.code == EXPIRED and self._credentials is not None:
            self._credentials.invalidate()
        return failure

    async def _post(self, target: str, body: bytes) -> Response:
        key = await self._key()
        parts = urlsplit(self.endpoint.url)
        headers = {
            "Content-Type": self.media_type,
            "Host": parts.netloc,
            "X-Amz-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
            "X-Amz-Target": target,
        }
        if key.token:
            headers["X-Amz-Security-Token"] = key.token
        signed = authorization(headers, body, key=key, region=self.endpoint.region, service=self.name)
        url = f"{parts.scheme}://{parts.netloc}/"
        return await self.http(Request("POST", url, headers | {"Authorization": signed}, body))

    async def _key(self) -> Key:
        if self._credentials is None:
            self._credentials = credentials_for(self.endpoint.url)
        try:
            key = await self._credentials.get_key(self.http)
        except Exception as error:  # each source of keys fails in its own way
            raise RequestFailed(error) from error
        if key is None:
            raise AwsError(NO_CREDENTIALS)
        return key


def _error_of(response: Response) -> AwsError:
    if response.status in _FAILED:
        return AwsError(_FAILED[response.status])
    try:
        found = _decode(response.body)
    except ValueError:
        found = {}
    code = found.get("__type")
    if isinstance(code, str):
        return AwsError(code.rpartition("#")[2], str(found.get("message") or found.get("Message") or ""), found)
    if response.status == 429:
        return AwsError("ThrottlingException")
    return AwsError(UNREACHABLE, f"HTTP status {response.status}")  # a proxy's response, not AWS's
