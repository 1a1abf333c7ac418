"""Sanitizes text for a terminal, so that a customer's text cannot move the cursor, set colours or hide itself."""

import re

import click

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: cursor, colours
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links, clipboard
    r"|\x1b."
)
_BREAK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)")


def plain(text: object) -> str:
    """Return the text on one line: line breaks and tabs become a space; escape sequences, other control characters and
    bidirectional marks are removed.
    """
    return _INVISIBLE.sub("", _ESCAPE_SEQUENCE.sub("", _BREAK.sub(" ", str(text))))


def say(text: str) -> None:
    """Write a message to stderr."""
    click.echo(f"orderkeep: {plain(text)}", err=True)


def plain_data(data: bytes) -> bytes:
    """Return JSON or CSV with control characters replaced by escapes, which mean the same in JSON."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode(errors="replace")).encode()
