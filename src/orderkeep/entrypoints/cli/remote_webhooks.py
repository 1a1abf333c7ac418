"""The use cases of webhooks on a server: each calls an operation of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit
from orderkeep.application.use_cases.list_webhook_deliveries import DeliveryPage
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.subscriptions import WebhookView
from orderkeep.entrypoints.cli.server_connection import ServerConnection, key_header

T = TypeVar("T")


class _Webhooks(msgspec.Struct):
    data: tuple[WebhookView, ...]


class _Deliveries(msgspec.Struct):
    data: tuple[Attempt, ...]
    next_cursor: str | None


class RemoteWebhooks:
    """The webhooks of a server. Each method has the parameters, results and errors of the use case of its name."""

    server: ServerConnection

    async def create_webhook(
        self,
        url: str,
        *,
        types: Sequence[str] = (),
        tag: str | None = None,
        description: str | None = None,
        start: str | int = "now",
        key: str | None = None,
        actor: Actor = SYSTEM,  # noqa: ARG002
    ) -> WebhookView:
        values = {"url": url, "types": list(types), "tag": tag, "description": description, "start": start}
        body = {name: value for name, value in values.items() if value is not None}
        return self._call("POST", "", WebhookView, body, key=key)

    async def list_webhooks(self, actor: Actor = SYSTEM) -> tuple[WebhookView, ...]:  # noqa: ARG002
        return self._call("GET", "", _Webhooks).data

    async def get_webhook(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:  # noqa: ARG002
        return self._call("GET", webhook_id, WebhookView)

    async def update_webhook(
        self,
        webhook_id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int | tuple[int, ...] | None = None,
        actor: Actor = SYSTEM,  # noqa: ARG002
    ) -> WebhookView:
        return self._call("PATCH", webhook_id, WebhookView, dict(changes), _condition(expected_version))

    async def delete_webhook(
        self,
        webhook_id: str,
        *,
        expected_version: int | tuple[int, ...] | None = None,
        actor: Actor = SYSTEM,  # noqa: ARG002
    ) -> None:
        self.server.send("DELETE", _path(webhook_id), headers=_condition(expected_version))

    async def pause_webhook(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:  # noqa: ARG002
        return self._call("POST", f"{webhook_id}/pause", WebhookView)

    async def resume_webhook(self, webhook_id: str, actor: Actor = SYSTEM) -> WebhookView:  # noqa: ARG002
        return self._call("POST", f"{webhook_id}/resume", WebhookView)

    async def send_webhook_test(
        self,
        webhook_id: str,
        actor: Actor = SYSTEM,  # noqa: ARG002
        *,
        key: str | None = None,
    ) -> Attempt:
        return self._call("POST", f"{webhook_id}/test", Attempt, key=key)

    async def rotate_webhook_secret(
        self,
        webhook_id: str,
        actor: Actor = SYSTEM,  # noqa: ARG002
        *,
        key: str | None = None,
    ) -> WebhookView:
        return self._call("POST", f"{webhook_id}/rotate-secret", WebhookView, key=key)

    async def replay_webhook(
        self,
        webhook_id: str,
        first: int,
        last: int,
        actor: Actor = SYSTEM,  # noqa: ARG002
        *,
        key: str | None = None,
    ) -> WebhookView:
        return self._call("POST", f"{webhook_id}/replay", WebhookView, {"first": first, "last": last}, key=key)

    async def list_webhook_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        delivered: bool | None = None,
        event_type: str | None = None,
        actor: Actor = SYSTEM,  # noqa: ARG002
    ) -> DeliveryPage:
        check_limit(limit)
        state = None if delivered is None else "delivered" if delivered else "failed"
        query = {"limit": limit, "cursor": cursor, "state": state, "type": event_type}
        page = self.server.decode(self.server.send("GET", f"{_path(webhook_id)}/deliveries", query), _Deliveries)
        return DeliveryPage(page.data, page.next_cursor)

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: Any = None,
        headers: dict[str, str] | None = None,
        key: str | None = None,
    ) -> T:
        headers = key_header(key) if key else headers
        response = self.server.send(method, _path(path) if path else "/webhooks", None, body, headers)
        return self.server.decode(response, kind)


def _path(path: str) -> str:
    return f"/webhooks/{quote(path, safe='/')}"


def _condition(expected: int | tuple[int, ...] | None) -> dict[str, str]:
    versions = (expected,) if isinstance(expected, int) else expected or ()
    return {"If-Match": ", ".join(f'"{version}"' for version in versions)} if versions else {}
