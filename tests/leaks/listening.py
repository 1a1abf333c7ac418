"""Reads all outputs of the service other than its responses, and finds the canaries in them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orderkeep.entrypoints.logs import LogFormatter
from tests.leaks.canaries import NAME, VALUE

MAY_REPEAT = {"link"}
"""Headers of answers that go on with what was asked: the next page of a list has the filters of this one."""


class Leak(AssertionError):
    """A canary stands where none may."""


def hold(where: str, text: str, *marks: str) -> None:
    """Raise `Leak` where one of the marks stands in the text."""
    for mark in marks or (VALUE, NAME):
        at = text.lower().find(mark)
        if at >= 0:
            raise Leak(f"{where}: …{text[max(at - 120, 0) : at + 60]}…")


def hold_answer(asked: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise `Leak` where an answer repeats a value that it need not: all headers, and problem documents."""
    for name, value in headers.items():
        if name.lower() not in MAY_REPEAT:
            hold(f"{asked}: header {name}", f"{name}: {value}")
    if status >= 400:
        hold(f"{asked}: the problem document", body.decode(), VALUE)
    elif asked.endswith("/metrics"):
        hold("the metrics", body.decode())


@contextmanager
def listening() -> Iterator[None]:
    """Raise `Leak` at the end where any logger was told a canary, at whichever level, in both forms of lines."""
    streams = [io.StringIO(), io.StringIO()]
    root, before = logging.getLogger(), logging.getLogger().level
    handlers = [logging.StreamHandler(stream) for stream in streams]
    for handler, lines in zip(handlers, (LogFormatter("json"), LogFormatter("text")), strict=True):
        handler.setFormatter(lines)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours = logging.getLogger("orderkeep")
    ours_before = ours.level
    ours.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.setLevel(ours_before)
        root.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
    for stream in streams:
        hold("the log", stream.getvalue())
        hold_lines(stream.getvalue())


def hold_lines(log: str) -> None:
    """Raise `Leak` where something in the log reaches a terminal raw."""
    for line in log.split("\n"):
        if not line.isprintable():
            raise Leak(f"the log has control characters: {line!r}")
