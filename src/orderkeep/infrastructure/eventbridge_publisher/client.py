"""The seam to EventBridge: one signed call, JSON in and JSON out, on aiohttp, without Amazon's own client."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from orderkeep.infrastructure.aws_places import credentials_at, located
from orderkeep.infrastructure.eventbridge_publisher.errors import EXPIRED, NO_CREDENTIALS, UNREACHABLE, PutFailed
from orderkeep.infrastructure.eventbridge_publisher.signing import authorization

try:
    import aiohttp
    from aiodynamo.credentials import Credentials, Key, TooManyRetries
    from aiodynamo.http.aiohttp import AIOHTTP
    from aiodynamo.http.types import RequestFailed
    from yarl import URL
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("EventBridge needs the extra aws: pip install 'orderkeep[aws]'") from error

Json = dict[str, Any]

TIMEOUT = aiohttp.ClientTimeout(total=5, sock_connect=2)
"""Of one call."""

TARGET = "AWSEvents.PutEvents"
CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the event bus is."""

    region: str
    url: URL

    @classmethod
    def of(cls, region: str | None, endpoint: str | None) -> Self:
        """Return the place given; what is None is as the usual AWS variables say. Raises `ValueError`, and
        `StoreUnusable` where one of these is not what it must be.
        """
        region, endpoint = located("EVENTBRIDGE", region, endpoint)
        if not region:
            raise ValueError("the AWS region is not known: set AWS_REGION, or add ?region=… to the URL of the events")
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return cls(region, URL(endpoint or f"https://events.{region}.{domain}").with_path("/"))

    def credentials(self) -> Credentials:
        """Return where the keys come from: the usual places, or any where the endpoint is on this machine."""
        return credentials_at(str(self.url))


class EventBridgeClient:
    """EventBridge at one place. Connects when first used, and belongs to the event loop of that moment."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._credentials: Credentials | None = None
        self._session: aiohttp.ClientSession | None = None

    async def put(self, entries: Sequence[Json]) -> list[PutFailed | None]:
        """Put the entries, once, and return for each None where it was taken, or why not. Raises `PutFailed`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        body = json.dumps({"Entries": list(entries)}, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            headers = self._signed(await self._key(self._session), body)
            request = self._session.post(self._place.url, data=body, headers=headers, allow_redirects=False)
            async with request as response:
                return _result(response.status, await response.read(), len(entries))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PutFailed(UNREACHABLE, type(error).__name__) from error
        except PutFailed as error:
            if error.code == EXPIRED and self._credentials is not None:
                self._credentials.invalidate()
            raise

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _key(self, session: aiohttp.ClientSession) -> Key:
        if self._credentials is None:  # not before: with SnapStart, a container's keys come after its import
            self._credentials = self._place.credentials()
        try:
            key = await self._credentials.get_key(AIOHTTP(session))
        except (RequestFailed, TooManyRetries) as error:
            raise PutFailed(UNREACHABLE, "whoever gives the credentials does not answer") from error
        if key is None:
            raise PutFailed(NO_CREDENTIALS)
        return key

    def _signed(self, key: Key, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Host": self._place.url.host_port_subcomponent or "",
            "X-Amz-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
            "X-Amz-Target": TARGET,
        }
        if key.token:
            headers["X-Amz-Security-Token"] = key.token
        region = self._place.region
        signed = authorization(headers, body, key_id=key.id, secret=key.secret, region=region, service="events")
        return {**headers, "Authorization": signed}


def _result(status: int, body: bytes, count: int) -> list[PutFailed | None]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if status != 200 or not isinstance(said, dict):
        raise _refusal(status, said if isinstance(said, dict) else {})
    results = [_entry_result(entry) for entry in said.get("Entries") or ()]
    # 200 says that the call was understood; whether its events were taken stands in here, twice.
    if len(results) != count or sum(map(bool, results)) != said.get("FailedEntryCount", 0):
        raise PutFailed("InternalException", "the answer does not say which events were taken")
    return results


def _entry_result(entry: Json) -> PutFailed | None:
    code = entry.get("ErrorCode")
    if not code and entry.get("EventId"):
        return None
    return PutFailed(str(code or "InternalException"), str(entry.get("ErrorMessage") or ""))


def _refusal(status: int, said: Json) -> PutFailed:
    code = str(said.get("__type") or "").rpartition("#")[2]
    if not code:
        code = "ThrottlingException" if status == 429 else "InternalException" if status >= 500 else f"HTTP {status}"
    elif status >= 500:
        code = "InternalException"
    return PutFailed(code, str(said.get("message") or said.get("Message") or ""))
