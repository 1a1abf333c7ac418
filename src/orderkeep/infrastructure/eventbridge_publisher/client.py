"""The seam to EventBridge: one signed call, JSON in and JSON out, without Amazon's own client."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from orderkeep.infrastructure.aws_places import domain_of, located
from orderkeep.infrastructure.eventbridge_publisher.errors import EXPIRED, NO_CREDENTIALS, UNREACHABLE, PutFailed

try:
    from orderkeep.infrastructure.aws_http import RequestFailed, open_http
    from orderkeep.infrastructure.aws_http.json_service import JsonService, NoCredentials
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("EventBridge needs the extra aws: pip install 'orderkeep[aws]'") from error

Json = dict[str, Any]

TARGET = "AWSEvents.PutEvents"
CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the event bus is."""

    region: str
    url: str

    @classmethod
    def of(cls, region: str | None, endpoint: str | None) -> Self:
        """Return the place given; what is None is as the usual AWS variables say. Raises `ValueError`, and
        `StoreUnusable` where one of these is not what it must be.
        """
        region, endpoint = located("EVENTBRIDGE", region, endpoint)
        if not region:
            raise ValueError("the AWS region is not known: set AWS_REGION, or add ?region=… to the URL of the events")
        return cls(region, endpoint or f"https://events.{region}.{domain_of(region)}")


class EventBridgeClient:
    """EventBridge at one place. Connects when first used, and belongs to the event loop of that moment."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._service: JsonService | None = None

    async def put(self, entries: Sequence[Json]) -> list[PutFailed | None]:
        """Put the entries, once, and return for each None where it was taken, or why not. Raises `PutFailed`."""
        if self._service is None:
            self._service = JsonService("events", self._place.url, self._place.region, CONTENT_TYPE, open_http())
        body = json.dumps({"Entries": list(entries)}, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            response = await self._service.post(TARGET, body)
            return _result(response.status, response.body, len(entries))
        except RequestFailed as error:
            raise PutFailed(UNREACHABLE, type(error.inner).__name__) from error
        except NoCredentials:
            raise PutFailed(NO_CREDENTIALS) from None
        except PutFailed as error:
            if error.code == EXPIRED:
                self._service.forget_key()
            raise

    async def close(self) -> None:
        """Let go of the connections."""
        if self._service is not None:
            await self._service.http.aclose()


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
