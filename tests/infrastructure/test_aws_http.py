"""HTTP to AWS, on the loop and in threads: both ways give the same answers, and lose none in their own manner."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from orderkeep.infrastructure.aws_http import AwsHttp, Request, RequestFailed, in_the_loop, in_threads, open_http
from tests.servers import web_app
from tests.servers.tcp_proxy import tcp_proxy

WAYS: dict[str, dict[str, str]] = {"on the loop": {}, "in threads": {"AWS_LAMBDA_FUNCTION_NAME": "orders"}}


class Service:
    """Answers what it was asked, or as its path says; counts who it has let in at once."""

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


@pytest.fixture(params=["on the loop", "in threads"])
async def http(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsHttp]:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    for name, value in WAYS[request.param].items():
        monkeypatch.setenv(name, value)
    async with aclosing(open_http()) as opened:
        yield opened


def asking(url: str, body: bytes = b"{}") -> Request:
    return Request("POST", url, {"X-Amz-Target": "Service.Do"}, body)


async def test_sends_what_it_is_given_and_returns_what_comes(http: AwsHttp, endpoint: str) -> None:
    answer = await http(asking(f"{endpoint}/", b'{"a": 1}'))
    assert (answer.status, answer.body) == (202, b'Service.Do: {"a": 1}')


async def test_follows_no_redirect(http: AwsHttp, endpoint: str) -> None:
    assert (await http(asking(f"{endpoint}/?redirect"))).status == 307


async def test_sends_many_requests_at_once(http: AwsHttp, service: Service, endpoint: str) -> None:
    await asyncio.gather(*(http(asking(f"{endpoint}/?together")) for _ in range(8)))
    assert service.most == 8


async def test_keeps_its_connection_and_leaves_one_that_ended_meanwhile(http: AwsHttp, endpoint: str) -> None:
    with tcp_proxy(endpoint) as proxy:
        for number in range(6):
            if number == 3:
                await asyncio.to_thread(proxy.drop)
                await asyncio.sleep(0.01)
            assert (await http(asking(f"{proxy.url}/"))).status == 202
        assert proxy.opened == 2


async def test_says_that_nothing_came_where_an_answer_is_lost(http: AwsHttp, endpoint: str) -> None:
    with tcp_proxy(endpoint) as proxy:
        proxy.cut = 1
        with pytest.raises(RequestFailed):
            await http(asking(f"{proxy.url}/"))


async def test_says_that_nothing_came_where_nobody_listens(http: AwsHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(RequestFailed) as failed:
        await http(asking(f"http://127.0.0.1:{port}/"))
    assert isinstance(failed.value.inner, Exception)


@pytest.mark.parametrize("module", [in_the_loop, in_threads])
async def test_waits_no_longer_than_it_may(module: object, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    http: AwsHttp = in_threads.ThreadedHttp() if module is in_threads else in_the_loop.LoopHttp()
    with tcp_proxy(endpoint) as proxy:
        proxy.fall_silent()
        async with aclosing(http), asyncio.timeout(10):
            with pytest.raises(RequestFailed) as failed:
                await http(asking(f"{proxy.url}/"))
    assert isinstance(failed.value.inner, TimeoutError)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_believes_only_an_authority_that_is_known(
    way: dict[str, str], is_known: bool, service: Service, tmp_path: Path
) -> None:
    known, other = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(tmp_path / "known.pem")
    code = (
        "import asyncio, sys\n"
        "from orderkeep.infrastructure.aws_http import Request, RequestFailed, open_http\n"
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
        env={"SSL_CERT_FILE": str(tmp_path / "known.pem"), "SSL_CERT_DIR": str(tmp_path), **way},
    )
    said, _ = await process.communicate()
    await runner.cleanup()
    assert said.decode().strip() == ("202" if is_known else "refused")


def test_lambda_loads_no_aiohttp_and_others_no_urllib3() -> None:
    for way, there, away in (
        (WAYS["in threads"], "urllib3", "aiohttp"),
        (WAYS["on the loop"], "aiohttp", "urllib3"),
    ):
        code = (
            "import asyncio, sys; from orderkeep.infrastructure.aws_http import open_http\n"
            "async def open(): await open_http().aclose()\n"
            f"asyncio.run(open()); print({there!r} in sys.modules, {away!r} in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], env=way, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "False"]
