"""The client: authentication, retries, errors."""

import asyncio
import time
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx

from orderkeep_client.errors import ConnectionFailed, error_of
from orderkeep_client.generated.api import Api, AsyncApi
from orderkeep_client.retries import Outcome, Retries

_OPTIONS: dict[str, Any] = {"follow_redirects": True, "headers": {"User-Agent": "orderkeep-client/0.1.0"}}
"""A download is a redirect if documents are in S3; httpx sends no credentials to another host."""


class Orderkeep(Api):
    """The orders of a service. Writes get an idempotency key, unless one is passed, so that they can be repeated.

    Args:
        url: URL of the service, such as `https://orders.example.com`.
        token: API key, or access token. A service without authentication needs none.
        timeout: Seconds to wait for a connection, and for each part of a response.
        retries: When to repeat a request.
        transport: Transport of httpx, such as one with a proxy or certificates of your own.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries = Retries(),  # noqa: B008
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        auth = _Bearer(token) if token else None
        self._http = httpx.Client(base_url=url, auth=auth, timeout=timeout, transport=transport, **_OPTIONS)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _send(self, **options: Any) -> httpx.Response:
        request = self._http.build_request(**options)
        for attempt in count(1):
            outcome: Outcome
            try:
                outcome = self._http.send(request)
            except httpx.TransportError as error:
                outcome = error
            delay = self._retries.delay(request, outcome, attempt)
            if delay is None:
                return _result_of(request, outcome)
            time.sleep(delay)
        raise AssertionError


class AsyncOrderkeep(AsyncApi):
    """The orders of a service, for asyncio. Its arguments are those of `Orderkeep`."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries = Retries(),  # noqa: B008
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        auth = _Bearer(token) if token else None
        self._http = httpx.AsyncClient(base_url=url, auth=auth, timeout=timeout, transport=transport, **_OPTIONS)
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _send(self, **options: Any) -> httpx.Response:
        request = self._http.build_request(**options)
        for attempt in count(1):
            outcome: Outcome
            try:
                outcome = await self._http.send(request)
            except httpx.TransportError as error:
                outcome = error
            delay = self._retries.delay(request, outcome, attempt)
            if delay is None:
                return _result_of(request, outcome)
            await asyncio.sleep(delay)
        raise AssertionError


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = self._value
        yield request


def _result_of(request: httpx.Request, outcome: Outcome) -> httpx.Response:
    if isinstance(outcome, httpx.TransportError):
        raise ConnectionFailed(request, outcome) from outcome
    if not outcome.is_success:
        raise error_of(outcome)
    return outcome
