"""TLS in front of a port of this machine, with a certificate for `localhost`: DynamoDB Local has none of its own.

`serving` starts it, a process of its own, since DynamoDB's end of a connection is no part of a function's work.
"""

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Secured:
    """Where the proxy listens, and the file of the authorities to trust, with the one that signed its certificate."""

    endpoint: str
    authorities: Path


@contextmanager
def serving(upstream: int, folder: Path, usual_authorities: bytes) -> Iterator[Secured]:
    """Run the proxy in front of a port until the block ends; its authority lasts no longer."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    certificate, authorities = folder / "localhost.pem", folder / "authorities.pem"
    authority.issue_cert("localhost", key_type=trustme.KeyType.RSA).private_key_and_cert_chain_pem.write_to_path(
        certificate
    )
    # A client reads all the authorities that it trusts; with just this one it would look faster than it is on Lambda.
    authorities.write_bytes(usual_authorities + b"\n" + authority.cert_pem.bytes())
    command = [sys.executable, __file__, str(upstream), str(certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Secured(f"https://localhost:{int(process.stdout.readline())}", authorities)
        finally:
            process.terminate()


async def serve(upstream: int, certificate: str) -> None:
    """Pass on what arrives, with TLS on this side and without on the other, and print where."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))

    for listener in (listeners := _listeners()):
        await asyncio.start_server(accept, sock=listener, ssl=context)
    print(listeners[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def _listeners() -> list[socket.socket]:
    """Return sockets on whatever `localhost` may be, on one port."""
    listeners = [socket.create_server(("127.0.0.1", 0))]
    with suppress(OSError):
        listeners.append(socket.create_server(("::1", listeners[0].getsockname()[1]), family=socket.AF_INET6))
    return listeners


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while arrived := await reader.read(65_536):
            writer.write(arrived)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
