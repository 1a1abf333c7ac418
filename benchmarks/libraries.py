"""What the libraries for logs, tokens and webhooks cost: their import, and each use beside a part of its work."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

sys.path[:0] = [str(Path(__file__).parents[1])]

from orderkeep.application.webhooks.signatures import new_secret, signature_headers  # noqa: E402
from orderkeep.entrypoints.logs import LogFormatter, allow_listed  # noqa: E402
from orderkeep.infrastructure.openid.authenticator import signed_payload  # noqa: E402
from orderkeep.infrastructure.webhook_addresses import AddressGuard  # noqa: E402
from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender  # noqa: E402
from tests.infrastructure import openid_samples as openid  # noqa: E402

IMPORT = """
import asyncio, json, logging, ssl, time
before = time.process_time()
{}
print((time.process_time() - before) * 1_000)
"""
RUNS, CALLS = 15, 1_000


def import_cost(statement: str) -> str:
    """Return the CPU of an import in a new process, the median of several."""
    command = [sys.executable, "-c", IMPORT.format(statement)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(RUNS)]
    return f"{median(map(float, runs)):6.0f} ms"


def call_cost(work: Callable[[], object]) -> str:
    """Return the CPU of a call, the least of several runs."""

    def one_run() -> float:
        before = time.process_time()
        for _ in range(CALLS):
            work()
        return (time.process_time() - before) / CALLS * 1_000_000

    return f"{min(one_run() for _ in range(RUNS)):6.1f} µs"


def log_lines() -> None:
    extra = {"status": 200, "duration_ms": 1.25, "request_id": "call-1", "route": "/orders/{order_id}"}
    record = logging.getLogger("orderkeep.access").makeRecord(
        "orderkeep.access", logging.INFO, __file__, 1, "answered", (), None, "main", extra
    )
    line = LogFormatter("json")
    print(f"log line by structlog                 {call_cost(lambda: line.format(record))}")
    alone = call_cost(lambda: json.dumps(allow_listed(None, "info", {"_record": record})))
    print(f"  the allow-list and json.dumps alone {alone}")


async def tokens() -> None:
    key: Any = openid.key_of("RS256")
    text = openid.token()
    authenticator = openid.trusting(openid.jwks(openid.published(key, "RS256 1")))
    await authenticator.authenticate(text)  # fetches the keys; nothing waits from here on

    def authenticate() -> None:
        try:
            authenticator.authenticate(text).send(None)
        except StopIteration:
            return
        raise AssertionError("it waits")

    def verify() -> None:
        authenticator._verified.clear()  # noqa: SLF001
        authenticate()

    print(f"RS256 token, verified                 {call_cost(verify)}")
    print(f"  its signature by joserfc            {call_cost(lambda: signed_payload(text, key, 'RS256'))}")
    signed, _, _ = text.rpartition(".")
    signature = openid.signature_of(signed, "RS256", key)
    alone = call_cost(lambda: key.public_key.verify(signature, signed.encode(), PKCS1v15(), SHA256()))
    print(f"  the same by cryptography alone      {alone}")
    authenticate()
    print(f"RS256 token, from the cache           {call_cost(authenticate)}")


RECEIVER = """
import asyncio

async def receive(reader, writer):
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\\r")[0]))
        writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async def main():
    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


async def webhooks() -> None:
    """Send events of 1.5 KB to a receiver in another process, signed, over one connection."""
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RECEIVER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert receiver.stdout is not None
    url = f"http://127.0.0.1:{int(await receiver.stdout.readline())}/"
    sender, secret, body = AiohttpWebhookSender(AddressGuard(local=True)), new_secret(os.urandom), bytes(1_500)

    async def one_run() -> float:
        before = time.process_time()
        for _ in range(CALLS):
            sent = await sender.send(url, signature_headers([secret], "order-1.1.1", int(time.time()), body), body)
            assert sent.status == 204
        return (time.process_time() - before) / CALLS * 1_000_000

    print(f"webhook, signed and sent              {min([await one_run() for _ in range(RUNS)]):6.1f} µs")
    await sender.close()
    receiver.kill()
    await receiver.wait()


def main() -> None:
    without_rich = "import sys; sys.modules['rich'] = None; import structlog"
    print(f"import structlog                      {import_cost('import structlog')}")
    print(f"import structlog without rich         {import_cost(without_rich)}")
    print(f"import joserfc and cryptography       {import_cost('from joserfc import jwk, jws, jwt')}")
    print(f"import aiohttp                        {import_cost('import aiohttp')}")
    log_lines()
    asyncio.run(tokens())
    uvloop.run(webhooks())


if __name__ == "__main__":
    main()
