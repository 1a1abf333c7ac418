"""Receive webhooks as cheaply as Python can, and count them: GET returns the count and the lags, and starts again.

A process of its own. Prints its port. The lag of an event is the time from its commit to its arrival.
"""

import asyncio
import json
import time
from datetime import datetime

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIME = b'"time":'


class Counts:
    """What was received since the last report."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    def add(self, body: bytes) -> None:
        event = json.loads(body)
        self.lags.append(time.time() - datetime.fromisoformat(event["time"]).timestamp())

    def report(self) -> bytes:
        content = json.dumps(self.lags).encode()
        self.lags = []
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


async def serve() -> None:
    counts = Counts()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET "):
                    writer.write(counts.report())
                    continue
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                counts.add(await reader.readexactly(int(length.partition(b":")[2])))
                writer.write(RESPONSE)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve())
