"""Sends webhooks over HTTP, with httpx: without redirects, proxies or cookies."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import datetime

import httpx

from sample_service.application.webhooks.ports import WebhookSender
from sample_service.application.webhooks.signatures import signature_headers

TIMEOUT_SECONDS = 10.0
"""For a whole request. It is shorter than the time to the first retry, so that no change is sent twice at once."""


class HttpxWebhookSender(WebhookSender):
    """Sends to one URL, which the operator has set: its host and addresses are not checked."""

    def __init__(self, url: str, secrets: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url, self._secrets, self._timeout = url, secrets, timeout_seconds
        self._tls = ssl.create_default_context()

    async def send(self, message_id: str, at: datetime, body: bytes) -> str | None:
        signed = signature_headers(self._secrets, message_id, int(at.timestamp()), body)
        headers = {"Content-Type": "application/json", **signed}
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=self._timeout) as client,
                client.stream("POST", self._url, headers=headers, content=body) as response,
            ):
                return None if response.is_success else f"status {response.status_code}"  # the body is not read
        except (TimeoutError, httpx.TimeoutException):
            return f"no response within {self._timeout:g} seconds"
        except httpx.HTTPError as error:
            return f"no response ({type(error).__name__})"
