"""Opaque cursors: where a list goes on, bound to what was asked, so that a cursor cannot be used with other filters."""

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime

from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import ListPosition


def list_cursor(where: object, position: ListPosition) -> str:
    """Return the cursor that goes on behind that position of the list with those filters."""
    return _pack([_digest(where), position.created_at.isoformat(), position.id])


def list_position(where: object, cursor: str) -> ListPosition:
    """Return the position that a cursor stands for. Raises `InvalidCursor` for all that `list_cursor` would not have
    made for it, also where the filters are others.
    """
    try:
        _, created_at, order_id = _unpack(cursor)
        position = ListPosition(datetime.fromisoformat(created_at), order_id)
    except (ValueError, TypeError):
        raise InvalidCursor from None
    if type(order_id) is not str or position.created_at.tzinfo != UTC or list_cursor(where, position) != cursor:
        raise InvalidCursor
    return position


def history_cursor(order_id: str, version: int) -> str:
    """Return the cursor that goes on behind that version of the order's history."""
    return _pack([order_id, version])


def history_version(order_id: str, cursor: str) -> int:
    """Return the version that a cursor stands for. Raises `InvalidCursor` for all that `history_cursor` would not
    have made for it, also where the order is another.
    """
    try:
        _, version = _unpack(cursor)
    except (ValueError, TypeError):
        raise InvalidCursor from None
    if type(version) is not int or not 0 <= version < 2**63 or history_cursor(order_id, version) != cursor:
        raise InvalidCursor
    return version


def _pack(values: list[str | int]) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unpack(cursor: str) -> list:  # type: ignore[type-arg]  # whatever a stranger wrote there
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        values = json.loads(text)
        json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair is no text that a store takes
    except (binascii.Error, RecursionError, UnicodeError):
        raise ValueError from None
    if not isinstance(values, list):
        raise ValueError
    return values


def _digest(where: object) -> str:
    return hashlib.sha256(repr(where).encode()).hexdigest()[:16]
