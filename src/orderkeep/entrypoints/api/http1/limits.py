"""Limits of a connection: sizes, times, and the verdict on a client that exceeds a time. Settings limit bodies."""

from dataclasses import dataclass
from typing import Literal

MAX_TARGET_BYTES = 8_192
MAX_HEADERS = 100
MAX_HEAD_BYTES = 16_384
MAX_PIPELINED = 32
MAX_UNSENT_BYTES = 33_554_432

HEAD_SECONDS = 8.0
BODY_PAUSE_SECONDS = 8.0
BYTES_PER_SECOND = 1_024
BODY_SECONDS = 60.0
RESPONSE_PAUSE_SECONDS = 8.0
RESPONSE_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 5.0
LINGER_SECONDS = 2.0

APPLICATION_SECONDS = 8.0
"""How long a complete request may wait for the first byte of its response, such as while a database hangs."""

SWEEP_SECONDS = 0.5
"""The interval between two verdicts on a connection; a timeout takes effect at most so much later."""

Stage = Literal["new", "kept", "head", "body", "over"]
"""What the client is sending: nothing of a request on a new connection, nothing on one kept alive after a response, a
head, a body; or anything after the last request, which is discarded.
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """Response bytes that the client has not read, the time since which it reads too little of them, and the time at
    which the response was first unread.
    """

    size: int
    since: float
    first: float

    def updated(self, size: int, now: float) -> "Unread":
        """Return the state after another look; `since` moves if the client reads enough of what is left."""
        read, rate = self.size - size, max(BYTES_PER_SECOND, self.size / RESPONSE_SECONDS)
        is_slow = 0 <= read <= RESPONSE_PAUSE_SECONDS * rate and (size or not self.size)
        return self if is_slow else Unread(size, now, self.first)


TooSlow = Literal["head", "body", "idle", "response", "kept", "lingering"]
"""What took too long: a part of a request, to which the server responds 408; or what ends without a response."""


def verdict(
    stage: Stage, since: float | None, now: float, *, received: int = 0, responding: bool = False,
    unread: Unread | None = None,
) -> TooSlow | None:  # fmt: skip
    """Decide about a connection whose client has been in a stage `since` then (None: without a limit) and has sent
    `received` bytes of a body. `responding`: a request has no complete response yet. `unread`: output is pending, or
    the connection lingers after its last response.
    """
    if unread is not None:
        waited = now - unread.since
        if unread.size:
            return "response" if waited > RESPONSE_PAUSE_SECONDS or now - unread.first > RESPONSE_SECONDS else None
        return "lingering" if waited > LINGER_SECONDS else None
    seconds = 0.0 if since is None else now - since
    match stage:
        case "head" if seconds > HEAD_SECONDS:
            return "head"
        case "body" if seconds > body_seconds(received):
            return "body"
        case "new" if seconds > HEAD_SECONDS and not responding:
            return "idle"
        case "kept" if seconds > KEEP_ALIVE_SECONDS and not responding:
            return "kept"
    return None


def body_seconds(received: int) -> float:
    """Return the seconds that a body may have taken by the time this many bytes of it have arrived."""
    return min(BODY_SECONDS, BODY_PAUSE_SECONDS + received / BYTES_PER_SECOND)


def max_wire_bytes(body: int) -> int:
    """Return the bytes that a body of this size may take in chunked encoding: six times as many with one byte in each
    chunk, and a read may contain data that follows the body.
    """
    return 8 * body + 524_288
