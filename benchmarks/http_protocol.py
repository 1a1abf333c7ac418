"""Our HTTP/1.1 connection class against uvicorn's own, on the same server, event loop and parser, with a bare ASGI app.

First, CPU per request, in short rounds in turn. Second, which of the invalid or ambiguous requests of the tests
(tests/entrypoints/raw_requests.py) each accepts. It takes about a minute; the evidence of docs/decisions/0022.
"""

import argparse
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from benchmarks.load.served import Server, measured, serving, spread  # noqa: E402
from orderkeep.config import Settings  # noqa: E402
from orderkeep.entrypoints.api.http1 import ServerState  # noqa: E402
from orderkeep.entrypoints.api.http1.connection import Connection  # noqa: E402
from orderkeep.entrypoints.api.metrics import Metrics  # noqa: E402
from orderkeep.entrypoints.api.server import DrainingServer  # noqa: E402
from tests.entrypoints.raw_requests import CASES, Case  # noqa: E402

OURS, STOCK = "orderkeep", "uvicorn"
SECONDS_TO_RESPOND = 1.0
BODY = b'{"id":"1","note":"' + b"x" * 900 + b'"}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"etag", b'"1"'),
    (b"x-request-id", b"a" * 32),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body if there may be one, and respond with the headers and about the size of an order."""
    while scope["method"] != "GET" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def serve(name: str, port: int) -> None:
    """Run the app on one of both until a signal."""
    protocol = Connection if name == OURS else "httptools"
    config = uvicorn.Config(
        app, port=port, http=protocol, ws="none", lifespan="off", access_log=False, server_header=False,
        log_level="critical",
    )  # fmt: skip
    if name == OURS:
        DrainingServer(config, FastAPI(), ServerState(500, 65_536, Metrics()), Settings(drain_seconds=0)).run()
    else:
        uvicorn.Server(config).run()


def command(name: str) -> Callable[[int, Path], list[str]]:
    return lambda port, _: [sys.executable, __file__, "--serve", name, "--port", str(port)]


def print_cpu(servers: list[Server], rounds: int, seconds: float) -> None:
    """Measure both in turn, and print the medians and the ratio of each round."""
    cpus: dict[str, list[float]] = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 else servers[::-1]:
            found = measured(server.load("get", run="1", concurrency=32, seconds=seconds, ids=["1"]))
            cpus[server.name].append(found.cpu or float("nan"))
    print("CPU of the server's process per request, 32 connections, median in µs:")
    for name, values in cpus.items():
        print(f"  {name:<10} {statistics.median(values):6.1f}")
    ratios = [ours / theirs for ours, theirs in zip(cpus[OURS], cpus[STOCK], strict=True)]
    print(f"  ratio      {spread(ratios)}  (min, median, max)\n")


def print_requests(servers: list[Server]) -> None:
    """Send what must be rejected to both, and print what either accepts."""
    cases = [
        case for case in CASES if case.code and case.statuses[-1] >= HTTPStatus.BAD_REQUEST and is_of_protocol(case)
    ]
    accepted = {server.name: [case.name for case in cases if accepts(server, case)] for server in servers}
    print(f"Of {len(cases)} invalid or ambiguous requests, ", end="")
    print(" and ".join(f"{name} accepts {len(names)}" for name, names in accepted.items()))
    for name, names in accepted.items():
        for each in names:
            print(f"  {name}: {each}")


def is_of_protocol(case: Case) -> bool:
    """Return whether the connection decides, not the routes."""
    return case.code in {
        "malformed_request", "head_too_large", "target_too_long", "transfer_coding_unknown", "version_not_supported",
        "expectation_failed",
    }  # fmt: skip


def accepts(server: Server, case: Case) -> bool:
    """Return whether the last of the requests gets a response of the app."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS_TO_RESPOND) as connection:
        try:
            connection.sendall(case.sent)
            while part := connection.recv(65_536):
                received += part
        except OSError:
            pass  # it waits for more, or it closed the connection
    return received.count(b"HTTP/1.1 200 ") >= len(case.statuses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each load of a round")
    parser.add_argument("--serve", choices=[OURS, STOCK], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [
            stack.enter_context(serving(name, folder / f"{name}.db", command(name), {})) for name in (OURS, STOCK)
        ]
        print_cpu(servers, options.rounds, options.seconds)
        print_requests(servers)


if __name__ == "__main__":
    main()
