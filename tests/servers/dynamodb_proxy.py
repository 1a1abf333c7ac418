"""A proxy before DynamoDB that notes what is asked, and loses, delays or alters answers as a test says."""

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
class Asked:
    """One request, and what DynamoDB answered it."""

    operation: str
    payload: Json
    status: int
    answer: Json


class AnswerLost(Exception):
    """Raised by a rule: the connection breaks, and nobody is told."""


@dataclass(frozen=True)
class Refuse(Exception):
    """Raised by a rule: DynamoDB answers with this error."""

    code: str
    status: int = 400
    reasons: tuple[str, ...] = ()


Before = Callable[[str, Json], None]
After = Callable[[Asked], Json]


@dataclass
class DynamoProxy:
    """`before` sees each request and may raise, and then DynamoDB never gets it; `after` sees each answer and returns
    the one to give, or raises.
    """

    upstream: str
    region: str
    before: Before = field(default=lambda operation, payload: None)
    after: After = field(default=lambda asked: asked.answer)
    asked: list[Asked] = field(default_factory=list)

    def url_of(self, table: str) -> str:
        return f"dynamodb://{table}?region={self.region}&endpoint={quote(self.endpoint, safe=':/')}"

    def operations(self) -> list[str]:
        return [asked.operation for asked in self.asked]

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._runner, self.endpoint = await web_app.start(self._answer, 64 * 2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        payload = await request.json()
        try:
            self.before(operation, payload)
            asked = await asyncio.shield(self._forward(operation, payload, request))
            return _json(asked.status, self.after(asked))
        except Refuse as refused:
            reasons = [{"Code": reason, "Message": "as DynamoDB says it"} for reason in refused.reasons]
            body = {"__type": f"com.amazonaws.dynamodb.v20120810#{refused.code}", "message": "as DynamoDB says it"}
            return _json(refused.status, body | ({"CancellationReasons": reasons} if reasons else {}))
        except AnswerLost:
            if request.transport is not None:
                request.transport.abort()
            return _json(500, {})

    async def _forward(self, operation: str, payload: Json, request: web.Request) -> Asked:
        headers = {name: request.headers[name] for name in ("X-Amz-Target", "X-Amz-Date", "Authorization")}
        headers["Content-Type"] = "application/x-amz-json-1.0"
        body = json.dumps(payload).encode()
        async with self._session.post(self.upstream, data=body, headers=headers) as response:
            asked = Asked(operation, payload, response.status, json.loads(await response.read()))
        self.asked.append(asked)
        return asked


def _json(status: int, body: Json) -> web.Response:
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/x-amz-json-1.0")
