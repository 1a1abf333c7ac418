"""The forms of answers that hold more than an order, the same at every door that answers JSON."""

from __future__ import annotations

from orderkeep.application.dtos import ChangeDTO, CommandResult


def dry_run_form(result: CommandResult) -> dict[str, object]:
    """Return what a command would have made of an order, and why."""
    return {"dry_run": True, "order": result.order, "events": result.events}


def change_form(change: ChangeDTO) -> dict[str, object]:
    """Return what was done to an order, without what only the store needs to know."""
    return {
        "version": change.version,
        "at": change.at,
        "actor": change.actor,
        "request_id": change.request_id,
        "events": change.events,
        "order": change.order,
        "previous_hash": change.previous_hash,
        "hash": change.hash,
    }


def page_form(data: list[object], next_cursor: str | None) -> dict[str, object]:
    """Return a page, and where the next one begins."""
    return {"data": data, **more_form(next_cursor)}


def more_form(next_cursor: str | None) -> dict[str, object]:
    """Return what a page says of the next one."""
    return {"has_more": next_cursor is not None, "next_cursor": next_cursor}
