"""A proxy in front of DynamoDB: it records requests, and loses, alters or rejects them as a test decides."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from aiohttp import web

from tests.servers import web_app

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A request, and DynamoDB's response."""

    operation: str
    payload: Json
    status: int
    response: Json


class ResponseLost(Exception):
    """Raised by a rule: the connection breaks without a response."""


@dataclass(frozen=True)
class Reject(Exception):
    """Raised by a rule: the response is this error."""

    code: str
    status: int = 400
    reasons: tuple[str, ...] = ()


Before = Callable[[str, Json], None]
After = Callable[[Exchange], Json]


@dataclass
class DynamoProxy:
    """`before` receives each request and may reject it by raising; `after` receives each exchange and returns
    the response to send, or raises.
    """

    upstream: str
    region: str
    before: Before = field(default=lambda operation, payload: None)
    after: After = field(default=lambda exchange: exchange.response)
    exchanges: list[Exchange] = field(default_factory=list)

    def url_of(self, table: str) -> str:
        return f"dynamodb://{table}?region={self.region}&endpoint={quote(self.endpoint, safe=':/')}"

    def operations(self) -> list[str]:
        return [exchange.operation for exchange in self.exchanges]

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._runner, self.endpoint = await web_app.start(self._respond, 64 * 2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        payload = await request.json()
        try:
            self.before(operation, payload)
            exchange = await asyncio.shield(self._forward(operation, payload, request))
            return _json(exchange.status, self.after(exchange))
        except Reject as rejected:
            reasons = [{"Code": reason, "Message": "as DynamoDB says it"} for reason in rejected.reasons]
            body = {"__type": f"com.amazonaws.dynamodb.v20120810#{rejected.code}", "message": "as DynamoDB says it"}
            return _json(rejected.status, body | ({"CancellationReasons": reasons} if reasons else {}))
        except ResponseLost:
            if request.transport is not None:
                request.transport.abort()
            return _json(500, {})

    async def _forward(self, operation: str, payload: Json, request: web.Request) -> Exchange:
        headers = {name: request.headers[name] for name in ("X-Amz-Target", "X-Amz-Date", "Authorization")}
        headers["Content-Type"] = "application/x-amz-json-1.0"
        body = json.dumps(payload).encode()
        async with self._session.post(self.upstream, data=body, headers=headers) as response:
            exchange = Exchange(operation, payload, response.status, json.loads(await response.read()))
        self.exchanges.append(exchange)
        return exchange


def _json(status: int, body: Json) -> web.Response:
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/x-amz-json-1.0")
