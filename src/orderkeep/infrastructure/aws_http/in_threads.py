"""Requests in threads, by urllib3, whose import takes a tenth of what aiohttp's takes: a cold start waits for it."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor

import urllib3
from urllib3.exceptions import HTTPError

from orderkeep.infrastructure.aws_http import SECONDS, SECONDS_TO_CONNECT, Request, RequestFailed, Response

MOST_AT_ONCE = 32
"""Threads, and so requests under way: a list reads all shards of a busy index at once."""


class ThreadedHttp:
    """An `AwsHttp` on urllib3."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=MOST_AT_ONCE,
            ssl_context=ssl.create_default_context(),  # its own would read all authorities for each connection
            timeout=urllib3.Timeout(connect=SECONDS_TO_CONNECT, read=SECONDS),
            retries=False,
        )
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="aws-http")

    async def __call__(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(SECONDS):  # a thread that is given up ends by its own time-outs
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._send, request)
        except (HTTPError, OSError) as error:
            raise RequestFailed(error) from error

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    def _send(self, request: Request) -> Response:
        answer = self._pool.request(request.method, request.url, body=request.body, headers=request.headers)
        return Response(answer.status, answer.data)
