"""One request and its answer, and the end of a connection that is said before it is done."""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from orderkeep.entrypoints.api.http1.traffic import Traffic
from orderkeep.entrypoints.api.middleware import REQUEST_ID, request_id_of
from orderkeep.entrypoints.api.problems import problem
from orderkeep.entrypoints.api.security_headers import SECURITY_HEADERS


class Exchange(RequestResponseCycle):
    """Tells the client to close where the connection cannot go on: what is left of a body is no next request."""

    traffic: Traffic

    def send(self, message: Any) -> Coroutine[Any, Any, None]:
        """Send a part of the answer."""
        if not self.response_started and (self.more_body or self.traffic.draining):
            self.keep_alive = False
        return super().send(message)

    async def send_500_response(self) -> None:
        """Answer where the application did not: it was not foreseen, or its time at the end of the process is over."""
        detail = "the service could not finish this: whether it was done is not known"
        scope: dict[str, Any] = {**self.scope}
        request_id = request_id_of(scope) if REQUEST_ID in scope else token_hex(16)
        headers = {"Connection": "close", "X-Request-Id": request_id, **SECURITY_HEADERS}
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        answer = problem(status, "internal_error", detail, request_id=request_id, headers=headers)
        await self.send({"type": "http.response.start", "status": status, "headers": answer.raw_headers})
        await self.send({"type": "http.response.body", "body": answer.body})


class ClosingTransport:
    """A transport that says that it ends, and may still listen for a while. To close at once while a client sends would
    reset the connection, and the client could lose the answer that says why.
    """

    def __init__(self, transport: Transport, may_close_at_once: Callable[[], bool]) -> None:
        self._transport, self._may_close_at_once = transport, may_close_at_once
        self.lingers = False

    def write(self, data: bytes) -> None:
        """Send, unless the end was said."""
        if not self.lingers:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the end was said."""
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        """Say the end after what was written. The connection ends when the client does, or is cut."""
        if self.is_closing():
            pass
        elif self._may_close_at_once():
            self._transport.close()
        else:
            self.lingers = True
            self._transport.write_eof()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def unsent(self) -> int:
        """Return how many bytes wait here for a client that does not read."""
        return self._transport.get_write_buffer_size()
