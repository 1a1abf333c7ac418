"""The transport in threads, by urllib3: its import takes a tenth of aiohttp's, which a cold start waits for."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor

import urllib3
from aiodynamo.http.types import Request, RequestFailed, Response
from urllib3.exceptions import HTTPError

from orderkeep.infrastructure.aws.config import CONNECT_SECONDS, REQUEST_SECONDS

MAX_CONCURRENT = 32
"""Threads, and so requests in flight: a list reads all shards of a busy index at once."""


class Urllib3Transport:
    """An `AwsHttp` on urllib3."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=MAX_CONCURRENT,
            ssl_context=ssl.create_default_context(),  # urllib3's own would read all authorities for each connection
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=REQUEST_SECONDS),
            retries=False,
        )
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="aws-http")

    async def __call__(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):  # an abandoned thread ends by its own time-outs
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._send, request)
        except (HTTPError, OSError) as error:
            raise RequestFailed(error) from error

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    def _send(self, request: Request) -> Response:
        response = self._pool.request(request.method, request.url, body=request.body, headers=request.headers)
        return Response(response.status, response.data)
