"""Texts made safe for a terminal: what a customer typed must not move the cursor, colour the screen or hide itself."""

import re

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: cursor, colours
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links, clipboard
    r"|\x1b."
)
_BREAK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OBEYED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)")


def plain(text: object) -> str:
    """Return the text on one line: breaks and tabs become a space; escape sequences, other control characters and
    marks that turn the reading direction go.
    """
    return _UNSEEN.sub("", _ESCAPE_SEQUENCE.sub("", _BREAK.sub(" ", str(text))))


def plain_data(data: bytes) -> bytes:
    """Return JSON, or CSV, with an escape for all that a terminal would obey: in JSON that means the same."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode(errors="replace")).encode()
