"""What a log may tell of an exception: its type and where it was raised, and the same of what it came from.

Never its text: a driver's has the row that it did not take, a KeyError the key, a validation error what came in.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import NamedTuple

MOST_EXCEPTIONS, MOST_FRAMES = 10, 40
"""How many of each are told: the first exceptions, and the last frames, where it was raised."""

_ROOTS = ("/site-packages/", "/src/")


class Raised(NamedTuple):
    """One exception: its type, and its frames from the outermost on."""

    type: str
    frames: list[str]


def raised_in(record: logging.LogRecord) -> list[Raised]:
    """Return the exception that the record was logged with, and behind it those that it came from or holds."""
    error = record.exc_info[1] if record.exc_info else None
    found: list[Raised] = []
    waiting, seen = [error] if error else [], set[int]()
    while waiting and len(found) < MOST_EXCEPTIONS:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        found.append(Raised(_name_of(type(each)), _frames_of(each.__traceback__)))
        waiting += _behind(each)
    return found


def _behind(error: BaseException) -> list[BaseException]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    held = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [*held, *([cause] if cause else [])]


def _name_of(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _frames_of(found: TracebackType | None) -> list[str]:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(found)]
    return [f"{short(code.co_filename)}:{line} in {code.co_name}" for code, line in frames[-MOST_FRAMES:]]


def short(path: str) -> str:
    """Return a source file's path from its package on: where that is installed tells nobody anything."""
    path = path.replace("\\", "/")
    return next((path.rpartition(root)[2] for root in _ROOTS if root in path), path)
