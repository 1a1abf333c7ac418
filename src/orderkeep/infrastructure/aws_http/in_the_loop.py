"""Requests on the event loop, by aiohttp: the least CPU where many are under way at once."""

import aiohttp

from orderkeep.infrastructure.aws_http import SECONDS, SECONDS_TO_CONNECT, Request, RequestFailed, Response


class LoopHttp:
    """An `AwsHttp` on aiohttp."""

    def __init__(self) -> None:
        # No bound on connections: waiting for one would count as time that AWS took.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=SECONDS_TO_CONNECT),
            connector=aiohttp.TCPConnector(limit=0),
        )

    async def __call__(self, request: Request) -> Response:
        asked = self._session.request(
            request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
        )
        try:
            async with asked as answer:
                return Response(answer.status, await answer.read())
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise RequestFailed(error) from error

    async def aclose(self) -> None:
        await self._session.close()
