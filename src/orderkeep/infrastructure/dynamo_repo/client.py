"""The seam to the AWS client: operations by their names, JSON in and JSON out. Another client is another such file.

Clients are shared: one for each event loop, region and endpoint, closed with the last store that uses it or with its
loop. So the article's way, a repository for each request, costs no connection for each request.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from weakref import WeakSet

from orderkeep.infrastructure.aws import AwsHttp, JsonService, NoCredentials, RequestFailed, open_http
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.errors import EXPIRED, NO_CREDENTIALS, UNREACHABLE, DynamoError

Json = dict[str, Any]

VERSION = "DynamoDB_20120810"
CONTENT_TYPE = "application/x-amz-json-1.0"

_FAILED = {500: "InternalServerError", 503: "ServiceUnavailable"}


class DynamoClient:
    """DynamoDB at one endpoint."""

    def __init__(self, endpoint: Endpoint, http: AwsHttp) -> None:
        self._service = JsonService("dynamodb", endpoint, CONTENT_TYPE, http)

    async def call(self, operation: str, payload: Json) -> Json:
        """Ask once, and return the answer: whether to ask again is decided by who knows what is safe. Raises
        `DynamoError`.
        """
        body = json.dumps(payload, separators=(",", ":")).encode()
        try:
            response = await self._service.post(f"{VERSION}.{operation}", body)
            if response.status == HTTPStatus.OK:
                answer: Json = json.loads(response.body)
                return answer
        except RequestFailed as error:
            raise DynamoError(UNREACHABLE, type(error.inner).__name__) from error
        except ValueError as error:
            raise DynamoError(UNREACHABLE, type(error).__name__) from error
        except NoCredentials:
            raise DynamoError(NO_CREDENTIALS) from None
        refusal = _as_said(response.status, response.body)
        if refusal.code == EXPIRED:
            self._service.forget_key()
        raise refusal


@dataclass(eq=False)
class SharedClient:
    """A client, who uses it, and what was learned of its tables."""

    client: DynamoClient
    settings: dict[str, Any] = field(default_factory=dict)
    users: WeakSet[object] = field(default_factory=WeakSet)


_Key = tuple[asyncio.AbstractEventLoop, Endpoint]
_open: dict[_Key, tuple[SharedClient, AsyncGenerator[SharedClient]]] = {}


async def shared_client(endpoint: Endpoint, user: object) -> SharedClient:
    """Return the running loop's client, open until that user and all others let go of it, or the loop ends."""
    key = (asyncio.get_running_loop(), endpoint)
    if key not in _open:
        life = _until_let_go(key)
        _open[key] = await anext(life), life
    shared = _open[key][0]
    shared.users.add(user)
    return shared


async def let_go(endpoint: Endpoint, user: object) -> None:
    """Say that this user is done with the running loop's client."""
    key = (asyncio.get_running_loop(), endpoint)
    if key in _open:
        shared, life = _open[key]
        shared.users.discard(user)
        if not shared.users:
            await life.aclose()


async def _until_let_go(key: _Key) -> AsyncGenerator[SharedClient]:
    # A generator, because whoever ends a loop ends its generators first, and so closes what nobody let go of.
    http = open_http()
    try:
        yield SharedClient(DynamoClient(key[1], http))
    finally:
        del _open[key]
        await http.aclose()


def _as_said(status: int, body: bytes) -> DynamoError:
    if status in _FAILED:
        return DynamoError(_FAILED[status])
    try:
        said = json.loads(body)
        code = str(said["__type"]).rpartition("#")[2]
        reasons = [str(reason.get("Code")) for reason in said.get("CancellationReasons", ())]
        return DynamoError(code, str(said.get("message") or said.get("Message") or ""), reasons)
    except (ValueError, LookupError, TypeError, AttributeError):
        return DynamoError(UNREACHABLE, f"HTTP status {status}")  # it was not DynamoDB who answered
