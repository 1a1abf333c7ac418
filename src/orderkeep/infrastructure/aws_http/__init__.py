"""HTTP to services of AWS, for every adapter alike: a request goes out once, and its answer comes back whole.

It is what `aiodynamo` calls an HTTP implementation, so that its credentials are fetched over the same connections.
"""

import os
from typing import Protocol

from aiodynamo.http.types import Request, RequestFailed, Response

__all__ = ["AwsHttp", "Request", "RequestFailed", "Response", "open_http"]

SECONDS = 5.0
"""How long a request may take, from connecting to the last byte. DynamoDB takes well below a second for the largest."""

SECONDS_TO_CONNECT = 2.0


class AwsHttp(Protocol):
    """Sends requests over connections that are kept. Belongs to the event loop that it was opened in."""

    async def __call__(self, request: Request) -> Response:
        """Send the request once, follow no redirect, and return the answer. Raises `RequestFailed` where none came:
        what was asked for may be done all the same.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connections."""
        ...


def open_http() -> AwsHttp:
    """Return what sends requests here: on Lambda, which asks for one thing at a time and waits for each import,
    urllib3 in threads; everywhere else aiohttp. Call it in the loop that will use it.
    """
    if os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        from orderkeep.infrastructure.aws_http.in_threads import ThreadedHttp

        return ThreadedHttp()
    from orderkeep.infrastructure.aws_http.in_the_loop import LoopHttp

    return LoopHttp()
