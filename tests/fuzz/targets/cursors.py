"""Cursors: one that is taken is letter for letter the one that is handed out for that place."""

import base64
import json
from datetime import UTC, datetime

from orderkeep.application.cursors import history_cursor, history_version, list_cursor, list_position
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import ListPosition, OrderFilter

ORDER = "order-1"
WHERE = OrderFilter(user_id="user-42", statuses=("pending",))
OURS = list_cursor(WHERE, ListPosition(datetime(2026, 5, 6, 7, 8, 9, 10, UTC), ORDER))
OUR_TEXT = base64.urlsafe_b64decode(OURS + "=" * (-len(OURS) % 4))
DIGEST = json.loads(OUR_TEXT)[0].encode()

SEEDS = (
    OURS.encode(),
    OUR_TEXT,
    b'["%b","2026-05-06T07:08:09Z","order-1"]' % DIGEST,
    history_cursor(ORDER, 7).encode(),
    b'["order-1",7]',
    b'["order-1", 7 ]',
    b'["order-1",1e2]',
    b"[[[[]]]]",
    b"====",
)
TOKENS = (
    *(DIGEST, b'"order-1"', b'"2026-05-06T07:08:09.000010+00:00"', b'"20260506T070809Z"', b"+01:00", b"+00:00", b"Z"),
    *(b"[", b"]", b",", b'"', b" ", b"null", b"true", b"-1", b"1.0", b"9223372036854775808", b"\\u0000", b"\\ud800"),
    *(b"=", b"-", b"_", b"+", b"/"),
)


def check(data: bytes) -> None:
    """Read it as both kinds of cursor. What begins with a bracket is what is in a cursor, and is packed as one is."""
    cursor = data.decode("latin-1")
    if data.startswith(b"["):
        cursor = base64.urlsafe_b64encode(data).decode().rstrip("=")
    try:
        position = list_position(WHERE, cursor)
    except InvalidCursor:
        pass
    else:
        assert type(position.id) is str
        assert position.created_at.tzinfo is UTC
        position.id.encode()
        assert list_cursor(WHERE, position) == cursor, "nobody was handed this out"
    try:
        version = history_version(ORDER, cursor)
    except InvalidCursor:
        return
    assert type(version) is int
    assert history_cursor(ORDER, version) == cursor, "nobody was handed this out"
