"""The receivers of the documentation accept what orderkeep sends, once, and reject all other requests."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.webhooks.signatures import new_secret, signature_headers
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.webhooks import open_sender
from tests.conftest import find_node
from tests.docs.pages import CHECKOUT

EXAMPLES = CHECKOUT / "docs" / "examples"
RECEIVERS = {
    "python": [sys.executable, EXAMPLES / "receive_webhooks.py"],
    "node": [find_node() or "node", EXAMPLES / "receive_webhooks.mjs"],
}
SECRET, OLD, OTHER = new_secret(os.urandom), new_secret(os.urandom), new_secret(os.urandom)
BODY = '{"type": "orderkeep.order.cancelled", "subject": "ü"}'.encode()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    command: list[str | Path], secret: str = SECRET, port: int = 0
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Start a receiver, and yield its URL and its process."""
    port = port or free_port()
    environment = os.environ | {"PORT": str(port), "WEBHOOK_SECRET": secret}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.returncode is None
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/webhooks", process
    finally:
        stop(process)
        await process.wait()


def stop(process: asyncio.subprocess.Process) -> None:
    """Stop a receiver, and Node.js, which may be another process."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("command", RECEIVERS.values(), ids=RECEIVERS)
async def test_receiver_processes_each_signed_event_once(command: list[str | Path]) -> None:
    now = int(time.time())
    first, second = (signature_headers([SECRET], f"order-1.{version}.1", now, BODY) for version in (1, 2))
    rotated = signature_headers([OLD, SECRET], "order-1.3.1", now, BODY)
    requests = [
        (first, BODY, 204),
        (first, BODY, 204),  # sent again
        (second, BODY, 204),
        (rotated, BODY, 204),
        (signature_headers([OTHER], "order-1.4.1", now, BODY), BODY, 401),
        (signature_headers([SECRET], "order-1.5.1", now, BODY), BODY.replace(b"cancelled", b"confirmed"), 401),
        (signature_headers([SECRET], "order-1.6.1", now, BODY) | {"webhook-id": "order-1.7.1"}, BODY, 401),
        (signature_headers([SECRET], "order-1.8.1", now - 301, BODY), BODY, 401),
        (signature_headers([SECRET], "order-1.9.1", now + 310, BODY), BODY, 401),
        (signature_headers([SECRET], "order-1.10.1", now, BODY) | {"webhook-signature": "v1,é v1, x"}, BODY, 401),
        ({}, BODY, 401),
    ]
    sender = open_sender(local=True)
    async with running(command) as (url, process):
        statuses = [(await sender.send(url, headers, body)).status for headers, body, _ in requests]
        await sender.close()
        assert statuses == [status for _, _, status in requests]
        stop(process)
        assert process.stdout is not None
        printed = (await process.stdout.read()).decode().splitlines()
    assert printed == [f"order-1.{version}.1 orderkeep.order.cancelled" for version in (1, 2, 3)]


@pytest.mark.parametrize("command", RECEIVERS.values(), ids=RECEIVERS)
async def test_receiver_gets_the_events_of_the_service(command: list[str | Path]) -> None:
    use_cases, port = bootstrap("memory://"), free_port()
    webhook = await use_cases.create_webhook.execute(f"http://localhost:{port}/")
    assert webhook.secret is not None
    async with running(command, webhook.secret, port) as (_, process):
        placed = await use_cases.place_order.execute(PlaceOrder(user_id="user-42", total=9900, currency="EUR"))
        order_id = placed.order.id
        await use_cases.cancel_order.execute(order_id)
        while await use_cases.deliver_webhooks.execute():
            pass
        [webhook] = await use_cases.list_webhooks.execute()
        assert (webhook.position, webhook.waiting_orders) == (2, 0)
        await use_cases.close()
        stop(process)
        assert process.stdout is not None
        printed = (await process.stdout.read()).decode().splitlines()
    assert printed == [f"{order_id}.1.1 orderkeep.order.placed", f"{order_id}.2.1 orderkeep.order.cancelled"]
