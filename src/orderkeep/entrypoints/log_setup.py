"""Where log lines go, and in which form; and that nothing else of this process speaks in their place."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from typing import Any, Literal, TextIO

from orderkeep.entrypoints.log_exceptions import short
from orderkeep.entrypoints.log_lines import JsonLines, TextLines

LogFormat = Literal["auto", "json", "text"]

log = logging.getLogger("orderkeep.process")


def lines_for(log_format: LogFormat, stream: TextIO | None = None) -> logging.Formatter:
    """Return what makes the lines: by default text where the stream is a terminal, and JSON elsewhere."""
    if log_format == "auto":
        log_format = "text" if stream is not None and stream.isatty() else "json"
    return TextLines() if log_format == "text" else JsonLines()


def logging_of_server(log_format: LogFormat, log_level: str) -> dict[str, Any]:
    """Return the logging of a server, as `logging.config` takes it: all loggers there are, in one form, on stderr."""
    level = log_level.upper()
    quiet = "WARNING" if level == "INFO" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": lambda: lines_for(log_format, sys.stderr)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"uvicorn": {"level": quiet}},
    }


def let_only_lines_speak() -> None:
    """Send to the log what Python would print by itself, with whatever an exception says: of threads, of finalizers,
    of warnings, and of logging.
    """
    logging.raiseExceptions = False
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_thread
    warnings.showwarning = _warned


def keep_quiet() -> None:
    """Do the same where nothing is logged, as on the command line: what must be said all the same is one line."""
    last = logging.StreamHandler()
    last.setFormatter(TextLines())
    last.setLevel(logging.WARNING)
    logging.lastResort = last
    let_only_lines_speak()


def _unraisable(args: Any) -> None:
    log.error("an exception could not be raised", exc_info=args.exc_value)


def _in_thread(args: threading.ExceptHookArgs) -> None:
    log.error("a thread ended with an exception", exc_info=args.exc_value)


def _warned(
    message: Warning | str,  # noqa: ARG001  # as Python calls it; a warning's text may say anything
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    log.warning("Python warns", extra={"reason": category.__name__, "place": f"{short(filename)}:{lineno}"})
