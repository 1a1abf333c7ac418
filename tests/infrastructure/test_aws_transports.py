"""The transports to AWS, aiohttp and urllib3: both return the same responses and fail in the same way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import ModuleType

import pytest
import trustme
from aiohttp import web

from orderkeep.infrastructure.aws import (
    AwsHttp,
    Request,
    RequestFailed,
    aiohttp_transport,
    open_http,
    urllib3_transport,
)
from tests.servers import web_app
from tests.servers.tcp_proxy import tcp_proxy

TRANSPORTS: dict[str, dict[str, str]] = {"aiohttp": {}, "urllib3": {"AWS_LAMBDA_FUNCTION_NAME": "orders"}}


class Service:
    """Echoes requests, or responds as the query demands; counts concurrent requests."""

    def __init__(self) -> None:
        self.now, self.most, self.all_in = 0, 0, asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        if request.query_string == "redirect":
            return web.Response(status=307, headers={"Location": "/"})
        if request.query_string == "together":
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 8:
                self.all_in.set()
            await asyncio.wait_for(self.all_in.wait(), 10)
        said = (await request.read()).decode()
        return web.Response(status=202, text=f"{request.headers['X-Amz-Target']}: {said}")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def endpoint(service: Service) -> AsyncIterator[str]:
    runner, url = await web_app.start(service.answer, 1_000_000)
    yield url
    await runner.cleanup()


@pytest.fixture(params=["aiohttp", "urllib3"])
async def http(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsHttp]:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    for name, value in TRANSPORTS[request.param].items():
        monkeypatch.setenv(name, value)
    async with aclosing(open_http()) as opened:
        yield opened


def asking(url: str, body: bytes = b"{}") -> Request:
    return Request("POST", url, {"X-Amz-Target": "Service.Do"}, body)


async def test_returns_status_and_body(http: AwsHttp, endpoint: str) -> None:
    answer = await http(asking(f"{endpoint}/", b'{"a": 1}'))
    assert (answer.status, answer.body) == (202, b'Service.Do: {"a": 1}')


async def test_follows_no_redirect(http: AwsHttp, endpoint: str) -> None:
    assert (await http(asking(f"{endpoint}/?redirect"))).status == 307


async def test_sends_requests_concurrently(http: AwsHttp, service: Service, endpoint: str) -> None:
    await asyncio.gather(*(http(asking(f"{endpoint}/?together")) for _ in range(8)))
    assert service.most == 8


async def test_reuses_its_connection_unless_it_was_closed(http: AwsHttp, endpoint: str) -> None:
    with tcp_proxy(endpoint) as proxy:
        for number in range(6):
            if number == 3:
                await asyncio.to_thread(proxy.drop)
                await asyncio.sleep(0.01)
            assert (await http(asking(f"{proxy.url}/"))).status == 202
        assert proxy.opened == 2


async def test_raises_request_failed_when_the_response_is_lost(http: AwsHttp, endpoint: str) -> None:
    with tcp_proxy(endpoint) as proxy:
        proxy.cut = 1
        with pytest.raises(RequestFailed):
            await http(asking(f"{proxy.url}/"))


async def test_raises_request_failed_when_the_connection_is_rejected(http: AwsHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(RequestFailed) as failed:
        await http(asking(f"http://127.0.0.1:{port}/"))
    assert isinstance(failed.value.inner, Exception)


@pytest.mark.parametrize("module", [aiohttp_transport, urllib3_transport])
async def test_raises_request_failed_at_the_time_limit(
    module: ModuleType, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.2)
    http: AwsHttp = (
        aiohttp_transport.AiohttpTransport() if module is aiohttp_transport else urllib3_transport.Urllib3Transport()
    )
    with tcp_proxy(endpoint) as proxy:
        proxy.fall_silent()
        async with aclosing(http), asyncio.timeout(10):
            with pytest.raises(RequestFailed) as failed:
                await http(asking(f"{proxy.url}/"))
    assert isinstance(failed.value.inner, TimeoutError)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("environment", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_verifies_the_certificate(
    environment: dict[str, str], is_known: bool, service: Service, tmp_path: Path
) -> None:
    known, other = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(tmp_path / "known.pem")
    code = (
        "import asyncio, sys\n"
        "from orderkeep.infrastructure.aws import Request, RequestFailed, open_http\n"
        "async def ask():\n"
        "    http = open_http()\n"
        "    try: print((await http(Request('POST', sys.argv[1], {'X-Amz-Target': 'S.Do'}, b''))).status)\n"
        "    except RequestFailed: print('refused')\n"
        "    finally: await http.aclose()\n"
        "asyncio.run(ask())"
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (known if is_known else other).issue_cert("127.0.0.1").configure_cert(context)
    app = web.Application()
    app.router.add_post("/", service.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, f"https://127.0.0.1:{runner.addresses[0][1]}/"),
        stdout=asyncio.subprocess.PIPE,
        env={"SSL_CERT_FILE": str(tmp_path / "known.pem"), "SSL_CERT_DIR": str(tmp_path), **environment},
    )
    said, _ = await process.communicate()
    await runner.cleanup()
    assert said.decode().strip() == ("202" if is_known else "refused")


def test_lambda_does_not_load_aiohttp_and_others_do_not_load_urllib3() -> None:
    for environment, loaded, absent in (
        (TRANSPORTS["urllib3"], "urllib3", "aiohttp"),
        (TRANSPORTS["aiohttp"], "aiohttp", "urllib3"),
    ):
        code = (
            "import asyncio, sys; from orderkeep.infrastructure.aws import open_http\n"
            "async def open(): await open_http().aclose()\n"
            f"asyncio.run(open()); print({loaded!r} in sys.modules, {absent!r} in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "False"]
