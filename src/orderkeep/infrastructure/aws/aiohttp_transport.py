"""The transport on the event loop, by aiohttp: it takes the least CPU when many requests are in flight."""

import aiohttp
from aiodynamo.http.types import Request, RequestFailed, Response

from orderkeep.infrastructure.aws.config import CONNECT_SECONDS, REQUEST_SECONDS


class AiohttpTransport:
    """An `AwsHttp` on aiohttp."""

    def __init__(self) -> None:
        # No limit on connections: waiting for one would count as time that AWS took.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
            connector=aiohttp.TCPConnector(limit=0),
        )

    async def __call__(self, request: Request) -> Response:
        sent = self._session.request(
            request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
        )
        try:
            async with sent as response:
                return Response(response.status, await response.read())
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise RequestFailed(error) from error

    async def aclose(self) -> None:
        await self._session.close()
