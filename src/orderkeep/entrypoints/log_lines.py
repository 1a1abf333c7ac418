"""Log lines, made of what may stand in them and of nothing else: what a customer sent never gets into one.

A line's event is a constant of our code. What is particular to it comes as a field that is listed here, each held to
its form. Arguments of a message are left out, and of an exception everything but its type and where it was raised.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from orderkeep.entrypoints.log_context import told_of_request
from orderkeep.entrypoints.log_exceptions import Raised, raised_in

LONGEST_TEXT = 300

OURS = "orderkeep"
CONSTANT = (OURS, "uvicorn")
"""Loggers whose messages are constants. Of the others, some put together what they log from what they were given."""

UNSAID = "another package logs something"


class Field(NamedTuple):
    """What may stand in a line beside its time, level, logger and event: in which form, and what it says."""

    form: str
    says: str

    def checked(self, value: object) -> str | int | float | None:
        """Return the value as it may be written; "?" for one in another form."""
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return value if self.form == NUMBER else "?"
        text = str(value)[:LONGEST_TEXT]
        return text if re.fullmatch(self.form, text, re.DOTALL) and self.form != NUMBER else "?"


NUMBER, WORDS = "number", r".+"
METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|other"

FIELDS: dict[str, Field] = {
    "request_id": Field(r"[A-Za-z0-9._-]{1,64}", "The `X-Request-Id` of the answer, and of what the request changed."),
    "trace_id": Field(r"[0-9a-f]{32}", "The trace that the request is part of: of `traceparent`, or of AWS X-Ray's."),
    "invocation_id": Field(r"[A-Za-z0-9-]{1,64}", "On Lambda, the invocation of a request with an id of its own."),
    "method": Field(METHODS, "The request's method; `other` for one that there is not."),
    "route": Field(r"/[\w{}/.-]*|none", "The route with its parameters by name, never what stood there."),
    "status": Field(NUMBER, "The HTTP status that was answered."),
    "duration_ms": Field(NUMBER, "How long the answer took, in milliseconds."),
    "actor": Field(r"customer|staff|system", "Of which kind who asks is. Never who."),
    "code": Field(r"[a-z0-9_]{1,64}", "The stable code of the [error](errors.md)."),
    "reason": Field(WORDS, "What a store or the service says of its own state, in its own words."),
    "record": Field(r"[0-9]{1,64}", "The sequence number of a record of the table's stream."),
    "place": Field(r"[\w./<>:-]{1,200}", "Where in the code, for what other packages log: their words are left out."),
}
"""All that may stand in a line, by name, in the order in which it does."""


class JsonLines(logging.Formatter):
    """A line of JSON for each record, in ASCII, so that nothing in it ends the line or moves a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = {**_beginning(record), **dict(_fields(record))}
        if exceptions := raised_in(record):
            said["exceptions"] = [{"type": each.type, "frames": each.frames} for each in exceptions]
        return json.dumps(said)


class TextLines(logging.Formatter):
    """The same for people at a terminal. What was raised follows in lines of its own, which begin with spaces."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and those that belong to it."""
        said = _beginning(record)
        head = f"{said['time']} {said['level'].upper()} {said['logger']}: {said['event']}"
        fields = [f"{name}={_shown(value)}" for name, value in _fields(record)]
        return "\n".join([visible(" ".join([head, *fields])), *_traceback(raised_in(record))])


class EndedLines(logging.Formatter):
    """Ends each line itself, for handlers that do not, such as AWS Lambda's."""

    def __init__(self, lines: logging.Formatter) -> None:
        super().__init__()
        self.lines = lines

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with its end."""
        return self.lines.format(record) + "\n"


def visible(text: str) -> str:
    """Return the text on one line, with all that has no shape of its own as an escape that shows what it is."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _beginning(record: logging.LogRecord) -> dict[str, Any]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    constant = _root(record) in CONSTANT and isinstance(record.msg, str)
    return {
        "time": f"{at}.{int(record.created % 1 * 1000):03}Z",
        "level": record.levelname.lower(),
        "logger": record.name[:LONGEST_TEXT],
        "event": record.msg.strip() if constant else UNSAID,
    }


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, str | int | float]]:
    told = dict(told_of_request())
    if _root(record) == OURS:
        told |= record.__dict__
    else:
        told["place"] = f"{record.module}.{record.funcName}:{record.lineno}"
    for name, field in FIELDS.items():
        if name in told and (value := field.checked(told[name])) is not None:
            yield name, value


def _root(record: logging.LogRecord) -> str:
    return record.name.partition(".")[0]


def _shown(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


def _traceback(exceptions: list[Raised]) -> Iterator[str]:
    for each in exceptions:
        yield visible(f"  {each.type}")
        yield from (visible(f"    {frame}") for frame in each.frames)
