"""A TCP proxy that counts round trips: each time that a client sends something after the server has sent something.

Every connection counts for itself, whatever the protocol. A process of its own: prints its port, then answers each line
on stdin with the number of round trips since the last one.
"""

import asyncio
import sys
from contextlib import suppress


class CountingProxy:
    """Forwards connections to one server."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port, self.round_trips = host, port, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
        is_response_due = False

        async def requests() -> None:
            nonlocal is_response_due
            while data := await reader.read(262_144):
                self.round_trips += not is_response_due
                is_response_due = True
                upstream_writer.write(data)

        async def responses() -> None:
            nonlocal is_response_due
            while data := await upstream_reader.read(262_144):
                is_response_due = False
                writer.write(data)

        both = [asyncio.create_task(requests()), asyncio.create_task(responses())]
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for each in (writer, upstream_writer):
            each.close()


async def main(host: str, port: int) -> None:
    proxy = CountingProxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        counted, proxy.round_trips = proxy.round_trips, 0
        print(counted, flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
