"""Opaque pagination cursors, bound to the filters of their list."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sample_service.application.errors import InvalidCursor
from sample_service.application.ports import ListPosition

_encode = json.JSONEncoder(separators=(",", ":")).encode


def list_cursor(where: object, position: ListPosition) -> str:
    """Return the cursor of the page after that position of the list with those filters."""
    return _pack([_digest(where), position.created_at.isoformat(), position.id])


def list_position(where: object, cursor: str) -> ListPosition:
    """Return the position in a cursor. Raises `InvalidCursor` unless `list_cursor` made it for these filters."""
    try:
        _, created_at, id = _unpack(cursor)
        position = ListPosition(datetime.fromisoformat(created_at), id)
    except (ValueError, TypeError):
        raise InvalidCursor from None
    if type(id) is not str or position.created_at.tzinfo != UTC or list_cursor(where, position) != cursor:
        raise InvalidCursor
    return position


def _pack(values: list[str | int]) -> str:
    return base64.urlsafe_b64encode(_encode(values).encode()).decode().rstrip("=")


def _unpack(cursor: str) -> Any:  # any JSON, from any client
    text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    try:
        values = json.loads(text)
        json.dumps(values, ensure_ascii=False).encode()  # no store accepts an unpaired surrogate
    except RecursionError:
        raise ValueError from None
    return values


@lru_cache(256)
def _digest(where: object) -> str:
    return hashlib.sha256(repr(where).encode()).hexdigest()[:16]
