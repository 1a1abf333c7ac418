"""What a process writes: the server as its users run it, what Python prints by itself, and Lambda's own log."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.docs.pages import CHECKOUT
from tests.entrypoints.served import connected, serving
from tests.leaks.canaries import EMAIL, HEADERS, VALUE, bad, good, placed, without
from tests.leaks.listening import Leak, hold, hold_answer, hold_lines


def lines_in(stderr: str) -> list[dict[str, Any]]:
    """Return the lines behind the banner, each of which must be one object of JSON."""
    return [json.loads(line) for line in stderr.split("\n") if line]


STRANGE = (
    f"GET /orders/{VALUE}\x01 HTTP/1.1\r\nHost: localhost",
    f"GET /{VALUE} HTTP/9.9\r\nHost: localhost",
    f"{VALUE}\r\nHost: localhost",
    f"GET /livez HTTP/1.1\r\n{VALUE}",
    f"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {VALUE}\x00",
    f"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: {VALUE}",
    f"GET http://{VALUE}/orders/1 HTTP/1.1\r\nHost: {VALUE}",
    f"GET /livez HTTP/1.1\r\nHost: localhost\r\nUpgrade: {VALUE}\r\nConnection: Upgrade",
)


def test_server_process_outputs_no_request_data() -> None:
    settings = {"store": "memory://", "documents": "memory://", "access_log": "true", "log_level": "debug"}
    with serving(**settings) as (client, process):
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 1 << 20)  # all lines, until they are read at the end
        order_id = _ask(client, without(placed(), "Origin")).json()["id"]
        for request in (*bad(order_id), *good(order_id)):
            _ask(client, without(request, "Origin"))
        for text in STRANGE:
            with connected(client) as connection:
                connection.sendall(text.encode() + b"\r\nConnection: close\r\n\r\n")
                connection.shutdown(1)
                hold("the answer", b"".join(iter(lambda: connection.recv(65_536), b"")).decode())
        process.terminate()
        stderr = process.communicate(timeout=30)[1]
    hold("stderr", stderr)
    hold_lines(stderr)
    lines = lines_in(stderr)
    assert len([line for line in lines if line["logger"] == "orderkeep.access"]) > 200
    assert {line["logger"] for line in lines} >= {"orderkeep.access", "uvicorn.error"}


def _ask(client: httpx.Client, request: Any) -> httpx.Response:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    answer = client.request(request.method, request.target, headers=headers, content=request.body)
    hold_answer(f"{request.method} {request.target}", answer.status_code, answer.headers, answer.content)
    assert answer.status_code < 500
    return answer


BROKEN = """
import asyncio, gc, logging, os, signal, threading, warnings
from dataclasses import replace
import orderkeep.entrypoints.api.server as server
from orderkeep.config import Settings

opened = server.bootstrap_from_settings

class Unraisable:
    def __del__(self):
        raise KeyError("{email}")

async def lost():
    raise KeyError("{email}")

def at_once(name="{email}"):
    raise KeyError(name)

checks = []

async def fail(*_, **__):
    checks.append(1)
    if len(checks) == 1:  # at the start
        return
    Unraisable()
    task = asyncio.ensure_future(lost())
    await asyncio.sleep(0)
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(at_once, "{email}")
    thread = threading.Thread(target=at_once, name="{email}")
    thread.start()
    await asyncio.to_thread(thread.join)
    warnings.warn("{email}", RuntimeWarning)
    logging.getLogger("aiohttp.client").error("%s", "{email}")
    logging.getLogger("orderkeep.http").error("two %s %s", "{email}")  # and that cannot be put together
    raise ValueError("{email}")

server.bootstrap_from_settings = lambda settings: replace(opened(settings), check_store=fail)
server.serve(Settings())
"""
EXPECTED = {
    "an exception could not be raised",
    "a thread ended with an exception",
    "Python warns",
    "request failed",
    "another package logs something",
    "two %s %s",
}


def broken(log_format: str) -> str:
    """Return what a server writes in which everything breaks that Python would tell about by itself."""
    variables = {"ORDERKEEP_PORT": "0", "ORDERKEEP_STORE": "memory://", "ORDERKEEP_LOG_FORMAT": log_format}
    variables["ORDERKEEP_RELAY"] = "false"  # it would check the store, and fail, too
    command = [sys.executable, "-c", BROKEN.replace("{email}", EMAIL)]
    with subprocess.Popen(command, env={**os.environ, **variables}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = iter(process.stderr.readline, "")
        url = next(found[0] for line in said if (found := re.search(r"http://[\w.:]+(?=/docs)", line)))
        with httpx.Client(base_url=url) as client:
            answer = client.get("/readyz", headers=[(name.encode(), value.encode()) for name, value in HEADERS])
            hold_answer("/readyz", answer.status_code, answer.headers, answer.content)
            assert answer.status_code == 500
        process.terminate()
        return process.communicate(timeout=30)[1]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_python_prints_no_data_of_an_exception_in_a_server(log_format: str) -> None:
    stderr = broken(log_format)
    hold("stderr", stderr)
    hold_lines(stderr)
    if log_format == "json":
        events = [line["event"] for line in lines_in(stderr)]
        assert {*events} == EXPECTED
        assert events.count("another package logs something") == 3  # a task, a callback, and aiohttp
    else:
        assert all(event in stderr for event in EXPECTED)
        assert "  ValueError" in stderr


LAMBDA = """
import sys
from awslambdaric import bootstrap, lambda_runtime_log_utils as utils
sink = bootstrap.create_log_sink()
bootstrap._setup_logging(utils.LogFormat.from_str("{form}"), None, sink)
from orderkeep.entrypoints import lambda_handler
from tests.entrypoints.lambda_calls import Request, http_api

async def fail(*_, **__):
    raise KeyError("{email}")

lambda_handler._use_cases.get_order.queries.get_snapshot = fail

class Context:
    aws_request_id = "invocation-7"
    def get_remaining_time_in_millis(self): return 3_000

for event in (http_api(Request("GET", "/orders/o-1")), http_api(Request("GET", "/orders/{email}")), {"x": "{email}"}):
    try:
        assert lambda_handler.handler(event, Context())["statusCode"] == 500
    except Exception as error:
        sink.log_error([f"{type(error).__name__}: {error}"])
"""


@pytest.mark.parametrize("form", ["TEXT", "JSON"])
def test_lambdas_own_log_has_our_lines(form: str) -> None:
    client = CHECKOUT / ".venv" / "stacks" / "runtime-client"
    assert client.is_dir(), "run make setup"
    paths = os.pathsep.join([str(client), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "ORDERKEEP_STORE": "memory://"}
    environment |= {"ORDERKEEP_AUTH": "authorizer", "ORDERKEEP_IAM_SCOPES": "admin"}
    script = LAMBDA.replace("{email}", EMAIL).replace("{form}", form)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    hold("the log", done.stdout + done.stderr)
    ours = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(line["event"], line["request_id"]) for line in ours] == [("request failed", "invocation-7")] * 2
    assert [line for line in done.stdout.splitlines() if "WrongHandler: " in line]


def test_a_leak_of_a_process_would_be_found() -> None:
    with pytest.raises(Leak):
        hold("stderr", f"KeyError: '{EMAIL}'")
    with pytest.raises(Leak):
        hold_lines("\x1b[31m")
