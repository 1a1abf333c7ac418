"""A TCP proxy in a thread of its own: it counts connections, drops those that are idle, or falls silent."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class TcpProxy:
    """`opened` counts connections, `requests` what was asked over them. `refuse`: hang up
    on whoever comes. `cut`: so many answers from now on are not delivered, and end their connections.
    """

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    url: str = ""
    opened: int = 0
    requests: int = 0
    refuse: bool = False
    cut: int = 0
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def drop(self, *, reset: bool = False) -> None:
        """Close all connections, in order or not, and return when that is done."""
        asyncio.run_coroutine_threadsafe(self._drop(reset), self.loop).result(10)

    def fall_silent(self) -> None:
        """Pass nothing on from now on, and close nothing."""
        self.loop.call_soon_threadsafe(self._passing.clear)

    def speak(self) -> None:
        """Pass everything on."""
        self.loop.call_soon_threadsafe(self._passing.set)

    async def _drop(self, reset: bool) -> None:
        for writer in list(self._open):
            if reset:
                writer.transport.abort()
            else:
                writer.close()
        await asyncio.sleep(0.05)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        if self.refuse:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server, to_server = await asyncio.open_connection(self.host, self.port)
        self._open |= {writer, to_server}
        answers = asyncio.create_task(self._pass(server, writer, count=False))
        try:
            await self._pass(reader, to_server, count=True)
        finally:
            answers.cancel()
            for end in (writer, to_server):
                end.close()
                self._open.discard(end)
            self._tasks.discard(task)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, count: bool) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                self.requests += count and data.count(b"POST / HTTP")
                await self._passing.wait()
                if not count and self.cut:
                    self.cut -= 1
                    target.transport.abort()
                    return
                target.write(data)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextmanager
def tcp_proxy(url: str) -> Iterator[TcpProxy]:
    """Stand before the server of that URL."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    loop = asyncio.new_event_loop()
    proxy = TcpProxy(parts.hostname, parts.port, loop)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    start = asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    listener = asyncio.run_coroutine_threadsafe(start, loop).result(10)
    proxy.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    proxy.speak()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(listener.close)
        asyncio.run_coroutine_threadsafe(proxy.end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
