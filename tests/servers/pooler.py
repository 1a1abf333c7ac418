"""A pooler in transaction mode, as small as can be: many clients, two sessions, a transaction each time on the other.

What poolers are known for is what it does: sessions are lent for one transaction, are left as they are, and know
nothing of the client that comes next. Clients are given a process number of the pooler's own making, and may set
nothing at the start.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl, urlsplit

SESSIONS = 2
ALLOWED = {"user", "database", "application_name", "client_encoding"}
PROTOCOL = 196_608

Message = tuple[bytes, bytes]


@asynccontextmanager
async def transaction_pooler(url: str) -> AsyncIterator[str]:
    """Stand between clients and the server of that URL; give the URL for clients."""
    sessions: asyncio.Queue[_Session] = asyncio.Queue()
    opened = [await _Session.open(url) for _ in range(SESSIONS)]
    for session in opened:
        sessions.put_nowait(session)
    clients: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        client = _Client(reader, writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await client.serve(sessions)
        writer.close()
        clients.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    parts = urlsplit(url)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    finally:
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for session in opened:
            session.writer.close()


class _Session:
    """One session of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.parameters: list[Message] = []

    @classmethod
    async def open(cls, url: str) -> "_Session":
        parts = urlsplit(url)
        session = cls(*await asyncio.open_connection(parts.hostname, parts.port))
        given = {"user": parts.username or "", "database": parts.path[1:], **dict(parse_qsl(parts.query))}
        text = b"".join(f"{name}\0{value}\0".encode() for name, value in given.items()) + b"\0"
        session.writer.write(struct.pack("!ii", len(text) + 8, PROTOCOL) + text)
        while (message := await _read(session.reader))[0] != b"Z":
            assert message[0] != b"E", message
            if message[0] == b"S":
                session.parameters.append(message)
        return session


class _Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._unanswered, self._asking = 0, False
        self._next: asyncio.Task[Message]

    async def serve(self, sessions: asyncio.Queue[_Session]) -> None:
        length, code = struct.unpack("!ii", await self.reader.readexactly(8))
        rest = await self.reader.readexactly(length - 8)
        if code != PROTOCOL:
            return  # a cancel request: there is nobody to hand it to
        names = set(rest.rstrip(b"\0").decode().split("\0")[::2])
        if names - ALLOWED:
            _write(self.writer, (b"E", b"SFATAL\0C08P01\0Munsupported startup parameter\0\0"))
            return
        session = await sessions.get()
        sessions.put_nowait(session)
        greeting = [(b"R", struct.pack("!i", 0)), *session.parameters, (b"K", struct.pack("!ii", -7, 7)), (b"Z", b"I")]
        _write(self.writer, *greeting)
        self._next = asyncio.create_task(_read(self.reader))
        while (first := await self._next)[0] != b"X":
            session = await sessions.get()
            try:
                await self._one_transaction(first, session)
            finally:
                sessions.put_nowait(session)

    async def _one_transaction(self, first: Message, session: _Session) -> None:
        self._unanswered, self._asking = 0, False
        self._ask(first, session)
        asking = asyncio.create_task(_read(self.reader))
        answering = asyncio.create_task(_read(session.reader))
        while True:
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                self._ask(asking.result(), session)
                asking = asyncio.create_task(_read(self.reader))
            if answering.done():
                answer = answering.result()
                _write(self.writer, answer)
                self._unanswered -= answer[0] == b"Z"
                if answer == (b"Z", b"I") and not self._unanswered:
                    break
                answering = asyncio.create_task(_read(session.reader))
        self._next = asking

    def _ask(self, message: Message, session: _Session) -> None:
        _write(session.writer, message)
        self._unanswered += not self._asking
        self._asking = message[0] not in (b"S", b"Q")


async def _read(reader: asyncio.StreamReader) -> Message:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


def _write(writer: asyncio.StreamWriter, *messages: Message) -> None:
    writer.write(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in messages))
