"""Log lines, built from an allow-list so that nothing a client sent reaches a log.

The event of a line is a constant of the code, and each value is one of `FIELDS`, in the form given there. Arguments of
a message are dropped. An exception is logged as its type and stack frames, never with its text: the text may contain a
row that a driver rejected, a key, or a part of the request.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple, TextIO

LogFormat = Literal["auto", "json", "text"]

MAX_TEXT_LENGTH = 300
MAX_EXCEPTIONS, MAX_FRAMES = 10, 40
"""An exception is logged with up to 9 causes or members; of its stack, the innermost 40 frames."""

OTHER_PACKAGE_EVENT = "another package logs something"
"""Replaces the messages of other packages, some of which contain what the package was given."""

current_request: ContextVar[Callable[[], Mapping[str, object]] | None] = ContextVar("orderkeep_request", default=None)
"""Returns the fields of the current request. It is called when a line is written, so a request without a line pays for
one context variable.
"""

log = logging.getLogger("orderkeep.process")

ACCESS_LOGGER = "orderkeep.access"
"""The logger of requests: one line for each."""

_COLOURS = {"2": "32", "3": "36", "4": "33"}
"""ANSI colour by the first digit of the status: green, cyan, yellow; red for others."""

_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,400})?"
)
_XRAY = re.compile(r"(?:.{0,400};)? ?Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.{0,400})?", re.ASCII)


class Field(NamedTuple):
    """A field of a log line: the form of its values, and its description for the reference."""

    pattern: str
    description: str

    def checked(self, value: object) -> str | int | float | None:
        """Return the value as it is logged, or "?" if it does not have the form of the field."""
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return value if self.pattern == NUMBER else "?"
        text = str(value)[:MAX_TEXT_LENGTH]
        return text if self.pattern != NUMBER and re.fullmatch(self.pattern, text, re.DOTALL) else "?"


NUMBER = "number"
METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|other"

FIELDS: dict[str, Field] = {
    "request_id": Field(r"[A-Za-z0-9._-]{1,64}", "The `X-Request-Id` of the response, stored with each change."),
    "trace_id": Field(r"[0-9a-f]{32}", "The trace of the request, from `traceparent` or from AWS X-Ray's header."),
    "invocation_id": Field(r"[A-Za-z0-9-]{1,64}", "The Lambda invocation, if the request has an id of its own."),
    "method": Field(METHODS, "The request's method; `other` for an unknown one."),
    "route": Field(r"/[\w{}/.-]*|none", "The route with the names of its parameters, never their values."),
    "status": Field(NUMBER, "The HTTP status of the response."),
    "duration_ms": Field(NUMBER, "The time to respond, in milliseconds."),
    "actor": Field(r"customer|staff|system", "The actor's kind; never its id."),
    "code": Field(r"[a-z0-9_]{1,64}", "The stable code of the [error](errors.md)."),
    "reason": Field(r".+", "What a store or the service reports about its own state."),
    "webhook": Field(r"wh_[0-9a-z]{1,32}", "The ID of a webhook."),
    "record": Field(r"[0-9]{1,64}", "The sequence number of a record of the table's stream."),
    "place": Field(r"[\w./<>:-]{1,200}", "The place in the code, for lines of other packages."),
}
"""All fields that a line may have, in order."""


class LogFormatter(logging.Formatter):
    """Formats each record as one line of ASCII JSON, or as text; `auto` is text if the stream is a terminal, and JSON
    otherwise. `end` is for handlers that do not end lines.

    In text, frames of exceptions follow on indented lines, and unprintable characters are escaped. On a terminal,
    requests are logged in a short form, with colours unless `NO_COLOR` is set.
    """

    def __init__(self, log_format: LogFormat, stream: TextIO | None = None, end: str = "") -> None:
        super().__init__()
        self.is_terminal = stream is not None and stream.isatty()
        self.is_text = log_format == "text" or (log_format == "auto" and self.is_terminal)
        self.end = end

    @cached_property
    def structlog(self) -> logging.Formatter:
        """structlog's formatter, imported with the first line: it takes 0.1 s, and most commands log nothing."""
        from structlog.processors import JSONRenderer, LogfmtRenderer
        from structlog.stdlib import ProcessorFormatter

        renderer = partial(_as_text, LogfmtRenderer(), self.is_terminal) if self.is_text else JSONRenderer()
        return ProcessorFormatter(processors=[allow_listed, renderer], use_get_message=False)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return self.structlog.format(record) + self.end


def allow_listed(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the record that may be logged: a processor of structlog's."""
    record: logging.LogRecord = event["_record"]
    package = record.name.partition(".")[0]
    fields = current_request.get()
    given = {**(fields() if fields else {}), **(record.__dict__ if package == "orderkeep" else {})}
    if package != "orderkeep":
        given["place"] = f"{record.module}.{record.funcName}:{record.lineno}"
    is_constant = package in ("orderkeep", "uvicorn") and isinstance(record.msg, str)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    line: dict[str, Any] = {
        "time": f"{at}.{int(record.created % 1 * 1000):03}Z",
        "level": record.levelname.lower(),
        "logger": record.name[:MAX_TEXT_LENGTH],
        "event": record.msg.strip() if is_constant else OTHER_PACKAGE_EVENT,
    }
    for name, field in FIELDS.items():
        if name in given and (value := field.checked(given[name])) is not None:
            line[name] = value
    if (exc_info := event.get("exc_info")) and exc_info[1]:
        line["exceptions"] = described(exc_info[1])
    return line


def described(error: BaseException) -> list[dict[str, Any]]:
    """Return the type and the frames of an exception, its causes and the members of groups: never their text."""
    found: list[dict[str, Any]] = []
    waiting, seen = [error], set[int]()
    while waiting and len(found) < MAX_EXCEPTIONS:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        kind = type(each)
        frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(each.__traceback__)][-MAX_FRAMES:]
        found.append(
            {
                "type": kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}",
                "frames": [f"{_short(code.co_filename)}:{line} in {code.co_name}" for code, line in frames],
            }
        )
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        waiting += [*(each.exceptions if isinstance(each, BaseExceptionGroup) else ()), *([cause] if cause else [])]
    return found


def _as_text(
    fields: Callable[[Any, str, MutableMapping[str, Any]], str],
    is_terminal: bool,
    logger: Any,
    level: str,
    line: MutableMapping[str, Any],
) -> str:
    if is_terminal and line["logger"] == ACCESS_LOGGER:
        return _request_line(line)
    exceptions = line.pop("exceptions", [])
    head = f"{line.pop('time')} {line.pop('level').upper()} {line.pop('logger')}: {line.pop('event')}"
    lines = [f"{head} {fields(logger, level, line)}".rstrip(" ")]
    for each in exceptions:
        lines += [f"  {each['type']}", *(f"    {frame}" for frame in each["frames"])]
    return "\n".join(map(visible, lines))


def _request_line(line: MutableMapping[str, Any]) -> str:
    status = str(line["status"])
    if not os.environ.get("NO_COLOR"):
        status = f"\x1b[{_COLOURS.get(status[0], '31')}m{status}\x1b[0m"
    head = f"{line['time'][11:19]}Z {line['method']:<6} {line['route']} {status}"
    return f"{head} {line['duration_ms']:6.1f} ms  {line['request_id']}"


def visible(text: str) -> str:
    """Return the text on one line, with an escape for each unprintable character."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Let no module import the package, unless it was imported before."""
    is_imported = package in sys.modules
    sys.modules.setdefault(package, None)  # type: ignore[arg-type]  # a documented value
    try:
        yield
    finally:
        if not is_imported:
            del sys.modules[package]


def server_log_config(log_format: LogFormat, log_level: str) -> dict[str, Any]:
    """Return a configuration for `logging.config.dictConfig` that formats the lines of all loggers, on stderr."""
    level = log_level.upper()

    def formatter() -> logging.Formatter:
        with _hidden("rich"):  # structlog would import it for traces that are not logged: this takes 0.09 s
            return LogFormatter(log_format, sys.stderr).structlog  # now: without file handles it cannot be imported

    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"uvicorn": {"level": "WARNING" if level == "INFO" else level}},
    }


def trace_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the trace ID in the headers of a request, or None; `traceparent` (W3C) takes precedence over AWS X-Ray's
    header. A header that does not match its specification exactly is ignored, because the ID is logged.
    """
    sent: dict[bytes, list[bytes]] = {b"traceparent": [], b"x-amzn-trace-id": []}
    for name, value in headers:
        if name in sent:
            sent[name].append(value)
    found = _TRACEPARENT.fullmatch(sent[b"traceparent"][0]) if len(sent[b"traceparent"]) == 1 else None
    if found and (found[1] != b"00" or found[3] is None):  # only later versions may have more fields
        return found[2].decode()
    if len(sent[b"x-amzn-trace-id"]) == 1:
        return trace_id_in(sent[b"x-amzn-trace-id"][0].decode("latin-1"))
    return None


def trace_id_in(text: str) -> str | None:
    """Return the trace ID in a header of AWS X-Ray as 32 hexadecimal digits, without its version and its hyphens."""
    found = _XRAY.fullmatch(text)
    return found[1] + found[2] if found else None


def configure_cli_logging() -> None:
    """Write warnings and errors as lines of text on stderr, and nothing else."""
    logging.lastResort = logging.StreamHandler()
    logging.lastResort.setFormatter(LogFormatter("text"))
    logging.lastResort.setLevel(logging.WARNING)
    logging.getLogger("aiodynamo").setLevel(logging.CRITICAL)  # it logs each source without credentials, then raises
    install_log_hooks()


def install_log_hooks() -> None:
    """Log what Python would print with the text of an exception: from threads, finalizers, warnings and logging."""
    logging.raiseExceptions = False
    sys.unraisablehook = lambda args: log.error("an exception could not be raised", exc_info=args.exc_value)
    threading.excepthook = lambda args: log.error("a thread ended with an exception", exc_info=args.exc_value)
    warnings.showwarning = _log_warning  # type: ignore[assignment]  # Python passes all by position


def _log_warning(_message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    log.warning("Python warns", extra={"reason": category.__name__, "place": f"{_short(filename)}:{lineno}"})


def _short(path: str) -> str:
    """Return the path of a source file from its package on."""
    path = path.replace("\\", "/")
    return next((path.rpartition(root)[2] for root in ("/site-packages/", "/src/") if root in path), path)
