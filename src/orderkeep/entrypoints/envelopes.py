"""The JSON forms of responses, shared by all entrypoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from orderkeep.application.dtos import ChangeDTO, CommandResult
from orderkeep.application.personal_data import with_personal_data
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.subscriptions import WebhookView

encode = msgspec.json.Encoder().encode


def order_document(result: CommandResult) -> bytes:
    """Return the JSON of the order as a command left it, with its personal data."""
    return result.json or with_personal_data(encode(result.order), result.personal)


def change_form(change: ChangeDTO, key_names: Mapping[str, str]) -> dict[str, object]:
    """Return an entry of an order's history, without the fields that only the store uses."""
    return {
        "version": change.version,
        "at": change.at,
        "actor": change.actor,
        "actor_name": key_names.get(change.actor),
        "request_id": change.request_id,
        "events": change.events,
        "order": change.order,
        "previous_hash": change.previous_hash,
        "hash": change.hash,
    }


def page_form(data: list[object], next_cursor: str | None) -> dict[str, object]:
    """Return a page of a list."""
    return {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}


def webhook_form(webhook: WebhookView) -> dict[str, Any]:
    """Return a webhook; with its secret if it is new."""
    form = {name: getattr(webhook, name) for name in WebhookView.__dataclass_fields__ if name != "replayed"}
    if webhook.secret is None:
        del form["secret"]
    return form


def delivery_form(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt to deliver an event."""
    form = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__ if name != "replayed"}
    return form | {"delivered": attempt.delivered}
