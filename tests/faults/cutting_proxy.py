"""A proxy in front of PostgreSQL that closes the connection before a result arrives: committed, but not reported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

DELIVERED_AT_ONCE = b"RSK1tTnE"
"""What asyncpg waits for before it goes on: greetings, what a statement will look like, errors."""


@dataclass
class CuttingProxy:
    """`cut_answer(n)`: the n-th answer from now is not delivered. `armed` is None once that has happened."""

    url: str = ""
    armed: int | None = None

    def cut_answer(self, number: int) -> None:
        self.armed = number

    def _is_to_be_cut(self) -> bool:
        if self.armed is None:
            return False
        self.armed -= 1
        if self.armed:
            return False
        self.armed = None
        return True

    async def _bring_answers(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answer = b""
        while True:
            head = await server.readexactly(5)
            answer += head + await server.readexactly(int.from_bytes(head[1:], "big") - 4)
            if head[:1] == b"Z":  # ready for the next query: the answer is complete, and what was asked is done
                if self._is_to_be_cut():
                    return
                client.write(answer)
                answer = b""
            elif head[:1] in DELIVERED_AT_ONCE:
                client.write(answer)
                answer = b""


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[CuttingProxy]:
    """Stand before the server of that URL."""
    parts = urlsplit(url)
    proxy = CuttingProxy()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
        asking = asyncio.create_task(_bring_questions(reader, to_server))
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await proxy._bring_answers(server, writer)
        asking.cancel()
        for end in (writer, to_server):
            end.transport.abort()
        serving.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    proxy.url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?{parts.query}&sslmode=disable"
    try:
        yield proxy
    finally:
        listener.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _bring_questions(client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
    while data := await client.read(65_536):
        server.write(data)
    server.write_eof()
