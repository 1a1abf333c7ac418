"""Opens the sender of webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orderkeep.application.webhooks.sending import WebhookResponse, WebhookSender
from orderkeep.infrastructure.webhook_addresses import AddressGuard

if TYPE_CHECKING:
    from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender


def open_sender(local: bool) -> WebhookSender:
    """Return a sender that loads the HTTP client when the first webhook is sent. In local mode, webhooks may also be
    sent to this machine.
    """
    return _LazySender(AddressGuard(local))


class _LazySender(WebhookSender):
    """Loads the HTTP client in a thread when it is first needed: its import takes a tenth of a second."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._sender: WebhookSender | None = None
        self._loading = asyncio.Lock()

    async def check(self, url: str) -> None:
        await self._guard.check(url)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        sender = self._sender or await self._load()
        return await sender.send(url, headers, body)

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender.close()

    async def _load(self) -> WebhookSender:
        async with self._loading:
            if self._sender is None:
                sender_type = await asyncio.to_thread(_import_sender)
                self._sender = sender_type(self._guard)
            return self._sender


def _import_sender() -> type[AiohttpWebhookSender]:
    from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender

    return AiohttpWebhookSender
