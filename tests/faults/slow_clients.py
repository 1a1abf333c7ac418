"""Clients that take their time, each on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

HEAD = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n"


@dataclass(frozen=True)
class Ended:
    """What a client was told before its connection ended, and how many seconds that took."""

    heard: bytes
    seconds: float


Sending = Callable[[], AsyncIterator[bytes]]


async def slowly(data: bytes) -> AsyncIterator[bytes]:
    """Yield a byte a second."""
    for number in range(len(data)):
        yield data[number : number + 1]
        await asyncio.sleep(1)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield it all."""
    yield data


async def head_and(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the head of a request, then its body."""
    yield HEAD + b"\r\n"
    async for part in body:
        yield part


async def empty_lines() -> AsyncIterator[bytes]:
    """Yield what is no request, and stands before one at most once."""
    while True:
        yield b"\r\n"
        await asyncio.sleep(1)


async def an_answer_and(rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a request, then something else."""
    yield b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    await asyncio.sleep(0.5)
    async for part in rest:
        yield part


async def a_chunk_a_second() -> AsyncIterator[bytes]:
    """Yield a body in chunks of a byte."""
    yield HEAD.replace(b"Content-Length: 4000", b"Transfer-Encoding: chunked") + b"\r\n"
    while True:
        yield b"1\r\na\r\n"
        await asyncio.sleep(1)


async def send(port: int, parts: AsyncIterator[bytes], patience: float) -> Ended:
    """Send until the server ends the connection. Raises `TimeoutError` where it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = asyncio.get_running_loop().time()
    sending = asyncio.create_task(_send_all(writer, parts))
    heard = b""
    try:
        async with asyncio.timeout(patience):
            while part := await reader.read(65_536):
                heard += part
    except ConnectionError:
        pass
    finally:
        sending.cancel()
        writer.close()
    return Ended(heard, asyncio.get_running_loop().time() - started)


async def _send_all(writer: asyncio.StreamWriter, parts: AsyncIterator[bytes]) -> None:
    async for part in parts:
        writer.write(part)
        await writer.drain()
