"""The JSON forms of responses that contain more than an order, shared by all entrypoints."""

from __future__ import annotations

from collections.abc import Mapping

from orderkeep.application.dtos import ChangeDTO


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
