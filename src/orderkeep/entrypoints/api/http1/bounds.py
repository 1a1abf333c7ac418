"""How much a request's head may hold, and how long a client may be slow. Bodies have their bound in the settings."""

MAX_TARGET_BYTES = 8_192
MAX_HEADERS = 100
MAX_HEAD_BYTES = 16_384
MAX_PIPELINED = 32

HEAD_SECONDS = 8.0
BODY_PAUSE_SECONDS = 8.0
BYTES_PER_SECOND = 1_024
BODY_SECONDS = 60.0
ANSWER_PAUSE_SECONDS = 8.0
KEEP_ALIVE_SECONDS = 5
LINGER_SECONDS = 2.0

SWEEP_SECONDS = 0.5
"""How often it is looked who is too slow; a connection is cut so much later at most."""


def time_for_a_body(received: int) -> float:
    """Return how many seconds a body may have taken of which so many bytes are here."""
    return min(BODY_SECONDS, BODY_PAUSE_SECONDS + received / BYTES_PER_SECOND)


def largest_on_the_wire(body: int) -> int:
    """Return how many bytes a body of so many bytes may take in chunks: with one byte in each it is six times as much,
    and some of what comes behind it may have been read with it.
    """
    return 8 * body + 524_288
