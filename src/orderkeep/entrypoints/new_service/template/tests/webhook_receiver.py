"""A receiver of webhooks on a port of its own: an HTTP server that keeps what it gets, and responds as it is set."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

KEY = b"the key of the tests, 32 bytes.."
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@dataclass
class Receiver:
    """Responds to the next requests with `statuses`, then with 204, unless `is_held`. Keeps each request."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    is_held: bool = False
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The JSON of each request, whose signature must be valid."""
        for headers, body in self.requests:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            expected = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
            assert headers["webhook-signature"].split(" ")[0] == f"v1,{expected}"
        return [json.loads(body) for _, body in self.requests]

    async def wait_for(self, count: int) -> None:
        """Return when that many requests have arrived."""
        async with asyncio.timeout(20):
            while len(self.requests) < count:
                self.arrival.clear()
                await self.arrival.wait()

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:-1]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            body = await reader.readexactly(int(headers["content-length"]))
        except asyncio.IncompleteReadError:  # the client gave up
            writer.close()
            return
        self.requests.append((headers, body))
        self.arrival.set()
        if self.is_held:
            await self.released.wait()
        status = self.statuses.pop(0) if self.statuses else 204
        location = f"location: {self.url}\r\n" if status // 100 == 3 else ""
        writer.write(f"HTTP/1.1 {status} Test\r\n{location}content-length: 0\r\n\r\n".encode())
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that accepts everything until the test changes it."""
    found = Receiver()
    server = await asyncio.start_server(found.respond, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield found
    found.released.set()
    server.close()
