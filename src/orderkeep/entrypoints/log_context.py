"""The request that a log line belongs to: what is known of it is asked for when a line is written, and not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar

Tell = Callable[[], Mapping[str, object]]
"""Says, by the names of the fields of log lines, what is known by now of a request."""

current_request: ContextVar[Tell | None] = ContextVar("orderkeep_request", default=None)


def told_of_request() -> Mapping[str, object]:
    """Return what is known of the request that is being answered; nothing where there is none."""
    tell = current_request.get()
    return tell() if tell is not None else {}
