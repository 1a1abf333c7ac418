"""An EventBridge that a test has in hand: it notes each call, takes its entries, or fails as the test says."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from tests.servers import web_app

Json = dict[str, Any]

REGION = "eu-central-1"
BUS = "orders-bus"


@dataclass(frozen=True)
class Call:
    """One call: its headers, and its entries with their details read."""

    headers: dict[str, str]
    body: bytes
    entries: list[Json]

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.events]

    @property
    def events(self) -> list[Json]:
        return [json.loads(entry["Detail"]) for entry in self.entries]


@dataclass(frozen=True)
class Answer:
    """What a rule gives instead of taking all: a status and a body; `refused` has the entries' codes by position."""

    status: int = 200
    body: Json | None = None
    refused: dict[int, str] = field(default_factory=dict)


class Reset(Exception):
    """Raised by a rule: the connection breaks, and the call was carried out or not, nobody knows."""


class Hang(Exception):
    """Raised by a rule: no answer ever comes."""


Rule = Callable[[int, Call], Answer | None]


@dataclass
class EventBridgeServer:
    """`rule` is told the number of the call, from 0, and the call; None takes all. `taken` are the events it took."""

    rule: Rule = field(default=lambda number, call: None)
    calls: list[Call] = field(default_factory=list)
    taken: list[Json] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"eventbridge://{BUS}?region={REGION}&endpoint={quote(self.endpoint, safe=':/')}"

    @property
    def taken_ids(self) -> list[str]:
        return [event["id"] for event in self.taken]

    async def __aenter__(self) -> Self:
        self._over = asyncio.Event()
        self._runner, self.endpoint = await web_app.start(self._answer, 4 * 2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(dict(request.headers), body, json.loads(body)["Entries"])
        self.calls.append(call)
        try:
            answer = self.rule(len(self.calls) - 1, call) or Answer()
        except Reset:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except Hang:
            await self._over.wait()
            return web.Response()
        return web.json_response(self._result(call, answer), status=answer.status)

    def _result(self, call: Call, answer: Answer) -> Json:
        if answer.body is not None:
            return answer.body
        entries = []
        for position, event in enumerate(call.events):
            if code := answer.refused.get(position):
                entries.append({"ErrorCode": code, "ErrorMessage": "as EventBridge says it"})
            else:
                entries.append({"EventId": f"event-{len(self.taken)}"})
                self.taken.append(event)
        return {"FailedEntryCount": len(answer.refused), "Entries": entries}
